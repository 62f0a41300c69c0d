"""Alertmanager's webhook as it writes it, and alerts as it wants them posted."""

import json

import pytest

from integrations.credentials.secret import Secret
from monitors.alerts.formats import go_json
from monitors.alerts.formats.alertmanager import AlertmanagerFormat
from monitors.alerts.formats.alertmanager_webhook import AlertmanagerWebhookFormat, chosen
from monitors.alerts.formats.grafana import GrafanaFormat
from monitors.alerts.formats.moments import rfc3339
from monitors.alerts.matchers import Matcher, parse_matcher, quote
from monitors.alerts.notification import Notification, Reason
from monitors.alerts.receivers import AlertmanagerReceiver, AlertmanagerWebhookReceiver, GrafanaReceiver
from tests.fakes.notifications import BEGAN, ENDED, NOW, alert, crowd, letter, notification, reply, resolved

URL = Secret("https://hooks.example/am")


def drawn(told: Notification, **fields: object) -> dict[str, object]:
    receiver = AlertmanagerWebhookReceiver(name="oncall", url=URL, **fields)
    (request,) = AlertmanagerWebhookFormat(receiver).draw(letter(told))
    return json.loads(request.body)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("<a&b>", '"\\u003ca\\u0026b\\u003e"'),
        ('"\\\n\r\t', '"\\"\\\\\\n\\r\\t"'),
        ("\b\f\x00\x7f", '"\\u0008\\u000c\\u0000\x7f"'),
        ("\u2028\u2029é東", '"\\u2028\\u2029é東"'),
        ("\ud800", '"\ufffd"'),
        ({"b": ["x", 1], "a": {}}, '{"b":["x",1],"a":{}}'),
    ],
    ids=["html", "quotes", "control", "separators", "surrogate", "nested"],
)
def test_json_is_written_as_go_writes_it(value: go_json.Value, written: str) -> None:
    assert go_json.encode(value).decode() == written + "\n"


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (BEGAN, "2026-11-22T21:40:00Z"),
        (BEGAN + 0.5, "2026-11-22T21:40:00.5Z"),
        (BEGAN + 0.1234, "2026-11-22T21:40:00.123Z"),
        (BEGAN + 0.9996, "2026-11-22T21:40:01Z"),
        (0.001, "1970-01-01T00:00:00.001Z"),
    ],
)
def test_moments_are_written_as_go_writes_them(moment: float, text: str) -> None:
    assert rfc3339(moment) == text


def test_a_group_has_alertmanager_s_fields_in_its_order() -> None:
    body = drawn(notification())

    assert list(body) == [
        "receiver", "status", "alerts", "groupLabels", "commonLabels", "commonAnnotations", "externalURL",
        "version", "groupKey", "truncatedAlerts",
    ]  # fmt: skip
    assert body["alerts"][0]["endsAt"] == "0001-01-01T00:00:00Z"
    assert list(body["alerts"][0]) == [
        "status", "labels", "annotations", "startsAt", "endsAt", "generatorURL", "fingerprint",
    ]  # fmt: skip


def test_newer_fields_are_sent_when_asked_for_in_words_alertmanager_has() -> None:
    body = drawn(notification(reason=Reason.REMINDER), newer_fields=True)

    assert body["notification_reason"] == "repeat interval elapsed"
    assert body["routeLabels"] == {"team": "payments"}
    assert drawn(notification(reason=Reason.DIGEST), newer_fields=True)["notification_reason"] == "unknown"
    assert drawn(notification(), newer_fields=True)["notification_reason"] == "first notification"


def test_alerts_beyond_the_most_are_left_out_and_counted() -> None:
    body = drawn(crowd(5, truncated_alerts=2), max_alerts=3)

    assert len(body["alerts"]) == 3
    assert body["truncatedAlerts"] == 4


def test_alerts_stand_in_alertmanager_s_order() -> None:
    with_job = alert("z", labels={"job": "b"})
    other_job = alert("a", labels={"job": "c"})
    longer = alert("a", labels={"more": "1"})
    plain, later = alert("b"), alert("c")
    told = notification(alerts=(later, longer, other_job, plain, with_job), incidents=())

    assert chosen(told, most=0)[0] == (with_job, other_job, plain, later, longer)


def test_labels_of_one_number_are_ordered_by_the_first_name_that_is_missing() -> None:
    one, other = alert("a", labels={"aa": "1"}), alert("a", labels={"ab": "1"})

    assert chosen(notification(alerts=(one, other)), most=0)[0] == (other, one)


def test_a_receiver_s_name_is_quoted_as_alertmanager_quotes_it() -> None:
    assert drawn(notification(receiver="team.a+b"))["receiver"] == "team\\.a\\+b"


