"""A brief as plain text of several lines: for descriptions, and the part of a mail that all programs show."""

from collections.abc import Iterator

from monitors.alerts.plain import and_more, shortened
from monitors.alerts.wording import Brief, Story


def as_text(brief: Brief, *, limit: int) -> str:
    """All that it says, in at most `limit` characters: fewer alerts are told in full where it is too long,
    and the text says how many are not.
    """
    for told in range(len(brief.stories), 0, -1):
        text = "\n".join(_lines(brief, told=told)).strip()
        if len(text) <= limit:
            return text
    return shortened("\n".join(_lines(brief, told=0)).strip(), limit)


def untold(brief: Brief, *, told: int, limit: int) -> str:
    """What stands for the alerts after the first `told`, and those the notification no longer holds; empty
    for none.
    """
    left = [story.headline for story in brief.stories[told:]]
    count = len(left) + brief.left_out
    if not count:
        return ""
    named = f": {and_more(left, limit=limit)}" if left else ""
    return f"And {count} more{named}."


def _lines(brief: Brief, *, told: int) -> Iterator[str]:
    if brief.why_now:
        yield from (brief.why_now, "")
    for story in brief.stories[:told]:
        yield from _story(story)
    if rest := untold(brief, told=told, limit=600):
        yield from (rest, "")
    if brief.explains:
        yield from (brief.explains, "")
    for link in brief.links:
        yield f"{link.text}: {link.url}"


def _story(story: Story) -> Iterator[str]:
    yield story.headline
    for line in story.lines:
        yield f"{line.name}: {line.text}"
    for link in story.links:
        yield f"{link.text}: {link.url}"
    yield ""
