"""Which checks go over a connection of their own: every tenth of a capability, and the next after a failure.

A kept-alive connection hides what opening one costs, whether a new one can be had at all, and that the
certificate changed. Which of the first ten is cold is a hash of the integration's id: after a start ten
thousand integrations would else send their cold checks, which cost three times as much, all in one minute.
"""

from collections.abc import Mapping
from zlib import crc32

from integrations.sparing import nothing, put

EVERY = 10


class ColdTurns:
    """Whose turn it is among the checks of one integration. The first is never cold: it opens a connection
    anyway.
    """

    __slots__ = ("_seed", "_warm")

    def __init__(self, integration: str) -> None:
        self._seed = crc32(integration.encode()) % (EVERY - 1)
        self._warm: Mapping[str, int] = nothing()

    def take(self, capability: str) -> bool:
        """Whether the check that starts now goes cold; each asking counts as one check."""
        warm = self._warm.get(capability)
        if warm is None:
            warm = self._seed
        is_cold = warm >= EVERY - 1
        self._warm = put(self._warm, capability, 0 if is_cold else warm + 1)
        return is_cold

    def note(self, capability: str, *, failed: bool) -> None:
        """Remember how the check went: after a failure the next one is cold."""
        if failed:
            self._warm = put(self._warm, capability, EVERY - 1)
