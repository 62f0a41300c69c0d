"""The chance in a breaker's breaks, as it fell: each break is up to 20 % longer or shorter by chance, and a
replay that rolled other dice could not give back what happened.
"""

import random
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence

from integrations.clock import Clock
from integrations.execution.policy import BreakerPolicy
from integrations.signals import BreakerState, BreakerTransition

_OPEN, _HALF_OPEN = BreakerState.OPEN, BreakerState.HALF_OPEN
_NEAR = 1.0
_ROUNDING = 0.01
_MOST_DOUBLINGS = 32


class RecordedLuck(random.Random):
    """Gives a break that begins within a second of a recorded one the chance of that one, and to all others
    chance of a fixed seed. Recorded ones are read under the policy they were made under.
    """

    def __init__(
        self, transitions: Sequence[BreakerTransition], policy: BreakerPolicy, *, clock: Clock, seed: int = 0
    ) -> None:
        super().__init__(seed)
        self._clock = clock
        rolled = list(_rolls(transitions, policy))
        self._times = [at for at, _ in rolled]
        self._rolls = [roll for _, roll in rolled]

    def random(self) -> float:
        """Return the chance of the break that begins now, from 0 to 1."""
        now = self._clock.monotonic()
        place = bisect_left(self._times, now)
        around = range(max(0, place - 1), min(len(self._times), place + 1))
        nearest = min(around, key=lambda each: abs(self._times[each] - now), default=None)
        if nearest is None or abs(self._times[nearest] - now) > _NEAR:
            return super().random()
        return self._rolls[nearest]


def openings(transitions: Iterable[BreakerTransition]) -> int:
    """Return how many openings without a recovery there were at the end."""
    count = 0
    for each in transitions:
        count = _counted(count, each)
    return count


def _counted(count: int, change: BreakerTransition) -> int:
    """As the breaker counts: an expired half-open state opens it again, and is no other failure."""
    if change.after is _OPEN:
        return count if is_expiry(change) else count + 1
    return count if change.after is _HALF_OPEN else 0


def is_expiry(change: BreakerTransition) -> bool:
    """Whether a state ended because its time was over."""
    return not change.actor and change.reason.endswith(("expired undecided", " expired"))


def _rolls(transitions: Sequence[BreakerTransition], policy: BreakerPolicy) -> Iterator[tuple[float, float]]:
    count, entered = 0, 0.0
    for each in transitions:
        count = _counted(count, each)
        if each.after is _HALF_OPEN:
            entered = each.at
        if each.after is not _OPEN:
            continue
        # An expired state was found expired a little later, and its break counts from its end.
        late = max(0.0, each.at - entered - policy.half_open_seconds) if is_expiry(each) else 0.0
        seconds = each.open_seconds + late
        if late and not each.open_seconds:
            # It was over when the end was found: how long it was is not known, only that it was shorter.
            seconds = (_usual(policy, count) * (1 - policy.jitter) + late) / 2
        roll = _roll(seconds, policy, count)
        if roll is not None:
            yield each.at, roll


def _roll(seconds: float, policy: BreakerPolicy, count: int) -> float | None:
    """The chance that made a break this long; None when this policy could not have made it."""
    if not policy.jitter:
        return 0.5
    roll = ((seconds / _usual(policy, count) - 1) / policy.jitter + 1) / 2
    return min(1.0, max(0.0, roll)) if -_ROUNDING <= roll <= 1 + _ROUNDING else None


def _usual(policy: BreakerPolicy, count: int) -> float:
    doublings = min(max(count - 1, 0), _MOST_DOUBLINGS)
    return min(policy.open_max, policy.open_seconds * 2.0**doublings)
