"""Which signals pass which filters."""

import pytest

from app.live.selection import KINDS, Selection
from integrations.execution.outcome import FailureKind, Origin
from integrations.signals import (
    APIRequest,
    BreakerState,
    BreakerTransition,
    CheckResult,
    ConfigChange,
    CredentialNotice,
    DeliveryAttempt,
    Evidence,
    Health,
    HealthChange,
    HeartbeatReport,
    IncidentChange,
    ObjectiveChange,
    QueryRun,
    QuotaSample,
    WebhookReceipt,
)
from tests.fakes.calls import call_record

LINE = {"at": 1.0, "integration": "shop", "vendor": "http"}
REQUEST = {"at": 1.0, "method": "GET", "route": "/", "duration": 0.1}


def check(**changes):
    return CheckResult(**LINE, capability="read", action="get", **changes)


def health(after, **changes):
    return HealthChange(
        **LINE,
        capability="",
        before=Health.UP,
        after=after,
        evidence=Evidence.CHECK,
        reason="x",
        since=0.0,
        **changes,
    )


def incident(event):
    return IncidentChange(
        **LINE, incident="i-1", capability="", event=event, state=Health.DOWN, opened_at=1.0, reason="x"
    )


def delivery(result):
    return DeliveryAttempt(
        at=1, message="m", receiver="r", format="webhook", type="incident.opened", attempt=1, result=result
    )


def breaker(after):
    return BreakerTransition(**LINE, capability="read", before=BreakerState.CLOSED, after=after, reason="x")


@pytest.mark.parametrize(
    ("selection", "passes"),
    [
        pytest.param({}, True, id="everything"),
        pytest.param({"kinds": {"call_record"}}, True, id="its kind"),
        pytest.param({"kinds": {"check_result"}}, False, id="another kind"),
        pytest.param({"integrations": {"github-prod", "shop"}}, True, id="one of these integrations"),
        pytest.param({"integrations": {"shop"}}, False, id="another integration"),
        pytest.param({"vendors": {"github"}}, True, id="its vendor"),
        pytest.param({"vendors": {"slack"}}, False, id="another vendor"),
        pytest.param({"capabilities": {"read"}}, True, id="its capability"),
        pytest.param({"capabilities": {"write"}}, False, id="another capability"),
        pytest.param({"origins": {"traffic"}}, True, id="its origin"),
        pytest.param({"origins": {"check"}}, False, id="another origin"),
        pytest.param({"failed": True}, False, id="failures only"),
        pytest.param({"vendors": {"github"}, "origins": {"check"}}, False, id="all must hold"),
    ],
)
def test_a_call_passes_filters_that_all_hold(selection, passes):
    given = {name: value if value is True else frozenset(value) for name, value in selection.items()}
    assert Selection(**given).matches(call_record()) is passes


@pytest.mark.parametrize("name", ["integrations", "vendors", "capabilities", "origins"])
def test_a_signal_without_the_field_does_not_pass(name):
    change = ConfigChange(at=1, source="x", sha256="y", integrations=1, version="1")
    assert not Selection(**{name: frozenset({"github"})}).matches(change)
    assert Selection(kinds=frozenset({"config_change"})).matches(change)


def test_a_check_is_of_the_origin_check():
    assert Selection(origins=frozenset({Origin.CHECK.value})).matches(check())
    assert not Selection(origins=frozenset({Origin.TRAFFIC.value})).matches(check())


@pytest.mark.parametrize(
    ("signal", "failed"),
    [
        pytest.param(call_record(kind=FailureKind.TIMEOUT), True, id="failed call"),
        pytest.param(call_record(), False, id="call"),
        pytest.param(check(kind=FailureKind.DNS), True, id="failed check"),
        pytest.param(check(), False, id="check"),
        pytest.param(health(Health.DOWN), True, id="down"),
        pytest.param(health(Health.UP), False, id="recovery"),
        pytest.param(health(Health.PAUSED), False, id="paused"),
        pytest.param(health(Health.UNKNOWN), False, id="not known yet"),
        pytest.param(health(Health.UNKNOWN, kind=FailureKind.NOT_FOUND), True, id="unknown by a failure"),
        pytest.param(breaker(BreakerState.OPEN), True, id="open"),
        pytest.param(breaker(BreakerState.CLOSED), False, id="closed"),
        pytest.param(CredentialNotice(**LINE, event="rejected"), True, id="credential"),
        pytest.param(CredentialNotice(**LINE, event="reread"), False, id="new credential"),
        pytest.param(WebhookReceipt(**LINE, event_type="", verdict="stale"), True, id="stale webhook"),
        pytest.param(WebhookReceipt(**LINE, event_type="", verdict="accepted"), False, id="webhook"),
        pytest.param(incident("opened"), True, id="incident"),
        pytest.param(incident("reopened"), True, id="incident again"),
        pytest.param(incident("resolved"), False, id="end of an incident"),
        pytest.param(incident("acknowledged"), False, id="somebody works on it"),
        pytest.param(delivery("failed"), True, id="try that failed"),
        pytest.param(delivery("dead"), True, id="dead letter"),
        pytest.param(delivery("delivered"), False, id="delivery"),
        pytest.param(APIRequest(**REQUEST, status=404), True, id="refused request"),
        pytest.param(APIRequest(**REQUEST, status=200), False, id="request"),
        pytest.param(QueryRun(at=1, query="q", caller="", duration=1, rows=0, error="x"), True, id="query"),
        pytest.param(
            ObjectiveChange(at=1, objective="web", before="", after="warning"), True, id="a burn begins"
        ),
        pytest.param(
            ObjectiveChange(at=1, objective="web", before="warning", after="critical"), True, id="worse burn"
        ),
        pytest.param(
            ObjectiveChange(at=1, objective="web", before="critical", after="warning"),
            False,
            id="a burn eases",
        ),
        pytest.param(
            ObjectiveChange(at=1, objective="web", before="warning", after=""), False, id="a burn is over"
        ),
        pytest.param(HeartbeatReport(at=1, heartbeat="job", beat="fail"), True, id="a job that failed"),
        pytest.param(
            HeartbeatReport(at=1, heartbeat="job", beat="success"), False, id="a job that succeeded"
        ),
        pytest.param(QuotaSample(**LINE, bucket="core"), False, id="quota"),
    ],
)
def test_failures_are_what_went_wrong_and_no_recovery(signal, failed):
    assert Selection(failed=True).matches(signal) is failed


def test_every_kind_of_signal_can_be_named():
    assert len(KINDS) == 17
    assert "health_change" in KINDS
