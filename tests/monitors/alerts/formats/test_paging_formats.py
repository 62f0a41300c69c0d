"""PagerDuty, Opsgenie and ServiceNow: one alert there a group or alert here, opened, taken and ended."""

import json

import msgspec
import pytest

from integrations.credentials.secret import Secret
from monitors.alerts.formats.drawing import Drawn
from monitors.alerts.formats.opsgenie import OpsgenieFormat
from monitors.alerts.formats.pagerduty import PagerDutyFormat
from monitors.alerts.formats.sending import dedup_key
from monitors.alerts.formats.servicenow import ServiceNowFormat
from monitors.alerts.notification import Notification, Reason
from monitors.alerts.receivers import OpsgenieReceiver, PagerDutyReceiver, ServiceNowReceiver
from tests.fakes.notifications import (
    EXTERNAL,
    HOSTILE,
    alert,
    crowd,
    hostile,
    incident,
    letter,
    notification,
    resolved,
    taken,
)

TAKEN = notification(reason=Reason.CHANGED, incidents=(taken(incident()),))
TEST = notification(reason=Reason.TEST)
PAGERDUTY = PagerDutyFormat(PagerDutyReceiver(name="r", routing_key=Secret("e" * 32)))
OPSGENIE = OpsgenieFormat(OpsgenieReceiver(name="r", api_key=Secret("genie"), tags=("dialtone", "x" * 80)))
SERVICENOW = ServiceNowFormat(
    ServiceNowReceiver(name="r", url=Secret("https://acme.service-now.com"), token=Secret("tok"))
)


def bodies(drawn: tuple[Drawn, ...]) -> list[dict[str, object]]:
    return [json.loads(one.body) for one in drawn]


def test_the_key_of_a_group_is_the_sha256_of_its_own() -> None:
    told = notification(group_key='{}:{alertname="X"}')

    assert dedup_key(told) == "25fb0bff77cf7f8850f1cb3aeea9e63be0fbd3e78a8c0ef038392ade26e7d3a6"


@pytest.mark.parametrize(
    ("told", "actions"),
    [
        (notification(), ["trigger"]),
        (notification(reason=Reason.REMINDER), ["trigger"]),
        (TAKEN, ["acknowledge"]),
        (notification(reason=Reason.NEW_ALERTS, incidents=(taken(incident()),)), ["trigger"]),
        (resolved(), ["resolve"]),
        (TEST, ["trigger", "resolve"]),
    ],
    ids=["first", "reminder", "taken", "taken but more", "resolved", "test"],
)
def test_pagerduty_is_told_what_happened(told: Notification, actions: list[str]) -> None:
    events = bodies(PAGERDUTY.draw(letter(told)))

    assert [event["event_action"] for event in events] == actions
    assert {event["routing_key"] for event in events} == {"e" * 32}
    assert len({event["dedup_key"] for event in events}) == 1
    assert (events[0]["dedup_key"] == dedup_key(told)) == (told is not TEST)


@pytest.mark.parametrize("format_", [PAGERDUTY, OPSGENIE], ids=["pagerduty", "opsgenie"])
def test_a_digest_opens_but_does_not_end_what_may_still_go_on(
    format_: PagerDutyFormat | OpsgenieFormat,
) -> None:
    over = msgspec.structs.replace(resolved(), reason=Reason.DIGEST)

    assert len(format_.draw(letter(notification(reason=Reason.DIGEST)))) == 1
    assert format_.draw(letter(over)) == ()


def test_an_event_tells_a_program_and_a_person() -> None:
    (event,) = bodies(PAGERDUTY.draw(letter()))
    payload = event["payload"]

    assert payload["summary"] == "slack-prod (Slack) is down"
    assert (payload["severity"], payload["source"], payload["component"]) == (
        "critical",
        "slack-prod",
        "slack",
    )
    assert payload["class"] == "IntegrationDown"
    assert payload["timestamp"] == "2026-11-22T21:40:00Z"
    assert payload["custom_details"]["what to do"].startswith("See whether slack is up")
    assert event["links"][0] == {"href": f"{EXTERNAL}/integrations/slack-prod", "text": "Details"}
    assert event["client_url"] == EXTERNAL


def test_a_trigger_of_a_thousand_alerts_stays_below_the_limit_and_names_who_is_left_out() -> None:
    told = crowd(1_000)
    big = tuple(alert(f"slack-{n}", annotations={"description": "é" * 900}) for n in range(1_000))

    (drawn,) = PAGERDUTY.draw(letter(notification(alerts=big, incidents=())))

    assert len(drawn.body) <= 512_000
    details = json.loads(drawn.body)["payload"]["custom_details"]
    assert 0 < len(details["alerts"]) < 1_000
    assert details["not told in full"].startswith(f"And {1_000 - len(details['alerts'])} more: ")
    (event,) = bodies(PAGERDUTY.draw(letter(told)))
    assert len(event["payload"]["summary"]) <= 1_024


