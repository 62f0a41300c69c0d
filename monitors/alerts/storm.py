"""The storm guard: how many notifications of its own a receiver gets in a minute, and its digests."""

from collections import defaultdict, deque
from collections.abc import Sequence

from monitors.alerts.settings import StormGuard

WINDOW = 60.0
DIGEST_WAIT = 10.0
"""Seconds in which the first digest of a storm gathers."""


class Storm:
    """Counts what each receiver was sent in the last minute. Times are seconds of SteadyClock.now().

    `unlimited` are receivers that get all there is: an Alertmanager believes that what it is not told of
    again is over.
    """

    def __init__(self, guard: StormGuard) -> None:
        self.guard = guard
        self.unlimited: frozenset[str] = frozenset()
        self._sent: defaultdict[str, deque[float]] = defaultdict(deque)
        self._digests: dict[str, float] = {}

    def admit(self, receiver: str, *, critical: bool, now: float) -> bool:
        """Whether one more may be sent; it is counted then."""
        if receiver in self.unlimited:
            return True
        sent = self._sent[receiver]
        while sent and sent[0] <= now - WINDOW:
            sent.popleft()
        if len(sent) >= self._limit(critical=critical):
            return False
        sent.append(now)
        return True

    def free_at(self, receiver: str, *, critical: bool) -> float:
        """When the next may be sent, for one that was not admitted."""
        sent = self._sent[receiver]
        return sent[len(sent) - self._limit(critical=critical)] + WINDOW

    def digest_at(self, receiver: str, *, since: float) -> float:
        """When what does not fit goes out together: a while after the first of it, which waits since then,
        and a minute after the last digest.
        """
        return max(since + DIGEST_WAIT, self._digests.get(receiver, since - WINDOW) + WINDOW)

    def digested(self, receiver: str, *, now: float) -> None:
        """Note that a digest went out."""
        self._digests[receiver] = now

    def restore(self, receiver: str, *, sent: Sequence[float]) -> None:
        """Count what was sent before a restart."""
        self._sent[receiver] = deque(sorted((*self._sent[receiver], *sent)))

    def _limit(self, *, critical: bool) -> int:
        return self.guard.critical_per_minute if critical else self.guard.per_minute
