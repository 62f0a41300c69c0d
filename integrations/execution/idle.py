"""Connections that are kept for the next request: how long, how many, and for which requests."""

import resource
from collections import OrderedDict, deque
from typing import Protocol, TypeVar

from integrations.clock import Clock

KEEPALIVE = 75.0
"""Seconds an idle connection is kept: longer than the usual minute between two checks, which would otherwise
open one each time, at the price of three checks.
"""

CAUTIOUS = 20.0
"""Seconds after which only requests that may be sent twice go over an idle connection. The longer it lay, the
likelier the server ends it just when the request goes out, and then nobody knows whether it was heard.
"""

MOST = 20_000
_REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"})


class Kept(Protocol):
    """A connection that may be kept. `should_close`: it is of no use any more."""

    @property
    def should_close(self) -> bool:
        """Whether the server has closed it, or spoken unasked."""
        ...

    def close(self) -> None:
        """Close it."""
        ...


K = TypeVar("K", bound=Kept)


class IdleConnections:
    """The idle connections of all pools, the longest idle first; above `most`, those are closed.

    By default as many are kept as half of the process's file descriptors, at most 20,000.
    """

    def __init__(self, clock: Clock, *, most: int | None = None) -> None:
        self._now = clock.monotonic
        self._most = _half_of_descriptors() if most is None else most
        # Not a plain dict, whose first key takes ever longer to find when the first is what is taken out.
        self._since: OrderedDict[Kept, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._since)

    def keep(self, connection: Kept) -> None:
        """Take one that is idle from now on, and close what lies too long or is too many."""
        now = self._now()
        self._since[connection] = now
        while self._since:
            longest = next(iter(self._since))
            if len(self._since) <= self._most and now - self._since[longest] <= KEEPALIVE:
                break
            del self._since[longest]
            longest.close()

    def take(self, connection: Kept) -> None:
        """It is used again, or is gone, if it was idle at all."""
        self._since.pop(connection, None)

    def lend(self, connection: Kept, method: str) -> bool:
        """Take one that is to be used again; return whether it is fit for such a request."""
        is_fit = self.is_fit(connection, method)
        self.take(connection)
        return is_fit

    def is_fit(self, connection: Kept, method: str) -> bool:
        """Whether an idle connection may carry such a request: it is not too old for it, and the server has
        not spoken unasked, which would be taken for the answer.
        """
        longest = KEEPALIVE if method in _REPEATABLE else CAUTIOUS
        since = self._since.get(connection)
        return not connection.should_close and since is not None and since >= self._now() - longest

    def drop_unfit(self, kept: deque[tuple[K, float]], method: str) -> None:
        """Close those of a pool's idle connections, the oldest first, that are not fit for a request."""
        while kept and not self.is_fit(kept[0][0], method):
            protocol, _ = kept.popleft()
            self.take(protocol)
            protocol.close()


def _half_of_descriptors() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST if soft == resource.RLIM_INFINITY else min(MOST, soft // 2)
