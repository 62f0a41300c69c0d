"""The MetricTable counts what happens, asks for what is, and stays within its limits."""

from collections.abc import Iterable
from typing import Any

import pytest
from structlog.testing import capture_logs

from exporters.catalogue import CATALOGUE
from exporters.series import OVERFLOW, writable
from exporters.table import Buckets, MetricTable
from integrations.execution.outcome import Attempt, FailureKind, Origin, Phases, RejectReason, Source
from integrations.samples import Sample
from integrations.signals import (
    APIRequest,
    BreakerState,
    BreakerTransition,
    CheckResult,
    CredentialNotice,
    Evidence,
    Health,
    HealthChange,
    IncidentChange,
    OperatorAction,
    QueryRun,
    QuotaSample,
    Signal,
    WebhookReceipt,
)
from tests.exporters.named_samples import named_samples
from tests.fakes.calls import SampleList, call_record

LINE: dict[str, Any] = {"at": 1.0, "integration": "gh", "vendor": "github"}


def values(table: MetricTable, metric: str) -> dict[tuple[str, ...], float | Buckets]:
    return {reading.labels: reading.value for reading in table.read() if reading.family.name == metric}


def value(table: MetricTable, metric: str, *labels: str) -> float | Buckets | None:
    return values(table, metric).get(labels)


def buckets(table: MetricTable, metric: str, *labels: str) -> Buckets:
    found = values(table, metric)[labels]
    assert isinstance(found, Buckets)
    return found


def counted(*signals: Signal) -> MetricTable:
    table = MetricTable()
    for signal in signals:
        table.on_signal(signal)
    return table


def test_a_call_is_counted_by_its_outcome() -> None:
    table = counted(call_record(), call_record(), call_record(kind=FailureKind.TIMEOUT))
    assert values(table, "dialtone_calls_total") == {
        ("github-prod", "github", "repos.get", "traffic", "ok"): 2,
        ("github-prod", "github", "repos.get", "traffic", "timeout"): 1,
    }


def test_an_answer_without_a_request_of_its_own_is_no_call() -> None:
    table = counted(call_record(), *(call_record(source=source) for source in Source))
    assert value(table, "dialtone_calls_total", "github-prod", "github", "repos.get", "traffic", "ok") == 2


def test_calls_of_another_origin_are_another_series() -> None:
    table = counted(call_record(), call_record(origin=Origin.CHECK))
    assert {labels[3] for labels in values(table, "dialtone_calls_total")} == {"traffic", "check"}


def test_a_duration_falls_into_the_bucket_whose_bound_it_does_not_exceed() -> None:
    table = counted(*(call_record(duration=seconds) for seconds in (0.0, 0.005, 0.0051, 10.0, 10.1)))
    found = buckets(table, "dialtone_call_duration_seconds", "github-prod", "github", "repos.get", "traffic")
    assert found.counts == (2, 1, *[0] * 11, 1, 1)
    assert found.total == pytest.approx(20.1101)


def test_attempts_are_counted_one_by_one_and_all_but_the_first_are_retries() -> None:
    failed = Attempt(start=0, duration=0.1, kind=FailureKind.SERVER_ERROR, status=503)
    table = counted(call_record(attempts=(failed, failed, Attempt(start=1, duration=0.1, status=200))))
    assert values(table, "dialtone_attempts_total") == {
        ("github-prod", "github", "server_error"): 2,
        ("github-prod", "github", "ok"): 1,
    }
    assert value(table, "dialtone_retries_total", "github-prod", "github") == 2


def test_retries_stand_at_zero_before_the_first_retry() -> None:
    assert value(counted(call_record()), "dialtone_retries_total", "github-prod", "github") == 0


def test_a_rejected_call_is_counted_by_reason_and_takes_no_part_in_latency() -> None:
    table = counted(
        call_record(kind=FailureKind.REJECTED, reason=RejectReason.OPEN_CIRCUIT, attempts=(), duration=0.0)
    )
    assert values(table, "dialtone_rejected_calls_total") == {
        ("github-prod", "github", "read", "open_circuit"): 1
    }
    durations = values(table, "dialtone_call_duration_seconds").values()
    assert [sum(found.counts) for found in durations if isinstance(found, Buckets)] == [0]


