"""Slack, Discord and Teams: a message that is kept up to date where that is possible, within its limits."""

import json

import msgspec
import pytest

from integrations.credentials.secret import Secret
from integrations.execution.outcome import FailureKind
from monitors.alerts.formats.discord import DiscordFormat
from monitors.alerts.formats.slack import SlackFormat
from monitors.alerts.formats.teams import TeamsFormat
from monitors.alerts.notification import Notification, Reason
from monitors.alerts.receivers import DiscordReceiver, SlackReceiver, TeamsReceiver
from tests.fakes.notifications import EXTERNAL, HOSTILE, alert, crowd, letter, notification, reply, resolved

WEBHOOK = SlackFormat(SlackReceiver(name="r", url=Secret("https://hooks.slack.com/services/T/B/x")))
BOT = SlackFormat(SlackReceiver(name="r", token=Secret("xoxb-1"), channel="#ops"))
DISCORD = DiscordFormat(DiscordReceiver(name="r", url=Secret("https://discord.com/api/webhooks/1/tok")))
TEAMS = TeamsFormat(TeamsReceiver(name="r", url=Secret("https://teams.example/hook")))
REFERENCE = "C024BE91L:1503435956.000247"


def slack(told: Notification, **fields: object) -> tuple[str, dict[str, object]]:
    (drawn,) = BOT.draw(letter(told, **fields))
    return drawn.url.rpartition("/")[2], json.loads(drawn.body)


def test_a_bot_posts_the_first_message_with_its_token() -> None:
    (drawn,) = BOT.draw(letter())

    assert drawn.url == "https://slack.com/api/chat.postMessage"
    assert drawn.headers["authorization"] == "Bearer xoxb-1"
    body = json.loads(drawn.body)
    assert body["channel"] == "#ops"
    assert body["text"] == "CRITICAL: slack-prod (Slack) is down"
    assert [block["type"] for block in body["blocks"]] == ["header", "section", "actions", "context"]


@pytest.mark.parametrize("reason", [Reason.SOME_RESOLVED, Reason.ALL_RESOLVED, Reason.CHANGED])
def test_what_nobody_must_notice_changes_the_message(reason: Reason) -> None:
    method, body = slack(notification(reason=reason), reference=REFERENCE)

    assert (method, body["channel"], body["ts"]) == ("chat.update", "C024BE91L", "1503435956.000247")


@pytest.mark.parametrize(
    "reason", [Reason.NEW_ALERTS, Reason.ESCALATION, Reason.REMINDER, Reason.REPEAT, Reason.TEST]
)
def test_what_must_be_noticed_answers_it_for_the_channel_to_see(reason: Reason) -> None:
    method, body = slack(notification(reason=reason), reference=REFERENCE)

    assert (method, body["thread_ts"], body["reply_broadcast"]) == (
        "chat.postMessage",
        "1503435956.000247",
        True,
    )


@pytest.mark.parametrize("reason", [Reason.FIRST, Reason.DIGEST])
def test_what_begins_anew_is_a_new_message(reason: Reason) -> None:
    method, body = slack(notification(reason=reason), reference=REFERENCE)

    assert method == "chat.postMessage"
    assert "thread_ts" not in body


def test_a_message_that_cannot_be_changed_is_posted_anew_from_the_third_try() -> None:
    assert slack(resolved(), reference=REFERENCE, attempt=2)[0] == "chat.update"
    assert slack(resolved(), reference=REFERENCE, attempt=3)[0] == "chat.postMessage"


