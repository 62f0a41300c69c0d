"""Microsoft Teams: an adaptive card for a workflow's "When a Teams webhook request is received". A workflow
cannot change what it posted, so each message is a new one.

All texts stand in TextRuns, which know no Markdown (https://adaptivecards.io/explorer/TextRun.html), so what
a vendor says can hold neither a link nor a mention. Teams takes 28 KB.
"""

import msgspec

from monitors.alerts.formats.drawing import Drawn, Letter
from monitors.alerts.formats.sending import Once, fitted, posted
from monitors.alerts.formats.telling import untold
from monitors.alerts.receivers import TeamsReceiver
from monitors.alerts.wording import Brief, Story, brief

LARGEST = 28_000
MOST_ACTIONS = 6
_VERSION = "1.4"
_SCHEMA = "http://adaptivecards.io/schemas/adaptive-card.json"

Element = dict[str, object]


class TeamsFormat(Once):
    """One channel's workflow."""

    def __init__(self, receiver: TeamsReceiver) -> None:
        self._receiver = receiver

    def draw(self, letter: Letter) -> tuple[Drawn, ...]:
        """One card."""
        said = brief(letter.notification)

        def body(count: int) -> bytes:
            return msgspec.json.encode(_message(said, count=count))

        return (posted(self._receiver.url.reveal(), fitted(body, count=len(said.stories), limit=LARGEST)),)


def _message(said: Brief, *, count: int) -> dict[str, object]:
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": card(said, count=count),
    }
    return {"type": "message", "attachments": [attachment]}


def card(said: Brief, *, count: int) -> Element:
    """The card, with `count` alerts told in full."""
    body = [_text((said.title, {"size": "Large", "weight": "Bolder", "color": _colour(said)}))]
    if said.why_now:
        body.append(_text((said.why_now, {"isSubtle": True})))
    for story in said.stories[:count]:
        body += _story(story, is_alone=len(said.stories) == 1)
    for rest in (untold(said, told=count, limit=2_000), said.explains):
        if rest:
            body.append(_text((rest, {})))
    return {
        "$schema": _SCHEMA,
        "type": "AdaptiveCard",
        "version": _VERSION,
        "fallbackText": said.title,
        "msteams": {"width": "Full"},
        "body": body,
        "actions": _actions(said, count=count),
    }


def _story(story: Story, *, is_alone: bool) -> list[Element]:
    head = [] if is_alone else [_text((story.headline, {"weight": "Bolder"}), separator=True)]
    return head + [_text((f"{line.name}: ", {"weight": "Bolder"}), (line.text, {})) for line in story.lines]


def _text(*runs: tuple[str, dict[str, object]], separator: bool = False) -> Element:
    inlines = [{"type": "TextRun", "text": text, **style} for text, style in runs]
    block: Element = {"type": "RichTextBlock", "inlines": inlines}
    return block | {"separator": True} if separator else block


def _actions(said: Brief, *, count: int) -> list[Element]:
    links = dict.fromkeys(link for story in said.stories[:count] for link in story.links)
    wanted = [*links, *said.links][:MOST_ACTIONS]
    return [{"type": "Action.OpenUrl", "title": link.text, "url": link.url} for link in wanted]


def _colour(said: Brief) -> str:
    if not said.is_firing:
        return "Good"
    return "Attention" if said.severity in {"critical", "error"} else "Warning"
