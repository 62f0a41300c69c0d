"""The pages of incidents: what goes on, since when, who works on it, who was told and why."""

import re

import anyio
import pytest

from integrations.signals import Health
from monitors.alerts.matchers import parse_matchers
from monitors.alerts.settings import AlertSettings
from tests.app.web.test_pages import HOSTILE, page
from tests.fakes.desks import FakeAlerting
from tests.fakes.parts import FakeDialtone


@pytest.fixture
def dialtone() -> FakeDialtone:
    return FakeDialtone()


def acknowledge(dialtone: FakeDialtone, incident: str) -> None:
    desk = dialtone.alerting.desks.incidents

    async def held() -> None:
        await desk.acknowledge(incident, actor="ann", reason="on it", expires_in=None)

    anyio.run(held)


def words(text: str) -> str:
    """A page without its tags, in single spaces."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))


def test_without_incidents_the_page_is_calm(dialtone: FakeDialtone) -> None:
    assert "No incident goes on" in page(dialtone, "/incidents")


def test_those_that_nobody_works_on_come_first(dialtone: FakeDialtone) -> None:
    held = dialtone.alerting.fail("slack-prod")
    dialtone.alerting.run(1)
    dialtone.alerting.fail("jira-cloud", health=Health.UNAUTHORIZED)

    acknowledge(dialtone, held.id)
    text = page(dialtone, "/incidents")

    assert "2 incidents go on" in text
    assert text.index(">jira-cloud</a>") < text.index(">slack-prod</a>")
    assert "nobody yet" in text
    assert '<td data-label="Who works on it">ann</td>' in text


def test_resolved_ones_stay_to_be_read(dialtone: FakeDialtone) -> None:
    incident = dialtone.alerting.fail("slack-prod")
    dialtone.alerting.run(90)
    dialtone.alerting.mend("slack-prod")
    dialtone.alerting.run(1)

    assert f'href="/incidents/{incident.id}"' in page(dialtone, "/incidents")
    assert "Lasted 1 min" in words(page(dialtone, f"/incidents/{incident.id}"))


def test_who_worked_on_a_resolved_one_does_so_no_longer(dialtone: FakeDialtone) -> None:
    incident = dialtone.alerting.fail("slack-prod")
    acknowledge(dialtone, incident.id)
    assert "ann works on it" in page(dialtone, f"/incidents/{incident.id}")

    dialtone.alerting.mend("slack-prod")
    dialtone.alerting.run(1)

    assert "ann worked on it" in page(dialtone, f"/incidents/{incident.id}")


def test_on_a_phone_a_row_is_read_without_the_heads_of_columns(dialtone: FakeDialtone) -> None:
    dialtone.alerting.fail("slack-prod", reason="it does not answer")
    text = page(dialtone, "/incidents")

    assert '<td class="words">it does not answer</td>' in text
    assert all(f'data-label="{label}"' in text for label in ("Who works on it", "Cost"))


def test_silences_and_receivers_in_trouble_are_shown(dialtone: FakeDialtone) -> None:
    async def silence() -> None:
        await dialtone.alerting.desks.silences.create(
            parse_matchers('vendor="slack"'), actor="ann", comment="their work"
        )

    anyio.run(silence)
    dialtone.alerting.disable("chat", "410 Gone")
    text = words(page(dialtone, "/incidents"))

    assert "vendor=&#34;slack&#34; ann their work" in text
    assert "chat webhook disabled : 410 Gone" in text


def test_without_receivers_it_says_that_nobody_is_told(dialtone: FakeDialtone) -> None:
    dialtone.alerting = FakeAlerting(dialtone.clock, log=dialtone, settings=AlertSettings())

    assert "nobody is told of incidents" in page(dialtone, "/incidents")


def test_one_incident_tells_why_since_when_who_was_told_and_what_to_type(dialtone: FakeDialtone) -> None:
    incident = dialtone.alerting.fail("slack-prod", reason=HOSTILE)
    dialtone.alerting.run(40)
    text = page(dialtone, f"/incidents/{incident.id}")

    assert "<script>alert" not in text
    assert '<a href="/integrations/slack-prod">slack-prod</a>' in text
    assert "Alert <b>IntegrationDown</b> (critical) is firing." in text
    assert "pager is told: first notification." in text
    assert "no call was made since it began" in text
    assert f"dialtone ack {incident.id}" in text


def test_only_links_to_the_web_are_links(dialtone: FakeDialtone) -> None:
    incident = dialtone.alerting.fail("slack-prod")
    at = dialtone.clock.time()
    dialtone.alerting.incidents.hear_vendor("slack-prod", "outage", at=at, link="javascript:alert(1)")
    dialtone.alerting.incidents.note(incident.id, "see", actor="ann", at=at, link="https://wiki.example/7")
    text = page(dialtone, f"/incidents/{incident.id}")

    assert "javascript:" not in text
    assert 'href="https://wiki.example/7"' in text


def test_the_integrations_page_leads_to_its_incident(dialtone: FakeDialtone) -> None:
    incident = dialtone.alerting.fail("slack-prod")

    assert f'<a href="/incidents/{incident.id}">' in page(dialtone, "/integrations/slack-prod")
    assert 'href="/incidents/inc' not in page(dialtone, "/integrations/jira-cloud")


def test_the_changing_part_can_be_asked_for_alone(dialtone: FakeDialtone) -> None:
    incident = dialtone.alerting.fail("slack-prod")

    for path in ("/incidents", f"/incidents/{incident.id}"):
        assert page(dialtone, f"{path}?fragment=true").lstrip().startswith('<div id="live"')
