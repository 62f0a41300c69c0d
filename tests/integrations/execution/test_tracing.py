"""Which calls are sampled, what records tell of them, and what a third party hears of their trace."""

import random
import re

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace.sampling import Decision, TraceIdRatioBased

from integrations.execution.call_span import attempt_span_id
from integrations.execution.outcome import Origin
from integrations.execution.policy import Policy
from integrations.execution.tracing import (
    CallIDs,
    Ids,
    Sampler,
    TracedChecks,
    Tracing,
    call_of,
    new_run_id,
    system_random,
    trace_of,
    trace_of_own,
)
from integrations.signals import CallRecord
from tests.fakes.clock import VIRTUAL_TIME, LoopClock
from tests.fakes.execution import Bench, ScriptedVendor, call, check

OK = httpx.Response(200, json={"ok": True})
DOWN = httpx.Response(503)
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
RUN = "9f86d081884c4d65"
TOLD = Policy(trace_context=True)


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


@pytest.fixture
def clock(anyio_backend: object) -> LoopClock:
    return LoopClock()


@given(ratio=st.floats(0, 1), trace_id=st.integers(1, 2**128 - 1).map(lambda number: f"{number:032x}"))
def test_the_ratio_decides_as_opentelemetrys_own_sampler(ratio: float, trace_id: str) -> None:
    oracle = TraceIdRatioBased(ratio).should_sample(None, int(trace_id, 16), "a span")

    assert Sampler(ratio=ratio).takes(trace_id) is (oracle.decision is Decision.RECORD_AND_SAMPLE)


@pytest.mark.parametrize("parent", [True, False])
def test_the_caller_decides_unless_the_sampler_does_not_follow_it(parent: bool) -> None:
    assert Sampler(ratio=0.0).takes(TRACE, parent=parent) is parent
    assert Sampler(ratio=1.0).takes(TRACE, parent=parent) is parent
    assert Sampler(ratio=0.0, follows_parent=False).takes(TRACE, parent=parent) is False


@given(st.integers(0, 2**64 - 1), st.integers(1, 50))
def test_ids_of_attempts_differ_from_one_another_and_are_never_zero(number: int, attempts: int) -> None:
    ids = [attempt_span_id(f"{number:016x}", each) for each in range(1, attempts + 1)]

    assert len({*ids, f"{number:016x}"}) == attempts + 1
    assert all(len(each) == 16 and int(each, 16) for each in ids)


def test_traces_of_runs_are_sampled_evenly() -> None:
    rng = random.Random(7)

    taken = sum(Sampler(ratio=0.25).takes(trace_of(new_run_id(rng))) for _ in range(4096))

    assert 900 < taken < 1150


async def test_a_third_party_hears_nothing_of_a_trace_unless_the_operator_allows_it(clock: LoopClock) -> None:
    bench = Bench(clock, tracing=Tracing(Sampler()))

    await bench.executor.execute(call(trace_id=TRACE, parent_span_id=PARENT, sampled=True, trace_state="a=1"))

    (request,) = bench.vendor.requests
    assert not {"traceparent", "tracestate", "baggage"} & request.headers.keys()


async def test_each_attempt_carries_the_span_that_its_record_leads_to(clock: LoopClock) -> None:
    bench = Bench(clock, ScriptedVendor(DOWN, OK), policy=TOLD, tracing=Tracing(Sampler()))

    await bench.executor.execute(call(trace_id=TRACE, sampled=True, trace_state="congo=t61"))

    (record,) = bench.signals.of(CallRecord)
    expected = [f"00-{TRACE}-{attempt_span_id(record.span_id, number)}-01" for number in (1, 2)]
    assert [request.headers["traceparent"] for request in bench.vendor.requests] == expected
    assert {request.headers["tracestate"] for request in bench.vendor.requests} == {"congo=t61"}


async def test_a_caller_that_does_not_sample_is_passed_on_as_it_is(clock: LoopClock) -> None:
    bench = Bench(clock, policy=TOLD)

    await bench.executor.execute(call(trace_id=TRACE, sampled=False))

    assert bench.vendor.requests[0].headers["traceparent"].startswith(f"00-{TRACE}-")
    assert bench.vendor.requests[0].headers["traceparent"].endswith("-00")


async def test_without_anybody_who_keeps_spans_a_trace_that_begins_here_is_told_as_not_sampled(
    clock: LoopClock,
) -> None:
    bench = Bench(clock, policy=TOLD)

    await bench.executor.execute(call())

    (record,) = bench.signals.of(CallRecord)
    own = attempt_span_id(record.span_id, 1)
    assert bench.vendor.requests[0].headers["traceparent"] == f"00-{record.trace_id}-{own}-00"


async def test_the_record_of_a_traced_call_tells_where_it_went_without_path_and_query(
    clock: LoopClock,
) -> None:
    bench = Bench(clock, tracing=Tracing(Sampler()))

    outcome = (await bench.executor.execute(call(method="POST"))).outcome

    (record,) = bench.signals.of(CallRecord)
    assert (record.method, record.server) == ("POST", "https://shop.example")
    assert (record.call_id, record.span_id, outcome.call_id) == (
        record.span_id,
        record.span_id,
        record.call_id,
    )
    assert record.sampled


