"""What is remembered of each check of an integration: when it ran, and whether it goes over a connection of
its own.

Every tenth does, and the next after a failure. A kept-alive connection hides what opening one costs, whether
a new one can be had at all, and that the certificate changed. Which of the first ten is cold is a hash of the
integration's id: after a start ten thousand integrations would else send their cold checks, which cost three
times as much, all in one minute.
"""

from typing import Protocol
from zlib import crc32

from monitors.checks import Check

EVERY = 10


class PacedCheck(Check, Protocol):
    """A check that says what it draws on the vendor's quota."""

    @property
    def cost(self) -> float:
        """How much."""
        ...

    @property
    def bucket(self) -> str:
        """From which bucket."""
        ...

    @property
    def drawn(self) -> float:
        """How much all checks of the integration take from it together, if each runs once."""
        ...

    @property
    def least_interval(self) -> float:
        """Seconds that documented limits ask to lie between two runs."""
        ...


class Turn:
    """One check, and its turns. `ran` is when it began last, `heard` when it was answered last (monotonic,
    None: never). The first is never cold: it opens a connection anyway.
    """

    __slots__ = ("_warm", "check", "heard", "ran")

    def __init__(self, check: PacedCheck) -> None:
        self.check = check
        self.ran: float | None = None
        self.heard: float | None = None
        self._warm = crc32(check.integration.encode()) % (EVERY - 1)

    def begin(self, *, now: float) -> bool:
        """It runs now; return whether it goes cold."""
        self.ran = now
        is_cold = self._warm >= EVERY - 1
        self._warm = 0 if is_cold else self._warm + 1
        return is_cold

    def end(self, *, now: float, failed: bool) -> None:
        """It was answered: after a failure the next one is cold."""
        self.heard = now
        if failed:
            self._warm = EVERY - 1
