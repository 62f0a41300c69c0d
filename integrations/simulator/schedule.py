"""A schedule: what happens from when to when, the same for the same seed."""

import math
import random
from collections.abc import Iterable, Sequence
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class Plan(NamedTuple, Generic[T]):
    """`what` holds from `start` for `duration` seconds, and again every `every` seconds (0: once).

    Each start after the first is moved by up to ±`jitter` seconds.
    """

    what: T
    start: float
    duration: float
    every: float = 0.0
    jitter: float = 0.0


class Window(NamedTuple, Generic[T]):
    """One occurrence of a plan, in seconds after the schedule began."""

    what: T
    start: float
    end: float


class Schedule(Generic[T]):
    """Plans and a seed; a pure function of elapsed seconds.

    Raises:
        ValueError: when a plan's occurrences would overlap or have no length.
    """

    def __init__(self, plans: Sequence[Plan[T]], *, seed: int = 0) -> None:
        for plan in plans:
            _check(plan)
        self._plans = tuple(plans)
        self._seed = seed

    def at(self, elapsed: float) -> tuple[Window[T], ...]:
        """Return the windows that hold at a moment, in the plans' order."""
        return tuple(window for window in self._near(elapsed) if window.start <= elapsed < window.end)

    def until(self, end: float) -> tuple[Window[T], ...]:
        """Return all windows that begin before `end`, in order of time."""
        windows = [
            self._window(index, cycle)
            for index, plan in enumerate(self._plans)
            for cycle in range(_cycle(plan, end + plan.jitter) + 1)
        ]
        return tuple(sorted((w for w in windows if w.start < end), key=lambda w: (w.start, w.end)))

    def _near(self, elapsed: float) -> Iterable[Window[T]]:
        for index, plan in enumerate(self._plans):
            cycle = _cycle(plan, elapsed)
            for candidate in sorted({max(cycle - 1, 0), cycle, cycle + 1 if plan.every else cycle}):
                yield self._window(index, candidate)

    def _window(self, index: int, cycle: int) -> Window[T]:
        plan = self._plans[index]
        # Drawing from a generator of its own for each occurrence makes every window independent of the order
        # in which they are asked for.
        draw = random.Random(f"{self._seed}:{index}:{cycle}")  # noqa: S311 - no cryptography
        shift = draw.uniform(-plan.jitter, plan.jitter) if cycle else 0.0
        start = plan.start + cycle * plan.every + shift
        return Window(plan.what, start, start + plan.duration)


def _check(plan: Plan[T]) -> None:
    if plan.duration <= 0 or plan.start < 0 or plan.jitter < 0:
        raise ValueError("a plan needs start >= 0, duration > 0 and jitter >= 0")
    if plan.every and plan.every < plan.duration + 2 * plan.jitter:
        raise ValueError("every must be at least duration + 2 * jitter, or occurrences overlap")


def _cycle(plan: Plan[T], elapsed: float) -> int:
    if not plan.every or elapsed < plan.start:
        return 0
    return math.floor((elapsed - plan.start) / plan.every)
