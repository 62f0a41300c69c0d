"""Whose turn it is to be looked at: each integration once a minute, spread over the minute."""

from collections.abc import Iterator
from math import floor
from zlib import crc32

LOOK = 60.0
"""Seconds between two looks at what only time shows."""

_PLACES = 1_000
"""Into which a minute is divided: ten thousand integrations are looked at ten at a time."""


class Lookout:
    """The turns of all integrations; times are monotonic."""

    def __init__(self) -> None:
        self._places: dict[int, list[str]] = {}
        self._passed: int | None = None

    def add(self, integration: str, *, now: float) -> None:
        """Give it a turn within the next minute, and each minute from then on. When is a hash of its id, so
        that ten thousand integrations that are opened at once are not looked at at once.
        """
        if self._passed is None:
            self._passed = _turn(now)
        those = self._places.setdefault(_place(integration), [])
        if integration not in those:
            those.append(integration)

    def remove(self, integration: str) -> None:
        """It has no more turns."""
        those = self._places.get(_place(integration), [])
        if integration in those:
            those.remove(integration)

    def due(self, now: float) -> Iterator[str]:
        """Those whose turn has come since this was asked last, each once."""
        current = _turn(now)
        passed = current if self._passed is None else max(self._passed, current - _PLACES)
        for turn in range(passed + 1, current + 1):
            self._passed = turn
            yield from tuple(self._places.get(turn % _PLACES, ()))


def next_turn(integration: str, *, now: float) -> float:
    """When an integration that is added now has its first turn (monotonic)."""
    coming = _turn(now) + 1
    return (coming + (_place(integration) - coming) % _PLACES) * LOOK / _PLACES


def _turn(now: float) -> int:
    return floor(now * _PLACES / LOOK)


def _place(integration: str) -> int:
    return crc32(integration.encode()) % _PLACES
