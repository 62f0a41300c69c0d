"""How what is proposed differs from what holds today, and how well a replay of today gives back the past."""

from collections.abc import Iterator, Mapping

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
