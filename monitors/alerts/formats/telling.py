"""A brief as plain text of several lines: for descriptions, and the part of a mail that all programs show."""

from collections.abc import Callable, Iterator

from monitors.alerts.plain import and_more, shortened
from monitors.alerts.wording import Brief, Story


def as_text(brief: Brief, *, limit: int) -> str:
    """All that it says, in at most `limit` characters: fewer alerts are told in full where it is too long,
    and the text says how many are not.
    """
    told = longest(lambda count: len(_text(brief, told=count)) <= limit, most=len(brief.stories))
    return shortened(_text(brief, told=told), limit)


def longest(fits: Callable[[int], bool], *, most: int) -> int:
    """The largest number up to `most` that fits, where smaller ones fit too; 0 when none does."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low


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


def _text(brief: Brief, *, told: int) -> str:
    return "\n".join(_lines(brief, told=told)).strip()


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
