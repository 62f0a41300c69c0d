"""A call while it is traced: notes where its attempts go, and tells the third party of its trace if it may.

Spans are made from CallRecords, elsewhere and later. So the ids of attempts follow from that of their call,
and need no place in its record.
"""

from collections.abc import Callable

import httpx

_MASK = (1 << 64) - 1
_STRIDE = 0x9E3779B97F4A7C15
"""An odd number near 2^64 divided by the golden ratio: multiples of it lie far apart."""


class CallSpan:
    """Stands between a call and its requests.

    `flags` go to the third party with the trace's ids (W3C Trace Context, level 1); None: it is told nothing.
    `is_for_failures`: the call is to be sampled only if it fails. `method` and `server` are those of the last
    request.
    """

    __slots__ = ("_attempts", "_flags", "_prepare", "_state", "id", "is_for_failures", "method", "server")

    def __init__(
        self,
        prepare: Callable[[], httpx.Request],
        *,
        span_id: str,
        is_for_failures: bool,
        flags: str | None,
        state: str,
    ) -> None:
        self.id = span_id
        self.is_for_failures = is_for_failures
        self.method = self.server = ""
        self._attempts = 0
        self._prepare = prepare
        self._flags = flags
        self._state = state

    def request(self, trace_id: str) -> httpx.Request:
        """The request of the next attempt."""
        request = self._prepare()
        url = request.url
        self._attempts += 1
        self.method = request.method
        self.server = f"{url.scheme}://{url.netloc.decode('ascii')}"
        if self._flags is not None:
            own = attempt_span_id(self.id, self._attempts)
            request.headers["traceparent"] = f"00-{trace_id}-{own}-{self._flags}"
            if self._state:
                request.headers["tracestate"] = self._state
        return request


def attempt_span_id(span_id: str, number: int) -> str:
    """The id of an attempt's span, by that of its call and its number from 1."""
    return f"{(int(span_id, 16) + number * _STRIDE) & _MASK or 1:016x}"
