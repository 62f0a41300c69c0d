"""Each named query beside the same answer computed the slow and obvious way."""

import itertools
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporters.analytics.parameters import read_parameters
from exporters.analytics.queries import bundled_queries
from integrations.execution.outcome import FailureKind, Origin
from integrations.signals import BreakerState, BreakerTransition, CallRecord, Health, Signal
from tests.exporters.analytics.generated import START, call, health_change, started

NOW = START + 7_200.0
QUERIES = {query.name: query for query in bundled_queries()}


UNCOUNTED = {FailureKind.REJECTED, FailureKind.CANCELLED}

seconds = st.integers(-90_000, 7_300)
drawn_calls = st.lists(
    st.fixed_dictionaries(
        {
            "at": seconds,
            "run_id": st.sampled_from(["r1", "r2", "r3"]),
            "integration": st.sampled_from(["slack-prod", "github"]),
            "caller": st.sampled_from(["", "bot", "o'hara"]),
            "origin": st.sampled_from([Origin.TRAFFIC, Origin.TRAFFIC, Origin.CHECK]),
            "kind": st.sampled_from(
                [None, None, FailureKind.TIMEOUT, FailureKind.REJECTED, FailureKind.CANCELLED]
            ),
            "duration": st.integers(0, 30_000_000).map(lambda microseconds: microseconds / 1e6),
        }
    ),
    max_size=40,
)
drawn_windows = st.tuples(st.integers(-90_000, 7_000), st.integers(1, 90_000))


def made(drawn: Sequence[dict[str, Any]]) -> list[CallRecord]:
    return [call(number, **(fields | {"at": START + fields["at"]})) for number, fields in enumerate(drawn)]


