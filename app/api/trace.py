"""The W3C trace context (traceparent, version 00) that a caller may send, so that its spans and ours join."""

import re
from typing import NamedTuple

_TRACEPARENT = re.compile(r"^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$")


class TraceContext(NamedTuple):
    """A caller's trace: empty ids and None when it sent none."""

    trace_id: str = ""
    parent_span_id: str = ""
    sampled: bool | None = None


def trace_context(traceparent: str) -> TraceContext:
    """Read the header; anything malformed counts as not sent, as the recommendation says (§3.2.2)."""
    match = _TRACEPARENT.match(traceparent)
    if match is None or traceparent.startswith("ff"):
        return TraceContext()
    trace_id, span_id, flags = match.groups()
    if not int(trace_id, 16) or not int(span_id, 16):
        return TraceContext()
    return TraceContext(trace_id, span_id, bool(int(flags, 16) & 1))
