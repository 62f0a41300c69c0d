"""Events of Standard Webhooks: golden bodies, their schemas, and what is left out when there is too much."""

from pathlib import Path

import jsonschema_rs
import msgspec
import pytest
import standardwebhooks

from integrations.credentials.secret import Secret
from integrations.execution.outcome import FailureKind
from integrations.signals import Evidence, Health
from monitors.alerts.alert import Alert
from monitors.alerts.builtin_rules import BUILTIN_RULES
from monitors.alerts.event_types import BY_ALERT, TYPES, event_type
from monitors.alerts.formats.drawing import Letter
from monitors.alerts.formats.schemas import documents
from monitors.alerts.formats.standard_webhooks import LARGEST, StandardWebhookFormat, body_of
from monitors.alerts.notification import Notification, Reason
from monitors.alerts.receivers import WebhookReceiver
from monitors.incident import Acknowledgement, Impact, Incident, TimelineEntry
from tests.fakes.outbox import notification, queued

EVENTS = Path(__file__).parents[4] / "docs" / "events"
AT = 1_800_000_000.0
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def incident(**more: object) -> Incident:
    known: dict[str, object] = {
        "id": "inc-1",
        "integration": "slack-prod",
        "vendor": "slack",
        "capability": "",
        "state": Health.DOWN,
        "evidence": Evidence.CHECK,
        "reason": "no answer within 10 s",
        "began_at": AT - 60,
        "opened_at": AT - 30,
        "kind": FailureKind.TIMEOUT,
        "vendor_says": "Investigating",
        "impact": Impact(calls=9, failures=4, rejected=1),
        "acknowledgement": Acknowledgement(actor="ann", at=AT - 5),
        "timeline": tuple(TimelineEntry(at=AT + n, event="evidence", text=f"text {n}") for n in range(30)),
    }
    return Incident(**{**known, **more})  # type: ignore[arg-type]  # known by their names


def alert(name: str, **more: object) -> Alert:
    labels = {"alertname": name, "severity": "critical", "integration": "slack-prod"}
    known: dict[str, object] = {"annotations": {"summary": "s"}, "starts_at": AT - 30, "incident": "inc-1"}
    return Alert(labels=labels, **{**known, **more})  # type: ignore[arg-type]  # the same


def letter(told: Notification) -> Letter:
    return Letter(message=queued("id-1", type=event_type(told)), notification=told, at=AT)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (notification(alerts=(alert("IntegrationDown"),)), "integration.failed"),
        (notification(alerts=(alert("IntegrationDegraded"),)), "integration.degraded"),
        (notification(alerts=(alert("IntegrationDown"),), status="resolved"), "integration.recovered"),
        (notification(alerts=(alert("IntegrationDegraded"),), status="resolved"), "integration.recovered"),
        (notification(alerts=(alert("QuotaLow"),)), "quota.low"),
        (notification(alerts=(alert("CredentialExpiring"),)), "credential.expiring"),
        (notification(alerts=(alert("ContractDrift"),)), "contract.drift"),
        (notification(alerts=(alert("BreakerOpen"),)), "breaker.opened"),
        (notification(alerts=(alert("BreakerOpen"),), status="resolved"), "alert.resolved"),
        (notification(alerts=(alert("A"),), incidents=(incident(),)), "incident.opened"),
        (
            notification(alerts=(alert("IntegrationDown"), alert("QuotaLow")), incidents=(incident(),)),
            "incident.opened",
        ),
        (
            notification(alerts=(alert("A"),), incidents=(incident(),), reason=Reason.REPEAT),
            "incident.updated",
        ),
        (notification(alerts=(alert("A"),), incidents=(incident(),), status="resolved"), "incident.resolved"),
        (notification(alerts=(alert("A"),)), "alert.firing"),
        (notification(reason=Reason.TEST), "receiver.test"),
        (notification(reason=Reason.DIGEST), "alert.digest"),
    ],
)
def test_the_type_of_a_notification(told: Notification, expected: str) -> None:
    assert event_type(told) == expected
    assert expected in TYPES


def test_types_are_named_once() -> None:
    assert len(set(TYPES)) == len(TYPES)
    assert set(BY_ALERT.values()) < set(TYPES)


@pytest.mark.parametrize("name", sorted(documents()))
def test_the_schemas_in_the_manual_are_those_of_the_code(name: str) -> None:
    assert (EVENTS / name).read_text() == documents()[name], (
        "python -m monitors.alerts.formats.schemas docs/events writes them anew"
    )


def test_no_schema_is_left_over() -> None:
    assert {path.name for path in EVENTS.glob("*.json")} == set(documents())