async def test_a_call_that_is_not_traced_costs_its_record_nothing(clock: LoopClock) -> None:
    bench = Bench(clock)

    await bench.executor.execute(call())

    (record,) = bench.signals.of(CallRecord)
    assert (record.method, record.server, record.sampled) == ("", "", True)


async def test_the_sampler_decides_on_calls_that_nobody_elses_trace_holds(clock: LoopClock) -> None:
    bench = Bench(clock, tracing=Tracing(Sampler(ratio=0.0)))

    await bench.executor.execute(call())
    await bench.executor.execute(call(trace_id=TRACE, sampled=True))

    assert [record.sampled for record in bench.signals.of(CallRecord)] == [False, True]


@pytest.mark.parametrize(
    ("checks", "sampled"),
    [
        (TracedChecks.NONE, [False, False]),
        (TracedChecks.FAILED, [False, True]),
        (TracedChecks.ALL, [True, True]),
    ],
)
async def test_checks_are_sampled_as_the_operator_wants(
    clock: LoopClock, checks: TracedChecks, sampled: list[bool]
) -> None:
    bench = Bench(clock, ScriptedVendor(OK, DOWN), tracing=Tracing(Sampler(), checks=checks))

    await bench.executor.execute(check())
    await bench.executor.execute(check(max_attempts=1))

    assert [record.sampled for record in bench.signals.of(CallRecord)] == sampled


async def test_a_check_of_which_only_a_failure_is_kept_is_told_as_not_sampled(clock: LoopClock) -> None:
    bench = Bench(clock, policy=TOLD, tracing=Tracing(Sampler(), checks=TracedChecks.FAILED))

    await bench.executor.execute(check())

    assert bench.vendor.requests[0].headers["traceparent"].endswith("-00")


async def test_an_export_is_no_part_of_any_trace(clock: LoopClock) -> None:
    bench = Bench(clock, policy=TOLD, tracing=Tracing(Sampler()))

    await bench.executor.execute(call(origin=Origin.EXPORT))

    assert "traceparent" not in bench.vendor.requests[0].headers
    (record,) = bench.signals.of(CallRecord)
    # An exemplar of it would lead to a trace that nobody has.
    assert (record.method, record.sampled) == ("", False)


def test_a_run_is_known_by_64_bits_of_chance() -> None:
    rng = system_random()
    made = {new_run_id(rng) for _ in range(100)}
    assert len(made) == 100
    assert all(re.fullmatch("[0-9a-f]{16}", one) for one in made)


def test_no_run_has_an_id_of_zeros() -> None:
    class Unlucky(random.Random):
        def getrandbits(self, k: int, /) -> int:
            return 0 * k

    assert int(new_run_id(Unlucky()), 16)


def test_a_runs_trace_is_a_valid_one_that_tells_the_run() -> None:
    assert trace_of(RUN) == "56d4c488180d68f9" + RUN
    assert re.fullmatch("[0-9a-f]{32}", trace_of("message-7"))
    assert trace_of("message-7") != trace_of("message-8")


def test_calls_of_a_run_take_its_digits_each_begun_one_place_further_on() -> None:
    assert [call_of("0123456789abcdef", number) for number in (0, 1, 15, 16)] == [
        "0123456789abcdef",
        "123456789abcdef0",
        "f0123456789abcde",
        "",
    ]
    assert len({call_of(RUN, number) for number in range(16)}) == 16


@pytest.mark.parametrize(
    "run_id",
    ["", "r7", RUN[:-1], f"{RUN}0", RUN.upper(), f"{RUN[:-1]}g", f"{RUN}\n", "0" * 16, "\u0661" * 16],
)
def test_a_run_that_somebody_else_named_names_no_call(run_id: str) -> None:
    assert call_of(run_id, 0) == ""


@pytest.mark.parametrize("own", ["", RUN], ids=["of anyone", "of our own"])
def test_each_that_asks_has_the_next_id_of_the_run(own: str) -> None:
    ids = CallIDs(own)

    assert [ids.take(RUN) for _ in range(17)] == [*(call_of(RUN, number) for number in range(16)), ""]


def test_a_run_of_our_own_has_the_trace_of_any_that_is_named_so() -> None:
    run_id = new_run_id(system_random())

    assert trace_of_own(run_id) == trace_of(run_id)


@pytest.mark.parametrize("tracing", [Tracing(), Tracing(Sampler())], ids=["untraced", "traced"])
async def test_a_call_that_comes_with_an_id_keeps_it(clock: LoopClock, tracing: Tracing) -> None:
    bench = Bench(clock, tracing=tracing)
    await bench.executor.execute(call(call_id=RUN))
    bench.executor.force_open("shop", actor="op", reason="why")
    await bench.executor.execute(call(call_id="f" * 16))

    made, refused = bench.signals.of(CallRecord)
    assert made.call_id == made.span_id == RUN
    assert refused.call_id == refused.span_id == "f" * 16


def test_ids_are_hex_of_their_length_and_no_two_are_the_same() -> None:
    ids = Ids(system_random())
    spans, traces = {ids.span() for _ in range(200)}, {ids.trace() for _ in range(200)}
    assert (len(spans), len(traces)) == (200, 200)
    assert all(re.fullmatch(r"[0-9a-f]{16}", one) for one in spans)
    assert all(re.fullmatch(r"[0-9a-f]{32}", one) for one in traces)