def test_bytes_and_waits_are_added_up() -> None:
    table = counted(call_record(queued=0.25), call_record(queued=0.5))
    assert value(table, "dialtone_request_bytes_total", "github-prod") == 20
    assert value(table, "dialtone_response_bytes_total", "github-prod") == 4_000
    assert buckets(table, "dialtone_call_queue_seconds", "github-prod").total == 0.75


def test_a_sampled_call_leaves_its_trace_beside_its_bucket() -> None:
    table = counted(
        call_record(sampled=True, trace_id="t1", span_id="s1", duration=0.2),
        call_record(sampled=True, trace_id="t2", span_id="s2", duration=0.2),
        call_record(sampled=False, trace_id="t3", duration=0.2),
    )
    found = buckets(table, "dialtone_call_duration_seconds", "github-prod", "github", "repos.get", "traffic")
    assert [exemplar.trace_id for exemplar in found.exemplars.values()] == ["t2"]


@pytest.mark.parametrize(("origin", "traced", "left"), [
    (Origin.CHECK, False, []), (Origin.CHECK, True, ["t1"]), (Origin.TRAFFIC, False, ["t1"]),
])  # fmt: skip
def test_a_check_leaves_its_trace_only_where_traces_of_checks_go_somewhere(
    origin: Origin, traced: bool, left: list[str]
) -> None:
    table = MetricTable(traces_checks=traced)
    table.on_signal(call_record(sampled=True, trace_id="t1", span_id="s1", origin=origin))
    names = ("github-prod", "github", "repos.get", origin.value)
    found = buckets(table, "dialtone_call_duration_seconds", *names)
    assert [exemplar.trace_id for exemplar in found.exemplars.values()] == left


SIGNALS: dict[str, tuple[Signal, str, tuple[str, ...]]] = {
    "check": (
        CheckResult(**LINE, capability="read", action="a"),
        "dialtone_checks_total",
        ("gh", "github", "read", "ok"),
    ),
    "failed-check": (
        CheckResult(**LINE, capability="read", action="a", kind=FailureKind.DNS),
        "dialtone_checks_total",
        ("gh", "github", "read", "dns"),
    ),
    "skipped-check": (
        CheckResult(**LINE, capability="read", action="a", ran=False, kind=FailureKind.THROTTLED),
        "dialtone_checks_total",
        ("gh", "github", "read", "skipped"),
    ),
    "transition": (
        BreakerTransition(
            **LINE, capability="read", before=BreakerState.CLOSED, after=BreakerState.OPEN, reason="r"
        ),
        "dialtone_breaker_transitions_total",
        ("gh", "read", "open"),
    ),
    "health": (
        HealthChange(
            **LINE,
            capability="",
            before=Health.UP,
            after=Health.DOWN,
            evidence=Evidence.CHECK,
            reason="r",
            since=1.0,
        ),
        "dialtone_health_changes_total",
        ("gh", "github", "", "down"),
    ),
    "credential": (
        CredentialNotice(**LINE, event="rejected"),
        "dialtone_credential_notices_total",
        ("gh", "github", "rejected"),
    ),
    "webhook": (
        WebhookReceipt(**LINE, event_type="push", verdict="accepted"),
        "dialtone_webhooks_received_total",
        ("gh", "github", "accepted"),
    ),
    "operator": (
        OperatorAction(at=1.0, actor="ann", action="pause", integration="gh"),
        "dialtone_operator_actions_total",
        ("pause",),
    ),
    "request": (
        APIRequest(at=1.0, method="GET", route="/healthz", status=200, duration=0.1),
        "dialtone_api_requests_total",
        ("GET", "/healthz", "200"),
    ),
    "invented-method": (
        APIRequest(at=1.0, method="X" * 99, route="/healthz", status=405, duration=0.1),
        "dialtone_api_requests_total",
        ("other", "/healthz", "405"),
    ),
}


