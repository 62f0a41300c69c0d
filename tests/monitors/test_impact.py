"""What failures cost callers, counted as calls pass."""

from integrations.execution.outcome import Effect, FailureKind, Origin
from integrations.signals import CallRecord
from monitors.impact import MINUTES_KEPT, MOST_RUNS, SHOWN_CALLERS, ImpactCounter
from monitors.incident import Impact


def call(
    run: str,
    *,
    kind: FailureKind | None = None,
    at: float = 1_000.0,
    caller: str = "ci",
    origin: Origin = Origin.TRAFFIC,
) -> CallRecord:
    return CallRecord(
        at=at,
        call_id=f"call-{run}",
        run_id=run,
        integration="wiki",
        vendor="wikis",
        action="pages.list",
        capability="read",
        effect=Effect.READ,
        origin=origin,
        caller=caller,
        kind=kind,
    )


def test_runs_are_counted_from_when_failures_began() -> None:
    counter = ImpactCounter()
    counter.record(call("early", at=800.0))
    counter.record(call("a", kind=FailureKind.TIMEOUT, at=990.0))
    counter.record(call("b", at=1_000.0))
    counter.begin("wiki", began_at=985.0)
    counter.record(call("c", kind=FailureKind.REJECTED, at=1_100.0))
    assert counter.of("wiki") == Impact(calls=3, failures=1, rejected=1, callers=("ci",))


def test_a_run_of_several_requests_is_one() -> None:
    counter = ImpactCounter()
    counter.begin("wiki", began_at=0.0)
    counter.record(call("a"))
    counter.record(call("a", kind=FailureKind.TIMEOUT))
    counter.record(call("a", kind=FailureKind.TIMEOUT))
    assert counter.of("wiki") == Impact(calls=1, failures=1, rejected=0, callers=("ci",))


def test_checks_and_calls_that_were_given_up_count_nothing() -> None:
    counter = ImpactCounter()
    counter.begin("wiki", began_at=0.0)
    counter.record(call("a", origin=Origin.CHECK, kind=FailureKind.TIMEOUT))
    counter.record(call("b", kind=FailureKind.CANCELLED))
    assert counter.of("wiki") == Impact(calls=0, failures=0, rejected=0)


def test_the_callers_most_affected_come_first() -> None:
    counter = ImpactCounter()
    counter.begin("wiki", began_at=0.0)
    for number in range(SHOWN_CALLERS + 5):
        for turn in range(number + 1):
            counter.record(call(f"{number}-{turn}", kind=FailureKind.TIMEOUT, caller=f"caller-{number}"))
    impact = counter.of("wiki")
    assert impact is not None
    assert impact.callers == tuple(f"caller-{number}" for number in range(14, 4, -1))


def test_after_its_end_nothing_is_counted() -> None:
    counter = ImpactCounter()
    counter.begin("wiki", began_at=0.0)
    counter.end("wiki")
    assert counter.of("wiki") is None


def test_a_restart_goes_on_with_what_was_counted() -> None:
    counter = ImpactCounter()
    counter.begin("wiki", began_at=0.0, so_far=Impact(calls=7, failures=2, rejected=1, callers=("ci",)))
    counter.record(call("a", kind=FailureKind.TIMEOUT, caller="web"))
    assert counter.of("wiki") == Impact(calls=8, failures=3, rejected=1, callers=("ci", "web"))


def test_memory_is_bounded() -> None:
    counter = ImpactCounter()
    for minute in range(MINUTES_KEPT + 5):
        counter.record(call(f"run-{minute}", at=60.0 * minute))
    counter.begin("wiki", began_at=0.0)
    impact = counter.of("wiki")
    assert impact is not None
    assert impact.calls == MINUTES_KEPT
    for number in range(MOST_RUNS + 1):
        counter.record(call(f"more-{number}"))
    counter.record(call("more-0"))
    impact = counter.of("wiki")
    assert impact is not None
    assert impact.calls == MINUTES_KEPT + MOST_RUNS + 2
