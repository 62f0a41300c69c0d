"""How many calls at once a vendor bears, found from how they end: AIMD by default, Gradient2 as an option.

Only successes raise a limit, only signs of overload (timeout, 503, 429) lower it at once, everything else,
a cancelled call too, says nothing. A limit starts at its maximum, so it changes nothing for a healthy vendor.
"""

from collections.abc import Callable
from enum import StrEnum
from functools import cache
from math import inf
from typing import Protocol

_CUT = 0.9
_TOLERANCE = 1.5
_ROOM = 4.0
_SMOOTHING = 0.2
_START = 20
_MEMORY = 600
_WARM_UP = 10
_SAMPLES = 50
_WINDOW = 1.0
_STALE = 30.0
_NEVER = -inf


class Adaptive(StrEnum):
    """Which rule moves the limit."""

    AIMD = "aimd"
    GRADIENT2 = "gradient2"
    FIXED = "fixed"


class ConcurrencyLimit(Protocol):
    """A limit that learns. Times are the clock's `monotonic`; `running` counts the call that tells."""

    limit: int
    is_learning: bool

    def succeeded(self, sent: float, ended: float, *, running: int) -> None:
        """Hear of a success; needed only while `is_learning`."""
        ...

    def overloaded(self, sent: float, ended: float) -> None:
        """Hear of a timeout, a 503 or a throttled call."""
        ...

    def adopt(self, maximum: int) -> None:
        """Take another maximum."""
        ...


class FixedLimit:
    """A limit that stays what it is."""

    __slots__ = ("is_learning", "limit")

    def __init__(self, maximum: int) -> None:
        self.is_learning = False
        self.limit = maximum

    def succeeded(self, sent: float, ended: float, *, running: int) -> None:
        """Learn nothing."""

    def overloaded(self, sent: float, ended: float) -> None:
        """Learn nothing."""

    def adopt(self, maximum: int) -> None:
        """Take another limit."""
        self.limit = maximum


class _Moving:
    """What both learning rules share: the bounds, and the cut at overload, once a round trip."""

    __slots__ = ("_cut_at", "_exact", "is_learning", "limit", "maximum")

    def __init__(self, start: int, maximum: int) -> None:
        self.maximum = maximum
        self._exact = float(start)
        self._cut_at = _NEVER
        self._set(start)

    def overloaded(self, sent: float, ended: float) -> None:
        """Cut by a tenth, unless the call was sent before the last cut: it could not yet have felt that."""
        if sent >= self._cut_at:
            self._cut_at = ended
            self._set(self._exact * _CUT)

    def adopt(self, maximum: int) -> None:
        """Take another maximum; a limit that stood at the old one goes with it."""
        exact = maximum if self._exact >= self.maximum else self._exact
        self.maximum = maximum
        self._set(exact)

    def _set(self, exact: float) -> None:
        self._exact = min(float(self.maximum), max(1.0, exact))
        self.limit = int(self._exact)
        self.is_learning = self._exact < self.maximum


class AIMDLimit(_Moving):
    """Additive increase, multiplicative decrease (Chiu and Jain 1989), with TCP's measure of both.

    1/limit for each success is one more a round trip. One more for each success, as in Netflix's AIMDLimit,
    settles half above what the vendor bears: a round trip wins back more than its one cut takes.
    """

    __slots__ = ()

    def __init__(self, maximum: int) -> None:
        super().__init__(maximum, maximum)

    def succeeded(self, sent: float, ended: float, *, running: int) -> None:  # noqa: ARG002 - as the protocol
        """Grow, if the limit is in use: half of it or more."""
        if running * 2 >= self.limit:
            self._set(self._exact + 1.0 / self._exact)


class Gradient2Limit(_Moving):
    """Netflix's Gradient2 (concurrency-limits, Gradient2Limit): the limit follows long over short latency.

    Where it differs, because the original is known to fail there: timeouts are cuts, not samples (#137); fast
    failures are no samples (#176); the long latency may not lie over 1.5 times the least, for otherwise our
    own queueing becomes the norm and the limit grows for ever (#134). The least is measured anew every 600
    windows, with a quarter of the limit for one window, so a vendor that has become slower is believed. A
    window is at least 1 s and 50 successes; 30 s without so many teach nothing.
    """

    def __init__(self, maximum: int) -> None:
        self._is_probing = False
        super().__init__(min(_START, maximum), maximum)
        self._long = 0.0
        self._least = inf
        self._windows = 0
        self._opened = -inf
        self._samples = self._peak = 0
        self._seconds = 0.0

    def succeeded(self, sent: float, ended: float, *, running: int) -> None:
        """Take a sample, and move when it closes a window."""
        if ended - self._opened > _STALE:
            self._set(self._exact)
            self._open(ended)
        if self._is_probing and sent < self._opened:
            return
        self._samples += 1
        self._seconds += ended - sent
        self._peak = max(self._peak, running)
        if self._samples >= _SAMPLES and ended - self._opened >= _WINDOW:
            self._close(self._seconds / self._samples)
            self._open(ended)

    def _open(self, now: float) -> None:
        self._opened = now
        self._samples = self._peak = 0
        self._seconds = 0.0

    def _set(self, exact: float) -> None:
        super()._set(exact)
        self.is_learning = True
        self._is_probing = False

    def _close(self, short: float) -> None:
        self._windows += 1
        if self._is_probing:
            self._least = short
            self._set(self._exact)
        elif self._windows % _MEMORY == 0:
            self._is_probing, self.limit = True, max(1, self.limit // 4)
        else:
            self._learn(short)
            self._move(short)

    def _move(self, short: float) -> None:
        if self._peak * 2 < self.limit or short <= 0.0:
            return
        long = min(self._long, _TOLERANCE * self._least)
        gradient = max(0.5, min(1.0, _TOLERANCE * long / short))
        wanted = self._exact * gradient + _ROOM
        self._set(self._exact * (1 - _SMOOTHING) + wanted * _SMOOTHING)

    def _learn(self, short: float) -> None:
        weight = 1 / self._windows if self._windows <= _WARM_UP else 2 / (_MEMORY + 1)
        self._long += (short - self._long) * weight
        if self._long > 2 * short:
            # After an overload has ended the long latency would take minutes to come down by itself.
            self._long *= 0.95
        self._least = min(self._least, short)


_RULES: dict[Adaptive, Callable[[int], ConcurrencyLimit]] = {
    Adaptive.AIMD: AIMDLimit,
    Adaptive.GRADIENT2: Gradient2Limit,
    Adaptive.FIXED: FixedLimit,
}


def new_limit(rule: Adaptive, maximum: int) -> ConcurrencyLimit:
    """Return a limit between 1 and `maximum` that moves by the rule."""
    return _RULES[rule](maximum)


@cache
def first_limit(rule: Adaptive, maximum: int) -> int:
    """Where a limit of this rule stands before any call."""
    return new_limit(rule, maximum).limit