@pytest.mark.parametrize(
    ("body", "reference"),
    [
        ({"ok": True, "channel": "C1", "ts": "1.2", "message": {"text": "x"}}, "C1:1.2"),
        ({"ok": True, "channel": "C1", "ts": "9.9", "message": {"thread_ts": "1.2"}}, "C1:1.2"),
        ({"ok": True, "channel": "C1", "ts": "1.2", "text": "x"}, "C1:1.2"),
        ({"ok": True}, ""),
    ],
    ids=["posted", "answered", "updated", "nothing"],
)
def test_the_message_to_keep_up_to_date_is_the_one_at_the_top(
    body: dict[str, object], reference: str
) -> None:
    heard = BOT.read(reply(200, body))

    assert (heard.reference, heard.kind) == (reference, None)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, {"ok": False, "error": "channel_not_found"}, FailureKind.VENDOR_ERROR),
        (200, {"ok": False, "error": "token_revoked"}, FailureKind.UNAUTHORIZED),
        (200, {"ok": False, "error": "not_in_channel"}, FailureKind.FORBIDDEN),
        (200, {"ok": False, "error": "ratelimited"}, FailureKind.THROTTLED),
        (200, {"ok": False, "error": "<!channel> xoxb-1"}, FailureKind.VENDOR_ERROR),
        (200, "<html>", FailureKind.VENDOR_ERROR),
        (200, "[1]", FailureKind.VENDOR_ERROR),
        (503, "busy", None),
    ],
)
def test_a_200_that_says_no_is_a_failure(
    status: int, body: str | dict[str, object], kind: FailureKind | None
) -> None:
    heard = BOT.read(reply(status, body))

    assert heard.kind is kind
    assert "xoxb" not in heard.failure


@pytest.mark.parametrize(
    ("status", "body", "is_gone"),
    [(200, "ok", False), (404, "no_service", True), (410, "channel_is_archived", True), (403, "x", False)],
)
def test_an_incoming_webhook_says_when_it_is_gone(status: int, body: str, *, is_gone: bool) -> None:
    heard = WEBHOOK.read(reply(status, body))

    assert (heard.is_gone, heard.kind) == (is_gone, None)


def test_an_incoming_webhook_never_changes_a_message() -> None:
    (drawn,) = WEBHOOK.draw(letter(resolved(), reference=REFERENCE))

    assert drawn.url == "https://hooks.slack.com/services/T/B/x"
    assert not {"ts", "channel", "thread_ts"} & set(json.loads(drawn.body))


def test_slack_s_limits_are_kept() -> None:
    alerts = tuple(
        alert(f"i{n}", annotations={"description": HOSTILE + "&" * 3_000, "summary": "<" * 500})
        for n in range(200)
    )
    for told in (crowd(500), notification(alerts=alerts, incidents=())):
        (drawn,) = WEBHOOK.draw(letter(told))
        body = json.loads(drawn.body)

        assert len(json.dumps(body["blocks"])) <= 13_000
        assert len(body["blocks"]) <= 50
        assert len(body["text"]) <= 4_000
        for block in body["blocks"]:
            text = block.get("text", {})
            assert len(text.get("text", "")) <= (150 if text.get("type") == "plain_text" else 3_000)
        assert "more" in json.dumps(body["blocks"])


def test_discord_posts_and_asks_for_the_message_s_id() -> None:
    (drawn,) = DISCORD.draw(letter())
    body = json.loads(drawn.body)

    assert (drawn.method, drawn.url) == ("POST", "https://discord.com/api/webhooks/1/tok?wait=true")
    assert body["content"] == "**CRITICAL: slack-prod (Slack) is down**"
    assert body["allowed_mentions"] == {"parse": []}
    (embed,) = body["embeds"]
    assert embed["color"] == 0x992D22
    assert embed["author"] == {"name": "Dialtone", "url": EXTERNAL}
    assert f"[Details]({EXTERNAL}/integrations/slack-prod)" in embed["description"]


def test_discord_s_message_is_changed_at_the_end_and_is_green_then() -> None:
    (drawn,) = DISCORD.draw(letter(resolved(), reference="42"))

    assert (drawn.method, drawn.url) == ("PATCH", "https://discord.com/api/webhooks/1/tok/messages/42")
    assert json.loads(drawn.body)["embeds"][0]["color"] == 0x2ECC71