def test_a_group_is_resolved_when_no_alert_that_is_sent_fires() -> None:
    assert drawn(resolved())["status"] == "resolved"
    assert drawn(resolved())["alerts"][0]["endsAt"] == rfc3339(ENDED)


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ('a"b\\', r'"a\"b\\"'),
        ("\a\b\t\n\v\f\r", r'"\a\b\t\n\v\f\r"'),
        ("\x00\x1f\x7f", r'"\x00\x1f\x7f"'),
        ("\u2028\u00a0\U000e0001", r'"\u2028\u00a0\U000e0001"'),
        ("é 東京 🔔", '"é 東京 🔔"'),
    ],
    ids=["quotes", "letters", "control", "unseen", "seen"],
)
def test_labels_in_a_group_s_key_are_quoted_as_go_quotes_them(text: str, quoted: str) -> None:
    assert quote(text) == quoted


@pytest.mark.parametrize("value", ['a"b\\c\nd', "tab\there", "é", ""])
def test_a_matcher_in_a_group_s_key_is_read_as_it_was(value: str) -> None:
    matcher = Matcher(name="note", operator="!=", value=value)

    assert parse_matcher(str(matcher)) == matcher


def test_configured_headers_are_sent() -> None:
    receiver = AlertmanagerWebhookReceiver(name="r", url=URL, headers={"X-Token": Secret("t")})

    (request,) = AlertmanagerWebhookFormat(receiver).draw(letter())

    assert request.headers == {"x-token": "t", "content-type": "application/json"}


PEERS = AlertmanagerFormat(
    AlertmanagerReceiver(name="am", urls=(Secret("http://a:9093/"), Secret("http://b:9093/am/api/v2/alerts")))
)


def test_every_peer_is_posted_the_same_alerts() -> None:
    requests = PEERS.draw(letter())

    assert [request.url for request in requests] == [
        "http://a:9093/api/v2/alerts",
        "http://b:9093/am/api/v2/alerts",
    ]
    assert len({request.body for request in requests}) == 1


def test_a_firing_alert_ends_four_minutes_from_now_and_a_resolved_one_when_it_did() -> None:
    told = notification(alerts=(alert(), alert("b", ends_at=ENDED)))

    firing, over = json.loads(PEERS.draw(letter(told, at=NOW + 120))[0].body)

    assert firing["endsAt"] == rfc3339(NOW + 360)
    assert over["endsAt"] == rfc3339(ENDED)
    assert firing["startsAt"] == rfc3339(BEGAN)
    assert set(firing) == {"labels", "annotations", "startsAt", "endsAt", "generatorURL"}


def test_names_are_such_as_every_alertmanager_takes() -> None:
    told = notification(alerts=(alert(labels={"cost-center": "7", "9lives": "x", "été": "y"}),))

    labels = json.loads(PEERS.draw(letter(told))[0].body)[0]["labels"]

    assert {"cost_center": "7", "_9lives": "x", "_t_": "y"}.items() <= labels.items()


@pytest.mark.parametrize(
    ("told", "later", "after"),
    [
        (notification(), 0.0, 60.0),
        (notification(), 86_400.0, 60.0),
        (resolved(), 0.0, 60.0),
        (resolved(), 200.0, 60.0),
        (resolved(), 300.0, None),
        (notification(reason=Reason.TEST), 0.0, None),
    ],
    ids=["firing", "still firing", "resolved", "a while ago", "long ago", "test"],
)
def test_firing_alerts_are_sent_each_minute_and_resolved_ones_for_five(
    told: Notification, later: float, after: float | None
) -> None:
    assert PEERS.repeat_after(letter(told, at=told.at + later)) == after


def test_grafana_s_receivers_get_a_state_a_title_and_a_text() -> None:
    receiver = GrafanaReceiver(name="team.a", url=URL, max_alerts=1)
    format_ = GrafanaFormat(receiver)

    body = json.loads(format_.draw(letter(crowd(2, receiver="team.a")))[0].body)

    assert body["version"] == "1"
    assert body["orgId"] == 1
    assert body["state"] == "alerting"
    assert body["receiver"] == "team.a"
    assert (len(body["alerts"]), body["truncatedAlerts"]) == (1, 1)
    assert body["title"].startswith("CRITICAL: 2 alerts")
    assert "slack-0001 (Slack) is down" in body["message"]
    assert json.loads(format_.draw(letter(resolved()))[0].body)["state"] == "ok"
    assert format_.read(reply(500)).reference == ""
    assert format_.repeat_after(letter()) is None
