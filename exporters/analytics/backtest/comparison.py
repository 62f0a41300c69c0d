"""How what is proposed differs from what holds today, and how well a replay of today gives back the past."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import msgspec


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One key that is proposed to be other than it is today."""

    key: str
    today: object
    proposed: object


class Fidelity(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a replay of what holds today gives back what was recorded: of the `recorded` changes,
    `given_back` came again at about the same time, and `invented` came that were not recorded.
    """

    recorded: int
    given_back: int
    invented: int


def held_against(
    recorded: Sequence[tuple[str, float]], replayed: Sequence[tuple[str, float]], *, near: float
) -> Fidelity:
    """Hold changes, each of a kind at a moment, in order, against those of a replay: one is given back by one
    of its kind that is at most `near` seconds away.
    """
    theirs, mine = _by_kind(recorded), _by_kind(replayed)
    given_back = sum(_matched(times, mine.get(kind, ()), near=near) for kind, times in theirs.items())
    return Fidelity(recorded=len(recorded), given_back=given_back, invented=len(replayed) - given_back)


def differences(today: object, proposed: object) -> tuple[Change, ...]:
    """Return the keys in which two configurations differ, in their order; None is a key that is not there."""
    return tuple(_differences(msgspec.to_builtins(today), msgspec.to_builtins(proposed), ""))


def _differences(left: Mapping[str, object], right: Mapping[str, object], prefix: str) -> Iterator[Change]:
    for key in dict.fromkeys((*left, *right)):
        value, other = left.get(key), right.get(key)
        if isinstance(value, dict) and isinstance(other, dict):
            yield from _differences(value, other, f"{prefix}{key}.")
        elif value != other:
            yield Change(key=f"{prefix}{key}", today=value, proposed=other)


def _by_kind(changes: Sequence[tuple[str, float]]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = defaultdict(list)
    for kind, at in changes:
        found[kind].append(at)
    return found


def _matched(theirs: Sequence[float], mine: Sequence[float], *, near: float) -> int:
    """How many of theirs have one of mine, in order, at about the same time."""
    found = place = 0
    for at in theirs:
        while place < len(mine) and mine[place] < at - near:
            place += 1
        if place < len(mine) and mine[place] <= at + near:
            found, place = found + 1, place + 1
    return found