@pytest.mark.parametrize(
    "told",
    [
        notification(alerts=(alert("IntegrationDown"),), incidents=(incident(),), children=("a", "b")),
        notification(alerts=(alert("IntegrationDown", ends_at=AT),), status="resolved",
                     incidents=(incident(resolved_at=AT, acknowledgement=None, impact=None, kind=None),)),
        notification(alerts=(alert("QuotaLow", incident=""),)),
        notification(reason=Reason.TEST, alerts=()),
    ],
    ids=["firing", "resolved", "without an incident", "empty"],
)  # fmt: skip
def test_what_is_sent_fits_its_schema(told: Notification) -> None:
    sent = letter(told)
    schema = msgspec.json.decode((EVENTS / f"{sent.message.type}.json").read_text())

    jsonschema_rs.validator_for(schema).validate(msgspec.json.decode(body_of(sent)))


def test_a_schema_refuses_another_type_and_a_missing_field() -> None:
    sent = letter(notification(alerts=(alert("IntegrationDown"),)))
    validator = jsonschema_rs.validator_for(
        msgspec.json.decode((EVENTS / "integration.failed.json").read_text())
    )
    body = msgspec.json.decode(body_of(sent))

    assert validator.is_valid(body)
    assert not validator.is_valid({**body, "type": "quota.low"})
    assert not validator.is_valid(
        {**body, "data": {key: body["data"][key] for key in list(body["data"])[1:]}}
    )


def test_the_golden_body() -> None:
    told = notification(alerts=(alert("IntegrationDown"),), incidents=(incident(timeline=()),))

    body = msgspec.json.decode(body_of(letter(told)))

    assert (body["type"], body["timestamp"]) == ("integration.failed", "2027-01-15T08:00:00Z")
    assert body["data"]["alerts"] == [
        {
            "status": "firing",
            "labels": {"alertname": "IntegrationDown", "severity": "critical", "integration": "slack-prod"},
            "annotations": {"summary": "s"},
            "starts_at": "2027-01-15T07:59:30Z",
            "ends_at": None,
            "fingerprint": alert("IntegrationDown").fingerprint,
            "incident": "inc-1",
            "link": "",
        }
    ]
    (told_incident,) = body["data"]["incidents"]
    assert told_incident["impact"] == {
        "calls": 9, "failures": 4, "rejected": 1, "callers": [], "source": "memory",
    }  # fmt: skip
    assert told_incident["acknowledgement"]["expires_at"] is None
    assert (told_incident["state"], told_incident["kind"]) == ("down", "timeout")


def test_a_body_is_the_same_at_every_try_and_its_signature_is_of_the_try() -> None:
    receiver = WebhookReceiver(name="w", url=Secret("https://w.example"), signing_secrets=(Secret(SECRET),))
    drawing = StandardWebhookFormat(receiver)
    first = letter(notification())
    second = msgspec.structs.replace(first, at=AT + 90, attempt=2)

    ((one,), (two,)) = drawing.draw(first), drawing.draw(second)

    assert one.body == two.body
    assert one.headers["webhook-id"] == two.headers["webhook-id"] == "id-1"
    assert one.headers["webhook-signature"] != two.headers["webhook-signature"]
    assert int(two.headers["webhook-timestamp"]) - int(one.headers["webhook-timestamp"]) == 90


def test_receivers_libraries_verify_what_is_sent() -> None:
    now = standardwebhooks.webhooks.datetime.now(tz=standardwebhooks.webhooks.timezone.utc).timestamp()
    receiver = WebhookReceiver(name="w", url=Secret("https://w.example"), signing_secrets=(Secret(SECRET),))
    (drawn,) = StandardWebhookFormat(receiver).draw(msgspec.structs.replace(letter(notification()), at=now))

    verified = standardwebhooks.Webhook(SECRET).verify(drawn.body, dict(drawn.headers))
    assert verified["type"] == "integration.failed"


def test_too_many_alerts_are_left_out_and_counted() -> None:
    many = tuple(alert("A", annotations={"text": "x" * 1000, "n": str(n)}) for n in range(1000))
    told = notification(alerts=many, truncated_alerts=5)

    body = body_of(letter(told))
    data = msgspec.json.decode(body)["data"]

    assert len(body) <= LARGEST
    assert data["truncated_alerts"] == 5 + 1000 - len(data["alerts"])
    assert 0 < len(data["alerts"]) < 1000


def test_each_built_in_rule_has_a_type_of_its_own() -> None:
    assert {rule.name for rule in BUILTIN_RULES} <= set(BY_ALERT)