@pytest.mark.parametrize(
    ("told", "paths"),
    [
        (notification(), ["/v2/alerts"]),
        (TAKEN, [f"/v2/alerts/{dedup_key(TAKEN)}/acknowledge?identifierType=alias"]),
        (resolved(), [f"/v2/alerts/{dedup_key(TAKEN)}/close?identifierType=alias"]),
    ],
    ids=["first", "taken", "resolved"],
)
def test_opsgenie_is_told_what_happened(told: Notification, paths: list[str]) -> None:
    drawn = OPSGENIE.draw(letter(told))

    assert [one.url.removeprefix("https://api.opsgenie.com") for one in drawn] == paths
    assert {one.headers["authorization"] for one in drawn} == {"GenieKey genie"}


def test_opsgenie_s_limits_are_kept() -> None:
    names = tuple(alert("i" * 60 + str(n), annotations={"summary": "s" * 300}) for n in range(400))

    (body,) = bodies(OPSGENIE.draw(letter(notification(alerts=names, incidents=()))))

    assert len(body["message"]) <= 130
    assert body["message"].endswith("(shortened)")
    assert len(body["description"]) <= 15_000
    assert "more" in body["description"]
    assert len(body["tags"]) == 20
    assert max(map(len, body["tags"])) == 50
    assert len(body["entity"]) <= 512
    assert body["priority"] == "P1"
    assert sum(len(name) + len(value) for name, value in body["details"].items()) <= 8_000


def test_details_of_many_labels_stay_below_the_limit() -> None:
    labels = {f"label_{n:03d}": "v" * 200 for n in range(100)}

    (body,) = bodies(OPSGENIE.draw(letter(notification(alerts=(alert(labels=labels),)))))

    assert 5_000 < sum(len(name) + len(value) for name, value in body["details"].items()) <= 8_000


def test_opsgenie_sees_no_html() -> None:
    for told in (hostile(), TAKEN, resolved()):
        for drawn in OPSGENIE.draw(letter(told)):
            body = json.loads(drawn.body)
            shown = [body.get("message", ""), body.get("description", ""), body.get("note", "")]
            assert not [text for text in shown if "<" in text or ">" in text]


def test_a_test_at_opsgenie_is_closed_at_once_under_a_name_of_its_own() -> None:
    made, closed = OPSGENIE.draw(letter(TEST))

    alias = json.loads(made.body)["alias"]
    assert alias != dedup_key(TEST)
    assert closed.url.endswith(f"/{alias}/close?identifierType=alias")


def test_servicenow_gets_an_event_an_alert_under_the_alert_s_own_key() -> None:
    told = notification(alerts=(alert(), alert("slack-eu", ends_at=1.0)), incidents=())

    (drawn,) = SERVICENOW.draw(letter(told))
    firing, over = json.loads(drawn.body)["records"]

    assert drawn.url == "https://acme.service-now.com/api/global/em/jsonv2"
    assert drawn.headers["authorization"] == "Bearer tok"
    assert (firing["severity"], firing["resolution_state"]) == ("1", "New")
    assert (over["severity"], over["resolution_state"]) == ("0", "Closing")
    assert firing["message_key"] == f"dialtone:{told.alerts[0].fingerprint}"
    assert firing["time_of_event"] == "2026-11-22 21:40:00"
    assert (firing["node"], firing["type"]) == ("slack-prod", "IntegrationDown")
    assert json.loads(firing["additional_info"])["severity"] == "critical"
    assert all(isinstance(value, str) for value in firing.values())


def test_servicenow_s_limits_are_kept_and_many_alerts_take_several_requests() -> None:
    told = notification(
        alerts=tuple(
            alert("n" * 150 + str(n), annotations={"description": HOSTILE * 10}) for n in range(1_200)
        ),
        incidents=(),
    )

    drawn = SERVICENOW.draw(letter(told))
    records = [record for body in bodies(drawn) for record in body["records"]]

    assert len(drawn) == 3
    assert len(records) == 1_200
    for name in ("source", "node", "type", "resource", "metric_name", "event_class"):
        assert max(len(record[name]) for record in records) <= 100
    assert max(len(record["description"]) for record in records) <= 4_000


def test_a_test_at_servicenow_is_ended_in_the_same_request() -> None:
    (drawn,) = SERVICENOW.draw(letter(TEST))

    assert [record["resolution_state"] for record in json.loads(drawn.body)["records"]] == ["New", "Closing"]


def test_servicenow_takes_a_name_and_a_password_and_an_address_of_one_s_own() -> None:
    receiver = ServiceNowReceiver(
        name="r",
        url=Secret("https://acme.service-now.com/em_event.do?JSONv2&sysparm_action=insertMultiple"),
        username="ada",
        password=Secret("open"),
    )

    (drawn,) = ServiceNowFormat(receiver).draw(letter())

    assert drawn.headers["authorization"] == "Basic YWRhOm9wZW4="
    assert drawn.url == receiver.url.reveal()
