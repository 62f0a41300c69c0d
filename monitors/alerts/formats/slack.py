"""Slack: blocks with a text for the notification on the phone. A bot's message is kept up to date
(chat.update); what people must notice goes below it as an answer that the channel sees too. An incoming
webhook's message cannot be changed: each is a new one.

Texts are escaped as Slack asks (`&`, `<`, `>`) and marked verbatim, so that no mention and no link comes from
what a vendor says. Limits are those of Slack's block reference.
"""

import re

import msgspec

from integrations.execution.outcome import FailureKind
from integrations.execution.transport import Reply
from monitors.alerts.formats.drawing import Drawn, Heard, Letter
from monitors.alerts.formats.sending import Once, answered, fitted, posted
from monitors.alerts.formats.telling import untold
from monitors.alerts.links import Link
from monitors.alerts.notification import Reason
from monitors.alerts.plain import shortened
from monitors.alerts.receivers import SlackReceiver
from monitors.alerts.wording import Brief, Story, brief

LONGEST_HEADER = 150
LONGEST_SECTION = 3_000
LONGEST_TEXT = 4_000
LARGEST = 12_000
"""Of all blocks together: beyond about 13,000 characters Slack answers msg_blocks_too_long."""
MOST_STORIES = 10
MOST_BUTTONS = 5
GIVE_UP_UPDATING = 3
"""From this try on a message is posted anew: the one to be changed may have been deleted."""

_NEW = frozenset({Reason.FIRST, Reason.DIGEST})
_NOTICED = frozenset({Reason.NEW_ALERTS, Reason.ESCALATION, Reason.REMINDER, Reason.REPEAT, Reason.TEST})
_MARKS = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "*": "\u2217", "`": "'", "~": "\u223c"})
_WORD = re.compile(r"[a-z_]{1,60}")
_REFUSED = frozenset({"invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired"})
_DENIED = frozenset({"missing_scope", "not_in_channel", "restricted_action", "no_permission"})
_FOLDED = {"unfurl_links": False, "unfurl_media": False}
_GONE = frozenset({"no_service", "no_team", "channel_is_archived"})


class SlackFormat(Once):
    """One channel."""

    def __init__(self, receiver: SlackReceiver) -> None:
        self._receiver = receiver

    def draw(self, letter: Letter) -> tuple[Drawn, ...]:
        """One request."""
        message = _message(brief(letter.notification))
        if self._receiver.url is not None:
            return (posted(self._receiver.url.reveal(), {**message, **_FOLDED}),)
        method, where = self._method(letter)
        token = self._receiver.token.reveal() if self._receiver.token else ""
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json; charset=utf-8"}
        url = f"{self._receiver.api_url.rstrip('/')}/{method}"
        return (posted(url, {**where, **message}, headers=headers),)

    def _method(self, letter: Letter) -> tuple[str, dict[str, object]]:
        """A message is changed where it need not be noticed, and answered where it must be."""
        channel, _, ts = letter.reference.partition(":")
        if not ts or letter.notification.reason in _NEW or letter.attempt >= GIVE_UP_UPDATING:
            return "chat.postMessage", {"channel": self._receiver.channel, **_FOLDED}
        if letter.notification.reason in _NOTICED:
            answer = {"channel": channel, "thread_ts": ts, "reply_broadcast": True}
            return "chat.postMessage", {**answer, **_FOLDED}
        return "chat.update", {"channel": channel, "ts": ts}

    def read(self, reply: Reply) -> Heard:
        """An answer of the Web API says `ok`, and which message it made; a webhook's is one word."""
        if self._receiver.url is not None:
            return Heard(is_gone=reply.status >= 400 and reply.text().strip() in _GONE)
        said = answered(reply)
        if said.get("ok") is True:
            return Heard(reference=_reference(said))
        if not 200 <= reply.status < 300:
            return Heard()
        word = str(said.get("error", ""))
        named = word if _WORD.fullmatch(word) else "an answer that is none"
        return Heard(kind=_kind(word), failure=f"Slack answered: {named}")


def escaped(text: str) -> str:
    """A text in which Slack finds no mention, no link and no mark-up."""
    return text.translate(_MARKS)


def _message(said: Brief) -> dict[str, object]:
    def blocks(count: int) -> bytes:
        return msgspec.json.encode(_blocks(said, count=count))

    told = fitted(blocks, count=min(MOST_STORIES, len(said.stories)), limit=LARGEST)
    return {
        "text": shortened(escaped(said.title), LONGEST_TEXT),
        "blocks": msgspec.Raw(told),
    }


def _blocks(said: Brief, *, count: int) -> list[dict[str, object]]:
    blocks: list[dict[str, object]] = [
        {"type": "header", "text": _plain(shortened(said.title, LONGEST_HEADER))}
    ]
    if said.why_now:
        blocks.append(_section(escaped(said.why_now)))
    for story in said.stories[:count]:
        blocks.append(_section(_story(story, is_alone=len(said.stories) == 1)))
        if buttons := _buttons(story.links):
            blocks.append({"type": "actions", "elements": buttons})
    rest = (untold(said, told=count, limit=1_000), said.explains)
    blocks += [_section(escaped(text)) for text in rest if text]
    if links := [f"<{link.url}|{escaped(link.text)}>" for link in said.links]:
        elements = [{"type": "mrkdwn", "text": text, "verbatim": True} for text in links]
        blocks.append({"type": "context", "elements": elements})
    return blocks


def _story(story: Story, *, is_alone: bool) -> str:
    lines = [f"*{line.name}:* {escaped(line.text)}" for line in story.lines]
    return "\n".join(lines if is_alone else [f"*{escaped(story.headline)}*", *lines])


def _section(text: str) -> dict[str, object]:
    return {
        "type": "section",
        "text": {"type": "mrkdwn", "text": shortened(text, LONGEST_SECTION), "verbatim": True},
    }


def _plain(text: str) -> dict[str, object]:
    return {"type": "plain_text", "text": text, "emoji": False}


def _buttons(links: tuple[Link, ...]) -> list[dict[str, object]]:
    return [
        {"type": "button", "text": _plain(shortened(link.text, 75)), "url": link.url}
        for link in links[:MOST_BUTTONS]
    ]


def _reference(said: object) -> str:
    """Channel and time stamp of the message to keep up to date: of an answer, that of what it answers."""
    match said:
        case {"channel": str(channel), "message": {"thread_ts": str(ts)}} | {
            "channel": str(channel),
            "ts": str(ts),
        }:
            return f"{channel}:{ts}"
    return ""


def _kind(word: str) -> FailureKind:
    if word in _REFUSED:
        return FailureKind.UNAUTHORIZED
    if word in _DENIED:
        return FailureKind.FORBIDDEN
    return FailureKind.THROTTLED if word in {"ratelimited", "rate_limited"} else FailureKind.VENDOR_ERROR
