"""Connections that are kept for the next request: how long, how many, and for which requests."""

import resource
from collections import OrderedDict, deque

from aiohttp.client_proto import ResponseHandler

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


class IdleConnections:
    """The idle connections of all pools, the longest idle first; above `most`, those are closed.

    By default as many are kept as half of the process's file descriptors, at most 20,000.
    """

    def __init__(self, clock: Clock, *, most: int | None = None) -> None:
        self._now = clock.monotonic
        self._most = _half_of_descriptors() if most is None else most
        # Not a plain dict, whose first key takes ever longer to find when the first is what is taken out.
        self._since: OrderedDict[ResponseHandler, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._since)

    def keep(self, protocol: ResponseHandler) -> None:
        """Take one that is idle from now on, and close what lies too long or is too many."""
        now = self._now()
        self._since[protocol] = now
        # The last answer and its parser, 4 KB; aiohttp makes a parser for each answer. What comes without
        # one is unasked for, and makes the connection unfit.
        protocol._parser = None  # noqa: SLF001 - there is no other way to let go of it
        while self._since:
            longest = next(iter(self._since))
            if len(self._since) <= self._most and now - self._since[longest] <= KEEPALIVE:
                break
            del self._since[longest]
            longest.close()

    def take(self, protocol: ResponseHandler) -> None:
        """It is used again, if it was idle at all."""
        self._since.pop(protocol, None)

    def drop_unfit(self, kept: deque[tuple[ResponseHandler, float]], method: str) -> None:
        """Close those of a pool's idle connections, the oldest first, that are too old for a request, or on
        which the server spoke unasked: that would be taken for the answer.
        """
        longest = KEEPALIVE if method in _REPEATABLE else CAUTIOUS
        oldest = self._now() - longest
        while kept and (kept[0][0].should_close or self._since.get(kept[0][0], oldest) < oldest):
            protocol, _ = kept.popleft()
            self.take(protocol)
            protocol.close()


def _half_of_descriptors() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST if soft == resource.RLIM_INFINITY else min(MOST, soft // 2)
