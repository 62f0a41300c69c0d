"""Checks in their rounds, as they were made, and as other rules would have repeated them."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from exporters.analytics.backtest.recorded import REACH
from integrations.connection import CheckPolicy
from integrations.signals import CheckResult

_SLOT = 0.9
"""Of an interval, what must have passed for a round to be one of the timetable's; a repetition comes earlier
(monitors/subject.py).
"""

_AT_ONCE = 0.05
"""Seconds: the checks of a round follow one another without a gap."""

_SAME = 1.0
"""Seconds: a repetition this near to a recorded check is that check."""


class Looked(NamedTuple):
    """A check, how many seconds its calls took, and when the round of checks began that it belongs to.
    `is_slot`: the round was one of the timetable's. `is_assumed`: it was never made, and ends as the nearest
    one did.
    """

    result: CheckResult
    took: float
    began: float
    is_slot: bool
    is_assumed: bool = False


def in_rounds(
    results: Iterable[CheckResult], *, interval: float, took: Mapping[str, float] = {}
) -> list[Looked]:
    """Find the rounds that checks were made in, from when they began and ended; rounds never overlap, and
    each check is made once in one. `took` says of runs how long their calls took, which is less than the
    check did. Returns checks in the order in which they ended.
    """
    found: list[Looked] = []
    seen: set[tuple[str, str]] = set()
    began = slot_at = over = float("-inf")
    is_slot = False
    for result in sorted(results, key=_start):
        start, name = _start(result), (result.capability, result.action)
        if name in seen or start > over + _AT_ONCE:
            seen, began = set(), start
            is_slot = began - slot_at >= _SLOT * interval
            slot_at = began if is_slot else slot_at
        seen.add(name)
        over = max(over, result.at)
        found.append(Looked(result, took.get(result.run_id, result.duration), began, is_slot))
    return sorted(found, key=lambda each: (each.result.at, each.result.seq))


def _start(result: CheckResult) -> float:
    return result.at - result.duration


class Repeats:
    """The repetitions that a policy asks for: while a change is unconfirmed, each check again
    `retry_interval` after the round before, unless the timetable is first. Each ends as the recorded check
    nearest to it did.
    """

    def __init__(self, looked: Sequence[Looked], policy: CheckPolicy) -> None:
        self._every = policy.retry_interval
        self._slots = sorted({each.began for each in looked if each.is_slot})
        self._rows: dict[tuple[str, str], list[Looked]] = {}
        for each in sorted(looked, key=lambda one: _start(one.result)):
            self._rows.setdefault((each.result.capability, each.result.action), []).append(each)
        self._starts = {name: [_start(one.result) for one in rows] for name, rows in self._rows.items()}

    def due(self, began: float) -> float | None:
        """When the round that follows one is due, if the timetable has none by then."""
        place = bisect_right(self._slots, began)
        due = began + self._every
        is_first = place < len(self._slots) and self._slots[place] <= due
        return None if is_first else due

    def round(self, at: float) -> list[Looked]:
        """The checks of a repetition that begins at a moment, those that nothing tells of left out."""
        near = (self._nearest(name, at) for name in self._rows)
        return sorted((each for each in near if each is not None), key=lambda one: one.result.at)

    def _nearest(self, name: tuple[str, str], at: float) -> Looked | None:
        starts = self._starts[name]
        place = bisect_left(starts, at)
        around = range(max(0, place - 1), min(len(starts), place + 1))
        nearest = min(around, key=lambda each: abs(starts[each] - at), default=None)
        if nearest is None or abs(starts[nearest] - at) > REACH:
            return None
        known = self._rows[name][nearest]
        result = known.result
        moved = msgspec.structs.replace(result, at=at + result.duration)
        is_assumed = abs(starts[nearest] - at) > _SAME
        return known._replace(result=moved, began=at, is_slot=False, is_assumed=is_assumed)
