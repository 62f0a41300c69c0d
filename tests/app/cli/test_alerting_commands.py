"""`dialtone incidents`, `ack`, `alerts`, `silence`, `routes`, `receivers` and `deliveries` against the
application, in-process.
"""

import json
import re

import pytest

from integrations.execution.outcome import FailureKind
from monitors.alerts.exchange import Exchange
from monitors.alerts.schedule import Sent
from tests.app.cli.test_commands import run
from tests.fakes.parts import FakeDialtone


@pytest.fixture
def dialtone() -> FakeDialtone:
    return FakeDialtone()


@pytest.fixture
def incident(dialtone):
    """The id of an incident that the pager was told of."""
    made = dialtone.alerting.fail("slack-prod", reason="no answer\x1b[31m in 10 s")
    dialtone.alerting.run(40)
    return made.id


def test_incidents_are_listed_with_how_many_go_on(dialtone, incident):
    result = run(dialtone, "incidents")

    assert result.exit_code == 0
    assert incident in result.stdout
    assert "✗ Down" in result.stdout
    assert "\x1b" not in result.stdout
    assert result.stdout.splitlines()[-1] == "1 incident goes on"


def test_resolved_ones_are_shown_when_asked_for(dialtone, incident):
    dialtone.alerting.mend("slack-prod")
    dialtone.alerting.run(1)

    assert incident not in run(dialtone, "incidents").stdout
    assert "✓ Resolved" in run(dialtone, "incidents", "--all").stdout


def test_one_incident_is_shown_with_timeline_and_decisions(dialtone, incident):
    shown = run(dialtone, "incidents", "show", incident).stdout

    assert "opened" in shown
    assert "alert IntegrationDown (critical): firing" in shown
    assert "pager is told: first notification." in shown


def test_an_incident_is_acknowledged_by_the_name_of_its_integration(dialtone, incident):
    result = run(dialtone, "ack", "slack-prod", "--reason", "on it", "--for", "2h")

    assert result.stdout.splitlines()[-1] == "acknowledged: on it"
    held = dialtone.alerting.incidents.one(incident).acknowledgement
    assert held.expires_at == pytest.approx(dialtone.clock.time() + 7200)
    assert "works on it" in run(dialtone, "alerts").stdout
    assert run(dialtone, "unack", incident, "--reason", "asleep").exit_code == 0


def test_who_works_on_it_is_told_and_who_worked_on_it_when_it_is_over(dialtone, incident):
    run(dialtone, "ack", incident, "--reason", "on it", "--for", "2h")
    assert re.search(
        r"works on it, .+ at the latest: on it", run(dialtone, "incidents", "show", incident).stdout
    )

    run(dialtone, "incidents", "resolve", incident, "--reason", "mended")

    assert "worked on it: on it" in run(dialtone, "incidents", "show", incident).stdout


def test_notes_links_and_an_end_are_written(dialtone, incident):
    run(dialtone, "incidents", "note", incident, "a bad proxy")
    run(dialtone, "incidents", "link", incident, "https://wiki.example/7")
    result = run(dialtone, "incidents", "resolve", incident, "--reason", "handed over")

    assert "✓ Resolved" in result.stdout
    events = [entry.event for entry in dialtone.alerting.incidents.one(incident).timeline]
    assert events[-3:] == ["note", "link", "resolved"]


def test_alerts_can_be_narrowed_by_matchers(dialtone, incident):
    assert "IntegrationDown" in run(dialtone, "alerts", 'integration=~"slack.*"').stdout
    assert "No alert stands." in run(dialtone, "alerts", "integration=jira-cloud").stdout


