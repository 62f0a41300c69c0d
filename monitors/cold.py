"""Which checks go over a connection of their own: every tenth of a capability, and the next after a failure.

A kept-alive connection hides what opening one costs, whether a new one can be had at all, and that the
certificate changed. The first check is cold too, because then there is no connection anyway.
"""

EVERY = 10


class ColdTurns:
    """Whose turn it is among the checks of one integration."""

    __slots__ = ("_failed", "_warm")

    def __init__(self) -> None:
        self._warm: dict[str, int] = {}
        self._failed: set[str] = set()

    def take(self, capability: str) -> bool:
        """Whether the check that starts now goes cold; each asking counts as one check."""
        warm = self._warm.get(capability, EVERY - 1)
        is_cold = warm >= EVERY - 1 or capability in self._failed
        self._warm[capability] = 0 if is_cold else warm + 1
        return is_cold

    def note(self, capability: str, *, failed: bool) -> None:
        """Remember how the check went."""
        if failed:
            self._failed.add(capability)
        else:
            self._failed.discard(capability)