@pytest.mark.parametrize(("signal", "metric", "labels"), SIGNALS.values(), ids=SIGNALS)
def test_a_signal_is_counted_in_its_metric(signal: Signal, metric: str, labels: tuple[str, ...]) -> None:
    assert values(counted(signal), metric) == {labels: 1}


def test_what_the_table_counts_itself_no_owner_in_the_code_samples_too() -> None:
    table = counted(call_record(kind=FailureKind.REJECTED, reason=RejectReason.QUOTA))
    for signal, _, _ in SIGNALS.values():
        table.on_signal(signal)
    recorded = {reading.family.name for reading in table.read()} - {"dialtone_metric_series_dropped_total"}
    assert len(recorded) >= 18
    assert recorded & {name for _, name, _ in named_samples()} == set()


def test_a_signal_without_a_metric_is_passed_over() -> None:
    assert list(counted(QuotaSample(**LINE, bucket="core")).read()) == []


def test_a_check_that_ran_tells_its_duration_its_lag_and_the_slots_it_missed() -> None:
    table = counted(CheckResult(**LINE, capability="read", action="a", duration=0.3, lag=0.002, skipped=4))
    assert buckets(table, "dialtone_check_duration_seconds", "gh", "read").total == 0.3
    assert buckets(table, "dialtone_check_start_lag_seconds").total == 0.002
    assert value(table, "dialtone_check_slots_skipped_total", "gh") == 4


def test_a_check_over_a_connection_of_its_own_tells_the_phases_it_had() -> None:
    phases = Phases(connect=0.1, first_byte=0.2, transfer=0.0)
    table = counted(CheckResult(**LINE, capability="read", action="a", phases=phases))
    told = {phase: each.total for (_, phase), each in values(table, "dialtone_check_phase_seconds").items()}
    assert told == {"connect": 0.1, "first_byte": 0.2, "transfer": 0.0}


def test_a_check_that_did_not_run_has_neither_duration_nor_lag() -> None:
    table = counted(CheckResult(**LINE, capability="read", action="a", ran=False))
    assert values(table, "dialtone_check_duration_seconds") == {}
    assert values(table, "dialtone_check_start_lag_seconds") == {}


def test_samples_are_read_at_each_reading() -> None:
    table, source = MetricTable(), SampleList(Sample("dialtone_calls_in_flight", ("gh",), 3))
    table.add_source(source)
    before = value(table, "dialtone_calls_in_flight", "gh")
    source.values = (Sample("dialtone_calls_in_flight", ("gh",), 1),)
    assert (before, value(table, "dialtone_calls_in_flight", "gh")) == (3, 1)


def test_a_source_added_twice_is_asked_once() -> None:
    table, source = MetricTable(), SampleList(Sample("dialtone_calls_in_flight", ("gh",), 3))
    table.add_source(source)
    table.add_source(source)
    assert values(table, "dialtone_samples_refused_total") == {}


REFUSED: dict[str, tuple[Sample, str]] = {
    "unknown": (Sample("dialtone_nonsense", (), 1), "unknown_metric"),
    "histogram": (Sample("dialtone_call_queue_seconds", ("gh",), 1), "unknown_metric"),
    "too-few-labels": (Sample("dialtone_calls_in_flight", (), 1), "labels"),
    "too-many-labels": (Sample("dialtone_calls_in_flight", ("gh", "x"), 1), "labels"),
    "no-text": (Sample("dialtone_calls_in_flight", (7,), 1), "labels"),  # type: ignore[arg-type]  # that is the fault
    "no-number": (Sample("dialtone_calls_in_flight", ("gh",), "x"), "value"),  # type: ignore[arg-type]  # likewise
}


