"""What is read of a caller's trace context: all that is well-formed, nothing of what is not."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.trace import TraceState, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from app.api.trace import TraceContext, trace_context

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01"


def read(parent: str, *states: str) -> TraceContext:
    headers = [(b"traceparent", parent.encode("latin-1", "replace"))]
    return trace_context(headers + [(b"tracestate", state.encode("latin-1", "replace")) for state in states])


@pytest.mark.parametrize(
    ("parent", "sampled"),
    [
        (PARENT, True),
        (f"00-{TRACE}-{SPAN}-00", False),
        (f"00-{TRACE}-{SPAN}-ff", True),
        (f"00-{TRACE}-{SPAN}-02", False),
        (f" {PARENT}\t", True),
        (f"cc-{TRACE}-{SPAN}-01", True),
        (f"cc-{TRACE}-{SPAN}-01-what-the-future-brings", True),
    ],
)
def test_a_parent_is_read_in_this_version_and_later_ones(parent: str, sampled: bool) -> None:
    assert read(parent) == TraceContext(TRACE, SPAN, sampled)


@pytest.mark.parametrize(
    "parent",
    [
        "",
        PARENT.upper(),
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"{PARENT}-more",
        f"{PARENT}.",
        f"cc-{TRACE}-{SPAN}-01.what",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-1",
        f"0-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-0x",
        f"00-{TRACE}-{SPAN}-01\n",
        "00-" + "é" * 32 + f"-{SPAN}-01",
    ],
)
def test_a_malformed_parent_counts_as_none_and_so_does_its_state(parent: str) -> None:
    assert read(parent, "congo=t61rcWkgMzE") == TraceContext()


def test_two_parents_are_none() -> None:
    header = (b"traceparent", PARENT.encode())

    assert trace_context([header, header]) == TraceContext()
    assert trace_context([]) == TraceContext()


@pytest.mark.parametrize(
    ("states", "state"),
    [
        (("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE",), "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"),
        (("rojo=1", "congo=2"), "rojo=1,congo=2"),
        (("a=1 , ,\tb=2",), "a=1,b=2"),
        (("fw529a3039@dt=FfAz,0x@y=1",), "fw529a3039@dt=FfAz,0x@y=1"),
        (("",), ""),
        (("UPPER=1",), ""),
        (("a=1,a=2",), ""),
        (("a=1=2",), ""),
        (("a=",), ""),
        (("a=tab\there",), ""),
        (("0a=1",), ""),
        (("a=é",), ""),
        ((",".join(f"k{number}=1" for number in range(33)),), ""),
        (("a=" + "x" * 256,), "a=" + "x" * 256),
        (("a=" + "x" * 257,), ""),
        (("a=" + "x" * 250 + ",b=" + "x" * 250 + ",c=" + "x" * 250,), ""),
    ],
)
def test_a_state_is_passed_on_whole_or_not_at_all(states: tuple[str, ...], state: str) -> None:
    assert read(PARENT, *states).state == state


@given(
    st.one_of(
        st.text(max_size=80),
        st.from_regex(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?", fullmatch=True),
        st.from_regex(r"(00|01|ff)-(0{32}|[0-9a-f]{32})-(0{16}|[0-9a-f]{16})-0[01]", fullmatch=True),
    )
)
def test_parents_are_read_as_opentelemetrys_propagator_reads_them(parent: str) -> None:
    # A header holds no end of line, and what is around it is no part of it.
    parent = re.sub(r"[^\x20-\x7e]", "", parent)
    context = get_current_span(
        TraceContextTextMapPropagator().extract({"traceparent": [parent]})
    ).get_span_context()

    found = read(parent)

    if context.is_valid:
        ids = f"{context.trace_id:032x}", f"{context.span_id:016x}", context.trace_flags.sampled
        assert found[:3] == ids
    else:
        assert found == TraceContext()


@given(st.lists(st.from_regex(r"[a-z][a-z0-9_*/@-]{0,20}=[!-~]{1,20}", fullmatch=True), max_size=5))
def test_a_state_that_is_passed_on_is_one_that_opentelemetry_takes_too(members: list[str]) -> None:
    state = read(PARENT, ",".join(members)).state

    if state:
        assert TraceState.from_header([state]).to_header() == state


@given(st.lists(st.tuples(st.sampled_from([b"traceparent", b"tracestate", b"x"]), st.binary(max_size=60))))
def test_no_bytes_make_it_fail(headers: list[tuple[bytes, bytes]]) -> None:
    found = trace_context(headers)

    assert bool(found.trace_id) == bool(found.parent_span_id) == (found.sampled is not None)