def test_a_silence_is_made_shown_and_ended(dialtone, incident):
    previewed = run(dialtone, "silence", "preview", "vendor=slack").stdout
    made = run(dialtone, "silence", "add", "vendor=slack", "--reason", "their work", "--for", "30m")
    listed = run(dialtone, "silence", "list").stdout
    name = made.stdout.split()[0]
    ended = run(dialtone, "silence", "expire", name, "--reason", "over")

    assert "IntegrationDown" in previewed
    assert "1 alert that fires now is silenced by it" in made.stdout
    assert name in listed
    assert "their work" in listed
    assert ended.stdout == f"{name} has ended\n"
    assert name not in run(dialtone, "silence", "list").stdout
    assert name in run(dialtone, "silence", "list", "--state", "expired").stdout


def test_maintenance_shows_silences_made_for_planned_work(dialtone):
    run(dialtone, "silence", "add", "vendor=slack", "--reason", "their work", "--maintenance")

    assert "their work" in run(dialtone, "maintenance").stdout


def test_a_dry_run_of_routes_names_the_receiver_and_why(dialtone):
    result = run(dialtone, "routes", "test", "team=shop", "severity=critical")

    assert result.stdout.splitlines()[0] == "pager  by {}"
    assert "told after 10 s, of news every 300 s, again after 14400 s" in result.stdout
    assert run(dialtone, "routes", "test", "shop").exit_code == 2


def test_receivers_are_listed_and_enabled(dialtone, incident):
    dialtone.alerting.disable("chat", "410 Gone")

    listed = run(dialtone, "receivers").stdout
    enabled = run(dialtone, "receivers", "enable", "chat", "--reason", "new URL").stdout

    assert "disabled" in listed
    assert "410 Gone" in listed
    assert enabled == "chat is ok; 0 dead letters can be replayed\n"


def test_a_test_shows_what_was_said_on_both_sides(dialtone):
    said = Exchange(
        method="POST",
        url="https://hooks.example/…",
        headers={"webhook-id": "m-1"},
        body='{"type": "receiver.test"}',
        status=503,
        answer="no room\x1b[2J",
        duration=0.02,
    )
    dialtone.alerting.sender.exchanges = (said,)
    dialtone.alerting.sender.answers = [Sent(status=503, kind=FailureKind.SERVER_ERROR, detail="no room")]

    result = run(dialtone, "receivers", "test", "pager")

    assert result.exit_code == 1
    assert "> POST https://hooks.example/…" in result.stdout
    assert '> {"type": "receiver.test"}' in result.stdout
    assert "< 503 in 20" in result.stdout
    assert "\x1b" not in result.stdout
    assert "pager did not take it: no room" in result.stderr


def test_a_test_that_arrives_ends_with_0(dialtone):
    assert run(dialtone, "receivers", "test", "pager").exit_code == 0


def test_dead_letters_are_listed_shown_and_sent_again(dialtone, incident):
    message = dialtone.alerting.memory.messages[0].id
    dialtone.alerting.bury(message)

    assert message in run(dialtone, "deliveries", "dead").stdout
    assert message in run(dialtone, "deliveries", "list", "pager").stdout
    assert '"alertname": "IntegrationDown"' in run(dialtone, "deliveries", "show", message).stdout
    assert run(dialtone, "deliveries", "replay", "--all", "-r", "mended").stdout == "1 are sent again\n"
    assert run(dialtone, "deliveries", "replay", "-r", "mended").exit_code == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ("incidents",),
        ("alerts",),
        ("silence", "list"),
        ("maintenance",),
        ("receivers",),
        ("deliveries", "list"),
    ],
    ids=lambda given: given[0],
)
def test_with_json_stdout_is_the_answer(dialtone, incident, arguments):
    assert isinstance(json.loads(run(dialtone, *arguments, "--json").stdout), dict)


def test_status_says_when_nobody_would_be_told(dialtone):
    from tests.fakes.desks import FakeAlerting

    with_receivers = run(dialtone, "status").stdout
    dialtone.alerting = FakeAlerting(dialtone.clock, log=dialtone)

    assert "nobody is told" not in with_receivers
    assert "No receiver is configured: nobody is told of incidents." in run(dialtone, "status").stdout