@pytest.mark.parametrize(("sample", "reason"), REFUSED.values(), ids=REFUSED)
def test_a_sample_that_does_not_fit_is_left_out_counted_and_logged_once(sample: Sample, reason: str) -> None:
    table = MetricTable()
    table.add_source(SampleList(sample, Sample("dialtone_storage_up", (), 1)))
    with capture_logs() as logs:
        first, second = list(table.read()), list(table.read())
    assert [reading.family.name for reading in first] == [
        "dialtone_storage_up",
        "dialtone_samples_refused_total",
    ]
    assert (second[-1].labels, second[-1].value) == ((reason,), 2)
    assert [log["reason"] for log in logs] == [reason]


def test_labels_that_are_no_tuple_cost_nobody_a_reading() -> None:
    table = MetricTable()
    table.add_source(SampleList(Sample("dialtone_calls_in_flight", ["gh"], 3)))  # type: ignore[arg-type]  # that is the fault
    assert values(table, "dialtone_calls_in_flight") == {("gh",): 3}


def test_a_series_that_two_owners_claim_is_told_once() -> None:
    table = MetricTable()
    table.add_source(SampleList(Sample("dialtone_storage_up", (), 1), Sample("dialtone_storage_up", (), 0)))
    readings = [(r.family.name, r.labels, r.value) for r in table.read()]
    assert readings == [
        ("dialtone_storage_up", (), 1),
        ("dialtone_samples_refused_total", ("duplicate",), 1),
    ]


def test_what_the_table_counts_itself_no_owner_can_overwrite() -> None:
    table = counted(call_record())
    table.add_source(SampleList(Sample("dialtone_retries_total", ("github-prod", "github"), 99)))
    assert values(table, "dialtone_retries_total") == {("github-prod", "github"): 0}


class Broken:
    def samples(self) -> Iterable[Sample]:
        yield Sample("dialtone_storage_up", (), 1)
        raise RuntimeError("the owner is broken")


def test_an_owner_that_raises_costs_nobody_else_a_sample() -> None:
    table = MetricTable()
    table.add_source(Broken())
    table.add_source(SampleList(Sample("dialtone_analytics_up", (), 1)))
    readings = [(r.family.name, r.labels, r.value) for r in table.read()]
    assert readings == [
        ("dialtone_analytics_up", (), 1),
        ("dialtone_samples_refused_total", ("error",), 1),
    ]


class Stepwise:
    """Tells how many of its samples were asked for."""

    def __init__(self) -> None:
        self.asked = 0

    def samples(self) -> Iterable[Sample]:
        for name in ("a", "b", "c"):
            self.asked += 1
            yield Sample("dialtone_queue_depth", (name,), 1)


@pytest.mark.parametrize(("sliced", "asked"), [(True, 1), (False, 3)])
def test_only_a_sliced_owner_is_asked_sample_by_sample(*, sliced: bool, asked: int) -> None:
    table, owner = MetricTable(), Stepwise()
    table.add_source(owner, sliced=sliced)
    rows = table.read()
    assert next(rows).labels == ("a",)
    assert owner.asked == asked
    assert len([row for row in rows if row.family.name == "dialtone_queue_depth"]) == 2


def test_a_label_value_that_can_be_written_is_not_copied() -> None:
    name = str(b"github", "ascii")
    assert writable(name) is name
    assert writable("caf\ud800") == "caf?"


def test_a_hostile_label_value_cannot_grow_a_family_past_its_limit() -> None:
    table = MetricTable(series_limit=10)
    for number in range(1_000):
        table.on_signal(call_record(action=f"hostile-{number}"))
    for metric in ("dialtone_calls_total", "dialtone_call_duration_seconds"):
        assert len(values(table, metric)) == 11
    assert len(table._calls._lines) == 10
    assert value(table, "dialtone_calls_total", *[OVERFLOW] * 5) == 990
    assert buckets(table, "dialtone_call_duration_seconds", *[OVERFLOW] * 4).counts[6] == 990


