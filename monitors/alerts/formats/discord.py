"""Discord: a webhook's message with an embed an alert. Where nothing new must be noticed the message is
changed instead of repeated (`?wait=true` tells its id).

Mark-up in texts is escaped, and `allowed_mentions` allows none. Limits are those of Discord's description
of its API; that of all embeds together is in its page on messages.
"""

import re

import msgspec

from integrations.execution.transport import Reply
from monitors.alerts.formats.drawing import Drawn, Heard, Letter
from monitors.alerts.formats.moments import rfc3339
from monitors.alerts.formats.sending import Once, answered, below, posted
from monitors.alerts.formats.telling import untold
from monitors.alerts.notification import Notification, Reason
from monitors.alerts.plain import shortened
from monitors.alerts.receivers import DiscordReceiver
from monitors.alerts.wording import Brief, Story, brief

LONGEST_CONTENT = 2_000
LONGEST_TITLE = 256
LONGEST_DESCRIPTION = 4_096
LONGEST_TOGETHER = 6_000
MOST_EMBEDS = 10
FIRING, RESOLVED = 0x992D22, 0x2ECC71
"""Alertmanager's colours."""
GIVE_UP_UPDATING = 2
"""From this try on a message is posted anew: the one to be changed may have been deleted."""

_MARKS = re.compile(r"([\\*_~`|>#\[\]<@])")
_ID = re.compile(r"\d{1,20}")
_UNKNOWN_WEBHOOK = 10015
_CHANGED = frozenset({Reason.SOME_RESOLVED, Reason.ALL_RESOLVED, Reason.CHANGED})

Embed = dict[str, object]


class DiscordFormat(Once):
    """One channel's webhook."""

    def __init__(self, receiver: DiscordReceiver) -> None:
        self._receiver = receiver

    def draw(self, letter: Letter) -> tuple[Drawn, ...]:
        """One request: a new message, or a change of the one that was sent last."""
        told, url = letter.notification, self._receiver.url.reveal()
        message = _message(told, brief(told))
        is_change = told.reason in _CHANGED and letter.attempt < GIVE_UP_UPDATING
        if is_change and _ID.fullmatch(letter.reference):
            return (posted(below(url, f"/messages/{letter.reference}"), message, method="PATCH"),)
        return (posted(below(url, "", query="wait=true"), message),)

    def read(self, reply: Reply) -> Heard:
        """The message's id; a webhook that was deleted stays so (and must not be asked again)."""
        said = answered(reply)
        if reply.status == 404:
            return Heard(is_gone=said.get("code") == _UNKNOWN_WEBHOOK)
        name = str(said.get("id", ""))
        return Heard(reference=name if _ID.fullmatch(name) else "", retry_after=_wait(said))


def escaped(text: str) -> str:
    """A text in which Discord finds no mark-up, mention or emoji."""
    return _MARKS.sub(r"\\\1", text)


def _wait(said: object) -> float | None:
    match said:
        case {"retry_after": int(seconds) | float(seconds)}:
            return float(seconds)
    return None


def _message(told: Notification, said: Brief) -> dict[str, object]:
    content = f"**{shortened(escaped(said.title), LONGEST_CONTENT - 4)}**"
    return {"content": content, "embeds": _embeds(told, said), "allowed_mentions": {"parse": []}}


def _embeds(told: Notification, said: Brief) -> list[Embed]:
    """As many alerts in full as there is room for, the rest by name."""
    most = min(MOST_EMBEDS - 1, len(said.stories))
    for count in range(most, 0, -1):
        embeds = _told(told, said, count=count)
        if sum(map(_size, embeds)) <= LONGEST_TOGETHER:
            return embeds
    return _told(told, said, count=0)


def _told(told: Notification, said: Brief, *, count: int) -> list[Embed]:
    home: Embed = {}
    if said.links:
        home["author"] = {"name": said.links[0].text, "url": said.links[0].url}
    embeds = [_embed(story, at=told.at) | home for story in said.stories[:count]]
    notes = [said.why_now, untold(said, told=count, limit=1_500), said.explains]
    if rest := "\n".join(escaped(note) for note in notes if note):
        colour = FIRING if said.is_firing else RESOLVED
        embeds.append({"description": shortened(rest, LONGEST_DESCRIPTION), "color": colour})
    return embeds


def _embed(story: Story, *, at: float) -> Embed:
    lines = [f"**{line.name}:** {escaped(line.text)}" for line in story.lines]
    lines += [f"[{escaped(link.text)}]({link.url})" for link in story.links]
    return {
        "title": shortened(escaped(story.headline), LONGEST_TITLE),
        "description": shortened("\n".join(lines), LONGEST_DESCRIPTION),
        "color": FIRING if story.is_firing else RESOLVED,
        "timestamp": rfc3339(at),
    }


def _size(embed: Embed) -> int:
    """What Discord counts: titles, descriptions and authors' names (and a little more: escapes)."""
    return len(msgspec.json.encode([embed.get("title", ""), embed.get("description", "")])) + len("Dialtone")
