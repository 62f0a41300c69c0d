"""Sets of HTTP statuses as our `status` condition lists them."""

from collections.abc import Collection, Iterator

from app.importing.draft import Rule

EVERY = range(100, 600)


def status_rule(statuses: Collection[int]) -> Rule:
    """The condition that any of these statuses meets; at least one is to be given."""
    return {"status": list(_spans(frozenset(statuses)))}


def _spans(statuses: frozenset[int]) -> Iterator[int | str]:
    """Classes where they are whole, ranges from three on, and numbers; in ascending order."""
    remaining = sorted(statuses)
    while remaining:
        first = last = remaining[0]
        while last + 1 in statuses:
            last += 1
        yield from _written(first, last)
        remaining = [status for status in remaining if status > last]


def _written(first: int, last: int) -> Iterator[int | str]:
    if first % 100 == 0 and last % 100 == 99 and (first, last) != (EVERY[0], EVERY[-1]):
        yield from (f"{hundred}xx" for hundred in range(first // 100, last // 100 + 1))
    elif last - first < 2:
        yield from range(first, last + 1)
    else:
        yield f"{first}-{last}"