@pytest.mark.parametrize(
    ("told", "fields"),
    [
        (notification(reason=Reason.ESCALATION), {"reference": "42"}),
        (notification(reason=Reason.DIGEST), {"reference": "42"}),
        (resolved(), {"reference": "42", "attempt": 2}),
        (resolved(), {"reference": "../../x"}),
        (resolved(), {}),
    ],
    ids=["to be noticed", "digest", "second try", "no id", "none known"],
)
def test_discord_gets_a_new_message_otherwise(told: Notification, fields: dict[str, object]) -> None:
    (drawn,) = DISCORD.draw(letter(told, **fields))

    assert drawn.method == "POST"


def test_a_thread_in_discord_s_address_stays_there() -> None:
    receiver = DiscordReceiver(name="r", url=Secret("https://discord.com/api/webhooks/1/tok?thread_id=5"))

    (new,) = DiscordFormat(receiver).draw(letter())
    (changed,) = DiscordFormat(receiver).draw(letter(resolved(), reference="42"))

    assert new.url.endswith("/tok?thread_id=5&wait=true")
    assert changed.url.endswith("/tok/messages/42?thread_id=5")


@pytest.mark.parametrize(
    ("status", "body", "heard"),
    [
        (200, {"id": "1101"}, ("1101", False, None)),
        (204, "", ("", False, None)),
        (404, {"code": 10015, "message": "Unknown Webhook"}, ("", True, None)),
        (404, {"code": 10008, "message": "Unknown Message"}, ("", False, None)),
        (429, {"retry_after": 1.5}, ("", False, 1.5)),
        (200, {"id": "x y"}, ("", False, None)),
    ],
    ids=["posted", "empty", "webhook gone", "message gone", "throttled", "no id"],
)
def test_discord_s_answers_are_read(
    status: int, body: str | dict[str, object], heard: tuple[str, bool, float | None]
) -> None:
    said = DISCORD.read(reply(status, body))

    assert (said.reference, said.is_gone, said.retry_after) == heard


def test_discord_s_limits_are_kept() -> None:
    alerts = tuple(
        alert(f"i{n}", annotations={"description": HOSTILE * 10, "summary": "*" * 500}) for n in range(100)
    )
    for told in (crowd(500), notification(alerts=alerts, incidents=())):
        body = json.loads(DISCORD.draw(letter(told))[0].body)

        assert len(body["content"]) <= 2_000
        assert len(body["embeds"]) <= 10
        parts = [(embed.get("title", ""), embed.get("description", "")) for embed in body["embeds"]]
        assert all(len(title) <= 256 and len(text) <= 4_096 for title, text in parts)
        assert sum(len(title) + len(text) + 8 for title, text in parts) <= 6_000
        assert "more" in parts[-1][1]


def test_a_card_tells_it_in_runs_of_text_and_leads_on() -> None:
    (drawn,) = TEAMS.draw(letter())
    (attachment,) = json.loads(drawn.body)["attachments"]
    card = attachment["content"]

    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert {block["type"] for block in card["body"]} == {"RichTextBlock"}
    assert card["body"][0]["inlines"][0]["text"] == "CRITICAL: slack-prod (Slack) is down"
    assert [action["title"] for action in card["actions"]] == ["Details", "Runbook", "Dialtone"]
    assert [action["type"] for action in card["actions"]] == ["Action.OpenUrl"] * 3


@pytest.mark.parametrize(
    ("told", "colour"),
    [
        (notification(), "Attention"),
        (notification(alerts=(alert(labels={"severity": "info"}),)), "Warning"),
        (resolved(), "Good"),
    ],
)
def test_a_card_s_colour_says_how_bad_it_is(told: Notification, colour: str) -> None:
    card = json.loads(TEAMS.draw(letter(told))[0].body)["attachments"][0]["content"]

    assert card["body"][0]["inlines"][0]["color"] == colour


def test_a_card_of_many_alerts_is_smaller_than_teams_takes() -> None:
    for told in (crowd(500), crowd(20)):
        (drawn,) = TEAMS.draw(letter(told))

        assert len(drawn.body) <= 28_000
    many = msgspec.json.decode(TEAMS.draw(letter(crowd(500)))[0].body)
    assert "more: slack-" in json.dumps(many)
