"""Which of the series that stand still are told again in a window.

Who takes counts since the start forgets a series of which nothing comes: Prometheus after five minutes. So
OpenTelemetry's own programs repeat all of them each time. Up to so many we do too; of more, each has its turn
within a minute, because ten thousand integrations have half a million.
"""

from math import ceil

MOST = 20_000
"""Series that are repeated in each window, unless a minute asks for more."""
WITHIN = 60.0
"""Seconds in which each of more than that has its turn."""


class Turns:
    """Shares the series that stand still out among windows: up to `most` of them are in each."""

    def __init__(self, *, most: int = MOST) -> None:
        self._most = most
        self._windows = 1
        self._turn = 0
        self._met = 0

    def is_due(self, labels: tuple[str, ...]) -> bool:
        """Whether a series with these labels, which stands still, is told in this window."""
        self._met += 1
        return self._windows == 1 or hash(labels) % self._windows == self._turn

    def advance(self, *, seconds: float) -> None:
        """The window is cut, and was so long: the next one has the next turn."""
        longest = max(1, int(WITHIN / seconds)) if seconds > 0 else self._windows
        self._windows = min(max(1, ceil(self._met / self._most)), longest)
        self._turn = (self._turn + 1) % self._windows
        self._met = 0
