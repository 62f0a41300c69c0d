"""When objectives were looked at: every fifteen seconds, and at moments that are recorded where something
changed.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from math import ceil

from monitors.slo import TICK

_ROUNDING = 1e-3
"""Of a tick: what moments may differ by that were the same."""


def looks(began: float, end: float, *, recorded: Sequence[float] = ()) -> Iterator[float]:
    """Yield moments from `began` on and before `end`, in step with the next `recorded` one, or the last."""
    at = _next(began - TICK, recorded)
    while at < began:
        at = _next(at, recorded)
    while at < end:
        yield at
        at = _next(at, recorded)


def _next(at: float, recorded: Sequence[float]) -> float:
    place = bisect_right(recorded, at)
    if place == len(recorded):
        return at + TICK
    ahead = recorded[place]
    return ahead - TICK * max(0, ceil((ahead - at) / TICK - _ROUNDING) - 1)
