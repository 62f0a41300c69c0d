"""The answer of a backtest. Times are UTC seconds, durations seconds."""

from collections.abc import Mapping

import msgspec

from exporters.analytics.backtest.tally import Bucket, Tally
from integrations.signals import BreakerState


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One key that is proposed to be other than it is today."""

    key: str
    today: object
    proposed: object


class Spell(msgspec.Struct, frozen=True, kw_only=True):
    """A time in which a breaker stood between calls and the vendor, from its opening until it closed.
    `seconds` is None where it had not closed at the end.
    """

    capability: str
    state: BreakerState
    start: float
    seconds: float | None
    reason: str


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """What one policy makes of the recorded calls. `openings` counts closed breakers that opened,
    `guarded_seconds` is how long breakers were not closed, in sum.
    """

    tally: Tally
    openings: int
    transitions: int
    guarded_seconds: float
    spells: tuple[Spell, ...]
    buckets: tuple[Bucket, ...]


class Fidelity(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the replay of today's policy gives back what was recorded: of the `recorded` transitions,
    `given_back` came again within a second and a half, and `invented` came that were not recorded.
    """

    recorded: int
    given_back: int
    invented: int


class Backtest(msgspec.Struct, frozen=True, kw_only=True):
    """What another policy would have done for one integration between `start` and `end`.

    `today` is today's policy replayed, `proposed` the other one; `calls` and `checks` say how much was
    recorded. `truncated`: there was more than is read, and `end` is where reading stopped. `notes` are
    sentences on what the answer rests on.
    """

    integration: str
    start: float
    end: float
    changes: tuple[Change, ...]
    calls: int
    checks: int
    fidelity: Fidelity
    today: Side
    proposed: Side
    truncated: bool = False
    notes: tuple[str, ...] = ()


def differences(today: object, proposed: object, *, prefix: str = "") -> tuple[Change, ...]:
    """Return the keys in which two policies differ, in the order of the policy."""
    left, right = msgspec.to_builtins(today), msgspec.to_builtins(proposed)
    return tuple(_differences(left, right, prefix))


def _differences(left: Mapping[str, object], right: Mapping[str, object], prefix: str) -> list[Change]:
    found = []
    for key, value in left.items():
        other = right[key]
        if isinstance(value, dict) and isinstance(other, dict):
            found += _differences(value, other, f"{prefix}{key}.")
        elif value != other:
            found.append(Change(key=f"{prefix}{key}", today=value, proposed=other))
    return found