def window_of(drawn: tuple[int, int]) -> tuple[float, float]:
    return START + drawn[0], START + drawn[0] + drawn[1]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Only a path: hypothesis keeps what it is given, and DuckDB complains of connections kept at exit."""
    return tmp_path_factory.mktemp("queries")


def answer(folder: Path, name: str, signals: Sequence[Signal], **params: str) -> list[tuple[object, ...]]:
    """Ask a query of a database that holds these signals alone."""
    query = QUERIES[name]
    texts = {key.strip("_"): text for key, text in params.items()}
    values = read_parameters(query.parameters, texts, now=NOW)
    pair = started(folder)
    assert pair.writer.database is not None
    for table in ("calls", "health_changes", "breaker_transitions"):
        pair.writer.database.connection.execute(f"DELETE FROM hot_{table}")
    pair.load(signals)
    with pair.writer.database.reading() as cursor:
        rows = cursor.execute(query.sql, values).fetchall()
    pair.close()
    return rows


def iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()


def naive(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC).replace(tzinfo=None)


def percentile(values: Sequence[float], share: float) -> float | None:
    """Linear interpolation between the two nearest ranks."""
    if not values:
        return None
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


@settings(max_examples=15)
@given(drawn=drawn_calls, window=drawn_windows, bucket=st.sampled_from([60, 420, 3_600, 86_400]))
def test_performance_is_what_the_calls_say(
    folder: Path, drawn: list[dict[str, Any]], window: tuple[int, int], bucket: int
) -> None:
    signals, (start, end) = made(drawn), window_of(window)
    found = answer(folder, "performance", signals, from_=iso(start), to=iso(end), bucket=f"{bucket}s")

    groups: dict[tuple[float, str], list[CallRecord]] = defaultdict(list)
    for signal in signals:
        if start <= signal.at < end and signal.origin is Origin.TRAFFIC:
            groups[signal.at // bucket * bucket, signal.integration].append(signal)
    expected = []
    for (bucket_start, integration), group in sorted(groups.items()):
        counted = [one for one in group if one.kind not in UNCOUNTED]
        failures = sum(one.kind is not None for one in counted)
        rejected = sum(one.kind is FailureKind.REJECTED for one in group)
        durations = [one.duration for one in counted]
        percentiles = [pytest.approx(percentile(durations, share)) for share in (0.5, 0.95, 0.99)]
        ratio = failures / len(counted) if counted else None
        row = (naive(bucket_start), integration, len(group), failures, rejected, ratio, *percentiles)
        expected.append(row)
    assert found == expected


@settings(max_examples=15)
@given(drawn=drawn_calls, window=drawn_windows, caller=st.sampled_from([None, "bot", "o'hara"]))
def test_usage_counts_runs_of_traffic(
    folder: Path, drawn: list[dict[str, Any]], window: tuple[int, int], caller: str | None
) -> None:
    signals, (start, end) = made(drawn), window_of(window)
    params = {"caller": caller} if caller is not None else {}
    found = answer(folder, "usage_by_caller", signals, from_=iso(start), to=iso(end), **params)

    groups: dict[tuple[str, str, str], list[CallRecord]] = defaultdict(list)
    for signal in signals:
        is_meant = caller is None or signal.caller == caller
        if start <= signal.at < end and signal.origin is Origin.TRAFFIC and is_meant:
            groups[signal.caller, signal.integration, signal.action].append(signal)
    expected = [
        (
            *key,
            len({one.run_id for one in group}),
            len(group),
            len({one.run_id for one in group if one.kind}),
            naive(max(one.at for one in group)),
        )
        for key, group in groups.items()
    ]
    assert found == sorted(expected, key=lambda row: (-row[3], row[0], row[1], row[2]))


@settings(max_examples=15)
@given(drawn=drawn_calls, window=drawn_windows, bucket=st.sampled_from([60, 3_600, 86_400]))
def test_usage_over_time_counts_runs_of_traffic_by_caller_and_bucket(
    folder: Path, drawn: list[dict[str, Any]], window: tuple[int, int], bucket: int
) -> None:
    signals, (start, end) = made(drawn), window_of(window)
    found = answer(folder, "usage_over_time", signals, from_=iso(start), to=iso(end), bucket=f"{bucket}s")

    groups: dict[tuple[float, str], list[CallRecord]] = defaultdict(list)
    for signal in signals:
        if start <= signal.at < end and signal.origin is Origin.TRAFFIC:
            groups[signal.at // bucket * bucket, signal.caller].append(signal)
    assert found == [
        (
            naive(bucket_start),
            caller,
            len({one.run_id for one in group}),
            len({one.run_id for one in group if one.kind}),
        )
        for (bucket_start, caller), group in sorted(groups.items())
    ]


@settings(max_examples=15)
@given(drawn=drawn_calls, window=drawn_windows)
def test_the_impact_of_trouble_is_what_runs_say(
    folder: Path, drawn: list[dict[str, Any]], window: tuple[int, int]
) -> None:
    signals, (start, end) = made(drawn), window_of(window)
    params = {"from_": iso(start), "to": iso(end), "integration": "github"}
    found = answer(folder, "incident_impact", signals, **params)

    kinds: dict[str, dict[str, set[FailureKind | None]]] = defaultdict(lambda: defaultdict(set))
    for signal in signals:
        is_meant = signal.integration == "github" and signal.origin is Origin.TRAFFIC
        if is_meant and start <= signal.at < end and signal.kind is not FailureKind.CANCELLED:
            kinds[signal.caller][signal.run_id].add(signal.kind)
    expected = []
    for caller, runs in kinds.items():
        failed = [bool(seen - {None, FailureKind.REJECTED}) for seen in runs.values()]
        refused = [FailureKind.REJECTED in seen for seen in runs.values()]
        both = zip(failed, refused, strict=True)
        row = (caller, len(runs), sum(failed), sum(was and not did for did, was in both))
        expected.append(row)
    assert found == sorted(expected, key=lambda row: (-row[2] - row[3], row[0]))


drawn_changes = st.lists(
    st.tuples(seconds, st.sampled_from(["", "read"]), st.sampled_from(list(Health))),
    max_size=15,
)


@settings(max_examples=15)
@given(drawn=drawn_changes, window=drawn_windows)
def test_the_health_timeline_has_every_state_that_held_in_the_window(
    folder: Path, drawn: list[tuple[int, str, Health]], window: tuple[int, int]
) -> None:
    unique = {(at, capability): after for at, capability, after in drawn}
    signals = [health_change(START + at, after, capability=name) for (at, name), after in unique.items()]
    start, end = window_of(window)
    found = answer(folder, "health_timeline", signals, from_=iso(start), to=iso(end))

    expected = []
    for capability in ("", "read"):
        line = [one for one in signals if one.capability == capability and one.at < end]
        line.sort(key=lambda one: one.at)
        for change, following in itertools.zip_longest(line, line[1:]):
            ended = following.at if following else None
            if ended is None or ended > start:
                held = (ended or end) - max(change.at, start)
                times = naive(change.at), ended and naive(ended)
                expected.append(("slack-prod", capability, change.after.value, *times, held))
    assert [row[:6] for row in found] == expected


def test_a_bucket_takes_its_first_instant_and_not_its_last(folder: Path) -> None:
    edge = START // 3_600 * 3_600
    signals = [call(1, at=edge), call(2, at=edge + 3_599.999999), call(3, at=edge + 3_600)]

    found = answer(folder, "performance", signals, from_=iso(edge), to=iso(edge + 7_200), bucket="1h")

    assert [(row[0], row[2]) for row in found] == [(naive(edge), 2), (naive(edge + 3_600), 1)]


def test_a_window_takes_its_start_and_not_its_end(folder: Path) -> None:
    signals = [call(1, at=START), call(2, at=START + 60)]

    found = answer(folder, "usage_by_caller", signals, from_=iso(START), to=iso(START + 60))

    assert [row[4] for row in found] == [1]


def test_an_integration_is_named_and_never_pasted(folder: Path) -> None:
    signals = [call(1, integration="o'hara"), call(2)]

    found = answer(folder, "performance", signals, integration="o'hara", origin="all")

    assert [row[1] for row in found] == ["o'hara"]


def test_top_errors_come_with_their_newest_detail(folder: Path) -> None:
    timeout = FailureKind.TIMEOUT
    signals = [
        call(1, kind=timeout, detail="old", caller="a"),
        call(2, kind=timeout, detail="new", caller="b", at=START + 1),
        call(3, kind=FailureKind.DNS),
        call(4),
    ]

    found = answer(folder, "top_errors", signals, limit="1")

    assert found == [
        ("slack-prod", "chat.post_message", "timeout", None, "", 2, 2, naive(START + 1), "new"),
    ]


def test_breaker_history_is_newest_first(folder: Path) -> None:
    signals = [
        BreakerTransition(
            at=START + number, seq=number, integration="slack-prod", vendor="slack", capability="read",
            before=BreakerState.CLOSED, after=BreakerState.OPEN, reason="ratio", calls=10, failures=number,
        )
        for number in range(3)
    ]  # fmt: skip

    found = answer(folder, "breaker_history", signals)

    assert [row[8] for row in found] == [2, 1, 0]


@pytest.mark.parametrize(("injected", "calls"), [("without", 2), ("with", 3), ("only", 1)])
def test_performance_leaves_out_what_an_injected_fault_struck_unless_asked(
    folder: Path, injected: str, calls: int
) -> None:
    happened = [
        call(1),
        call(2, kind=FailureKind.TIMEOUT),
        call(3, kind=FailureKind.SERVER_ERROR, injected=True),
    ]

    rows = answer(folder, "performance", happened, from_="2020-01-01T00:00:00Z", injected=injected)

    assert [row[2] for row in rows] == [calls]


def test_failures_that_were_injected_are_no_errors_and_their_runs_are_usage(folder: Path) -> None:
    happened = [call(1, kind=FailureKind.TIMEOUT), call(2, kind=FailureKind.SERVER_ERROR, injected=True)]

    errors = answer(folder, "top_errors", happened, from_="2020-01-01T00:00:00Z")
    usage = answer(folder, "usage_by_caller", happened, from_="2020-01-01T00:00:00Z")

    assert [(row[2], row[5]) for row in errors] == [("timeout", 1)]
    assert [row[3:6] for row in usage] == [(2, 2, 1)]