def test_what_a_full_family_refuses_is_counted() -> None:
    table = MetricTable(series_limit=2)
    for number in range(5):
        table.on_signal(OperatorAction(at=1.0, actor="ann", action=f"a{number}", integration="gh"))
    assert value(table, "dialtone_metric_series_dropped_total", "dialtone_operator_actions_total") == 3


def test_a_known_series_is_still_counted_when_its_family_is_full() -> None:
    table = MetricTable(series_limit=1)
    for action in ("first", "second", "first"):
        table.on_signal(call_record(action=action))
    assert value(table, "dialtone_calls_total", "github-prod", "github", "first", "traffic", "ok") == 2


def test_samples_beyond_the_limit_are_left_out_and_counted() -> None:
    table = MetricTable(series_limit=3)
    table.add_source(SampleList(*(Sample("dialtone_queue_depth", (str(n),), n) for n in range(10))))
    readings = list(table.read())
    assert [r.value for r in readings if r.family.name == "dialtone_queue_depth"] == [0, 1, 2]
    assert [(r.labels, r.value) for r in readings if r.family.name.endswith("dropped_total")] == [
        (("dialtone_queue_depth",), 7)
    ]


def test_an_integration_that_is_removed_takes_its_series_along() -> None:
    table = counted(call_record(), call_record(integration="slack"))
    table.remove("integration", {"github-prod"})
    assert {labels[0] for labels in values(table, "dialtone_calls_total")} == {"slack"}
    assert "github-prod" not in {r.labels[0] for r in table.read() if r.labels}


def test_an_integration_that_comes_back_begins_at_zero() -> None:
    table = counted(call_record(), call_record())
    table.remove("integration", {"github-prod"})
    table.welcome("integration", {"github-prod"})
    table.on_signal(call_record())
    assert list(values(table, "dialtone_calls_total").values()) == [1]


def test_a_reading_survives_what_happens_while_it_pauses() -> None:
    table = counted(call_record())
    reading = table.read()
    first = next(reading)
    table.on_signal(call_record(action="issues.list"))
    table.remove("integration", {"github-prod"})
    assert first.family is CATALOGUE["dialtone_calls_total"]
    assert isinstance(list(reading), list)


def incident(event: str, *, resolved_at: float | None = None) -> IncidentChange:
    about = {"incident": "I-1", "capability": "", "state": Health.DOWN, "opened_at": 100.0}
    return IncidentChange(**LINE, **about, event=event, resolved_at=resolved_at)


def test_an_incident_has_a_duration_once_it_is_resolved() -> None:
    table = counted(incident("opened"), incident("worsened"), incident("resolved", resolved_at=420.0))
    found = buckets(table, "dialtone_incident_duration_seconds", "gh")
    assert (sum(found.counts), found.total) == (1, 320)


def test_a_query_is_timed_under_its_name() -> None:
    table = counted(QueryRun(at=1.0, query="performance", caller="ann", duration=0.25, rows=3))
    found = buckets(table, "dialtone_analytics_query_duration_seconds", "performance")
    assert (sum(found.counts), found.total) == (1, 0.25)


def test_attempts_of_traffic_are_timed_by_their_outcome() -> None:
    failed = Attempt(start=0.0, duration=5.0, kind=FailureKind.TIMEOUT)
    good = Attempt(start=5.5, duration=0.2)
    table = counted(call_record(attempts=(failed, good)), call_record(attempts=(good,)))
    family = "dialtone_attempt_duration_seconds"
    found = {labels[3]: cell for labels, cell in values(table, family).items() if isinstance(cell, Buckets)}
    assert {labels[:3] for labels in values(table, family)} == {("github-prod", "github", "repos.get")}
    assert {name: sum(cell.counts) for name, cell in found.items()} == {"ok": 2, "timeout": 1}
    assert found["ok"].total == pytest.approx(0.4)


@pytest.mark.parametrize("origin", [each for each in Origin if each is not Origin.TRAFFIC])
def test_attempts_of_what_is_no_traffic_are_not_timed_again(origin: Origin) -> None:
    assert values(counted(call_record(origin=origin)), "dialtone_attempt_duration_seconds") == {}
