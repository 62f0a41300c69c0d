"""Other rules of alerting, laid over what holds today."""

import pytest
from msgspec.structs import replace

from exporters.analytics.backtest.alerts.proposal import AlertRules, proposed_rules, shown
from exporters.analytics.backtest.comparison import Change, differences
from exporters.analytics.backtest.keys import InvalidProposal
from integrations.connection import CheckPolicy, Failures
from integrations.credentials.secret import Secret
from monitors.alerts.receivers import WebhookReceiver
from monitors.alerts.rules import Condition, Rule
from monitors.heartbeat_settings import HeartbeatSettings
from monitors.slo_settings import SLOSettings
from tests.fakes import alerting

CANARY = "hunter2-canary"
MINE = Rule(name="ShopDown", when=(Condition.DOWN,), severity="info", wait=30.0)
TODAY = AlertRules(check=CheckPolicy(), alerts=alerting.settings(rules=(MINE,)))


def changes(
    *, check: dict[str, object] | None = None, alerts: dict[str, object] | None = None
) -> list[Change]:
    other, _ = proposed_rules(TODAY, check_keys=check or {}, alert_keys=alerts or {})
    return list(differences(shown(TODAY), shown(other)))


def test_without_keys_nothing_is_other() -> None:
    assert proposed_rules(TODAY, check_keys={}, alert_keys={}) == (TODAY, ())
    assert changes() == []


def test_keys_of_checks_may_be_nested_or_dotted() -> None:
    other, ignored = proposed_rules(
        TODAY, check_keys={"fail_after": 5, "down_after": {"failed": 4}, "slow.enabled": False}, alert_keys={}
    )

    assert (other.check.fail_after, other.check.down_after) == (5, Failures(failed=4))
    assert not other.check.slow.enabled
    assert ignored == ()


def test_one_key_of_a_rule_is_called_by_the_rules_name() -> None:
    assert changes(alerts={"rules.ShopDown.for": 0}) == [
        Change(key="alerts.rules.ShopDown.for", today=30.0, proposed=0)
    ]


def test_a_built_in_rule_of_two_tiers_changes_in_both() -> None:
    assert changes(alerts={"rules.IntegrationDown.for": 60}) == [
        Change(key="alerts.rules.IntegrationDown.for", today=0.0, proposed=60.0),
        Change(key="alerts.rules.IntegrationDown (2).for", today=0.0, proposed=60.0),
    ]


def test_routes_may_lead_to_receivers_that_are_proposed_with_them() -> None:
    keys = {"receivers": [{"name": "night", "url": CANARY}], "route.receiver": "night"}

    other, _ = proposed_rules(TODAY, check_keys={}, alert_keys=keys)

    assert other.alerts.route is not None
    assert other.alerts.route.receiver == "night"
    assert CANARY not in repr(other)


def test_nothing_secret_is_shown() -> None:
    receiver = WebhookReceiver(name="pager", url=Secret(CANARY))
    rules = replace(TODAY, alerts=replace(TODAY.alerts, receivers=(receiver,)))

    other, _ = proposed_rules(rules, check_keys={}, alert_keys={"group_wait": 5})

    assert CANARY not in repr((shown(rules), shown(other), other))


def test_objectives_and_heartbeats_are_called_by_name_and_id_also_with_dots_in_them() -> None:
    web = SLOSettings(name="web 1.0", objective=99.9)
    job = HeartbeatSettings(id="backup", name="Nightly", period=600)
    today = replace(TODAY, alerts=replace(TODAY.alerts, slos=(web,), heartbeats=(job,)))

    dotted, _ = proposed_rules(
        today,
        check_keys={},
        alert_keys={
            "slos.web 1.0.objective": 99,
            "heartbeats.backup.grace": 5,
            "heartbeats.backup.name": "x",
        },
    )
    nested, _ = proposed_rules(
        today,
        check_keys={},
        alert_keys={
            "slos": {"web 1.0": {"objective": 99}},
            "heartbeats": {"backup": {"grace": 5, "name": "x"}},
        },
    )

    assert dotted.alerts.slos == (replace(web, objective=99.0),)
    assert dotted.alerts.heartbeats == (replace(job, grace=5.0, name="x"),)
    assert nested == dotted
    assert shown(dotted) == shown(today)


def test_a_built_in_rule_may_be_called_by_nested_keys_too() -> None:
    assert changes(alerts={"rules": {"QuotaLow": {"threshold": 0.5}}}) == changes(
        alerts={"rules.QuotaLow.threshold": 0.5}
    )


def test_keys_that_no_replay_follows_are_named_and_stay() -> None:
    other, ignored = proposed_rules(
        TODAY, check_keys={"interval": 30, "fail_after": 2}, alert_keys={"egress": {}, "watchdog": {}}
    )

    assert ignored == ("check.interval", "alerts.egress", "alerts.watchdog")
    assert (other.check.interval, other.check.fail_after) == (60.0, 2)


@pytest.mark.parametrize(
    ("check", "alerts", "key", "words"),
    [
        ({"fail_afer": 2}, {}, "check.fail_afer", "did you mean fail_after?"),
        ({"fail_after": 0}, {}, "check", "must be at least 1"),
        ({"fail_after": "x"}, {}, "check.fail_after", "Expected `int`"),
        ({}, {"group_wat": 2}, "alerts.group_wat", "did you mean group_wait?"),
        ({}, {"rules.IntegrationDwn.for": 2}, "alerts.rules.IntegrationDwn.for", "mean IntegrationDown?"),
        ({}, {"rules.ShopDown.fr": 2}, "alerts.rules.ShopDown.fr", "did you mean for?"),
        ({}, {"rules.ShopDown.for": -2}, "alerts.rules[0]", "must be at least 0"),
        ({}, {"rules.ShopDown": 2}, "alerts.rules.ShopDown", "say which key of 'ShopDown'"),
        ({}, {"route.receiver": "pagr"}, "alerts.route.receiver", "did you mean pager?"),
        ({}, {"route.group_interval": 0}, "alerts.route", "must be above 0"),
        ({}, {"slos.wb.objective": 99}, "alerts.slos.wb", "there is no 'wb' here"),
        ({}, {"slos": [{"name": "web", "objective": 100}]}, "alerts.slos", "leaves no budget"),
        ({}, {"heartbeats": [{"id": "job"}]}, "alerts.heartbeats", "either period or cron"),
        ({}, {"receivers": [{"url": "x"}]}, "alerts.receivers", "needs a name"),
    ],
)
def test_what_cannot_be_says_which_key_and_why(
    check: dict[str, object], alerts: dict[str, object], key: str, words: str
) -> None:
    with pytest.raises(InvalidProposal) as caught:
        proposed_rules(TODAY, check_keys=check, alert_keys=alerts)

    assert caught.value.key.startswith(key)
    assert words in str(caught.value)
