"""Whose turn it is to be looked at: each integration once a minute, spread over the minute."""

from collections.abc import Iterator
from heapq import heappop, heappush
from zlib import crc32

LOOK = 60.0
"""Seconds between two looks at what only time shows."""


class Lookout:
    """The turns of all integrations; times are monotonic."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, str]] = []
        self._turns: dict[str, float] = {}

    def add(self, integration: str, *, now: float) -> None:
        """Give it a turn within the next minute. When is a hash of its id, so that ten thousand integrations
        that are opened at once are not looked at at once.
        """
        self._plan(integration, now + crc32(integration.encode()) % 1_000 / 1_000 * LOOK)

    def remove(self, integration: str) -> None:
        """It has no more turns."""
        self._turns.pop(integration, None)

    def due(self, now: float) -> Iterator[str]:
        """Those whose turn it is, each with its next turn planned."""
        while self._heap and self._heap[0][0] <= now:
            at, integration = heappop(self._heap)
            # One that was removed, or removed and added again, has left an old turn behind.
            if self._turns.get(integration) == at:
                self._plan(integration, now + LOOK)
                yield integration

    def _plan(self, integration: str, at: float) -> None:
        self._turns[integration] = at
        heappush(self._heap, (at, integration))
