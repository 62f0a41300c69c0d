"""The W3C trace context that a caller may send, so that its spans and ours join.

Source: https://www.w3.org/TR/trace-context/ (level 1).
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL)
_KEY = r"[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13}"
_MEMBER = re.compile(rf"({_KEY})=[ -+\--<>-~]{{0,255}}[!-+\--<>-~]")
MAX_MEMBERS = 32
MAX_STATE = 512


class TraceContext(NamedTuple):
    """A caller's trace: empty ids and None when it sent none. `state` is its `tracestate`."""

    trace_id: str = ""
    parent_span_id: str = ""
    sampled: bool | None = None
    state: str = ""


def trace_context(headers: Iterable[tuple[bytes, bytes]]) -> TraceContext:
    """Read the headers (names in lower case); anything malformed counts as not sent (§3.2.2, §3.3.1)."""
    parents: list[str] = []
    states: list[str] = []
    for name, value in headers:
        if name == b"traceparent":
            parents.append(value.decode("latin-1"))
        elif name == b"tracestate":
            states.append(value.decode("latin-1"))
    if len(parents) != 1:
        return TraceContext()
    context = _parent(parents[0].strip(" \t"))
    return context._replace(state=_state(",".join(states))) if context.trace_id and states else context


def _parent(text: str) -> TraceContext:
    match = _TRACEPARENT.fullmatch(text)
    if match is None or match[1] == "ff" or (match[1] == "00" and match[5]):
        return TraceContext()
    _, trace_id, span_id, flags, _ = match.groups()
    if not int(trace_id, 16) or not int(span_id, 16):
        return TraceContext()
    return TraceContext(trace_id, span_id, bool(int(flags, 16) & 1))


def _state(text: str) -> str:
    """The state when all of it can be passed on, else nothing: a part of it would be another state."""
    members = [member for each in text.split(",") if (member := each.strip(" \t"))]
    matches = [_MEMBER.fullmatch(member) for member in members]
    keys = {match[1] for match in matches if match is not None}
    state = ",".join(members)
    is_whole = len(keys) == len(members) <= MAX_MEMBERS and len(state) <= MAX_STATE
    return state if is_whole else ""
