"""Rollups beside slow, obvious counts: at borders of hours and days, with late rows, restarts and kills."""

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporters.analytics.rollups.roller import Roller
from exporters.analytics.settings import Retention
from integrations.execution.outcome import Attempt, FailureKind, Origin, RejectReason, Source
from integrations.signals import BreakerState, CallRecord, CheckResult
from monitors.slo_events import event_of
from tests.exporters.analytics.generated import START, call
from tests.exporters.analytics.model import Model, SteppingClock, day, grouped, hour, moment

HOUR, DAY = 3_600.0, 86_400.0
MIDNIGHT = START // DAY * DAY
SECONDS = st.one_of(
    st.sampled_from([MIDNIGHT - DAY, MIDNIGHT - 1e-6, MIDNIGHT, MIDNIGHT + HOUR, MIDNIGHT + HOUR - 1e-6]),
    st.integers(0, int(2 * DAY)).map(lambda seconds: MIDNIGHT - 1.5 * DAY + seconds),
)
MICROSECONDS = st.one_of(
    st.sampled_from([0, 1, 2, 1_000_000, 1_050_000, 3_600_000_000]), st.integers(100, 100_000_000)
)
DURATIONS = MICROSECONDS.map(lambda microseconds: microseconds / 1e6)
drawn_calls = st.lists(
    st.fixed_dictionaries(
        {
            "at": SECONDS,
            "run_id": st.sampled_from(["r1", "r2", "r3"]),
            "integration": st.sampled_from(["slack-prod", "github"]),
            "action": st.sampled_from(["post", "read"]),
            "caller": st.sampled_from(["", "bot", "bot/x", "o'hara"]),
            "origin": st.sampled_from([Origin.TRAFFIC, Origin.TRAFFIC, Origin.CHECK]),
            "kind": st.sampled_from(
                [
                    None,
                    None,
                    FailureKind.TIMEOUT,
                    FailureKind.REJECTED,
                    FailureKind.CANCELLED,
                    FailureKind.NOT_FOUND,
                ]
            ),
            "reason": st.sampled_from([RejectReason.OPEN_CIRCUIT, RejectReason.QUOTA]),
            "breaker_state": st.sampled_from([BreakerState.OPEN, BreakerState.FORCED_OPEN]),
            "source": st.sampled_from([Source.LIVE, Source.LIVE, Source.SHARED]),
            "injected": st.sampled_from([False, False, True]),
            "duration": DURATIONS,
        }
    ),
    max_size=25,
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory):
    made = Model(tmp_path_factory.mktemp("rollups"))
    yield made
    made.close()


def made(drawn: Sequence[dict[str, Any]], first: int = 0) -> list[CallRecord]:
    return [
        call(number, **(fields if fields["kind"] is FailureKind.REJECTED else fields | {"reason": None}))
        for number, fields in enumerate(drawn, start=first)
    ]


def good(signal: CallRecord) -> bool | None:
    """As the live count of objectives has it, on whose behalf the call ever was."""
    event = event_of(msgspec.structs.replace(signal, origin=Origin.TRAFFIC))
    return event.succeeded if event else None


def counted(signals: Iterable[CallRecord]) -> dict[tuple[object, ...], tuple[int, float]]:
    groups = grouped(
        signals,
        lambda one: (
            hour(one.at), one.integration, one.origin, one.source, one.kind, one.injected, good(one),
        ),
    )  # fmt: skip
    return {
        key: (len(group), pytest.approx(sum(one.duration for one in group))) for key, group in groups.items()
    }


def found(model: Model) -> dict[tuple[object, ...], tuple[object, ...]]:
    rows = model.rows(
        "SELECT hour, integration, origin, source, kind, injected, good, sum(calls)::BIGINT, sum(seconds) "
        "FROM calls_hourly GROUP BY ALL"
    )
    assert len({row[:7] for row in rows}) == len(rows)
    return {row[:7]: row[7:] for row in rows}


@settings(max_examples=5)
@given(
    batches=st.lists(
        st.tuples(
            drawn_calls,
            st.sampled_from([0.0, HOUR / 2, HOUR, DAY]),
            st.sampled_from(["", "", "close", "kill"]),
        ),
        min_size=1,
        max_size=3,
    )
)
def test_hours_are_counted_once_however_late_their_rows_come_and_whatever_happens(
    model: Model, batches: list[tuple[list[dict[str, Any]], float, str]]
) -> None:
    now = MIDNIGHT - HOUR / 2
    model.holding([], now=now)
    all_signals: list[CallRecord] = []
    for drawn, later, event in batches:
        signals = made(drawn, len(all_signals))
        all_signals += signals
        model.load(signals)
        if event:
            model.restart(killed=event == "kill")
        now += later
        model.set_time(now)

        model.roll()

        assert found(model) == counted(all_signals)
    assert model.rows("SELECT sum(row_count) FROM rolled WHERE rollup = 'calls'") == model.rows(
        "SELECT sum(calls) FROM rollup_calls"
    )


@settings(max_examples=5)
@given(drawn=drawn_calls, late=drawn_calls)
def test_views_are_the_same_before_and_after_they_are_rolled_up(
    model: Model, drawn: list[dict[str, Any]], late: list[dict[str, Any]]
) -> None:
    signals = [*made(drawn), *made(late, len(drawn))]
    model.holding(signals, now=MIDNIGHT + HOUR)
    views = ("calls_hourly", "usage_and_cost", "availability_daily")

    def answers() -> list[Counter[tuple[object, ...]]]:
        return [
            Counter(
                tuple(round(cell, 6) if isinstance(cell, float) else cell for cell in row)
                for row in model.rows(f"FROM {view}")
            )
            for view in views
        ]

    before = answers()
    model.roll()

    assert answers() == before


@settings(max_examples=5)
@given(drawn=drawn_calls)
def test_a_bucket_holds_durations_at_most_five_percent_apart(
    model: Model, drawn: list[dict[str, Any]]
) -> None:
    signals = made(drawn)
    model.holding(signals)

    rows = model.rows(
        "SELECT duration, latency_bucket(duration), bucket_seconds(latency_bucket(duration)) FROM calls"
    )

    for duration, bucket, middle in rows:
        taken = max(float(str(duration)), 1e-6)
        low = 1.05 ** int(str(bucket))
        assert low * (1 - 1e-9) <= taken <= low * 1.05 * (1 + 1e-9)
        assert abs(float(str(middle)) - taken) <= 0.025 * taken


def test_an_hour_that_is_not_over_is_not_rolled_up_and_seen_all_the_same(model: Model) -> None:
    signals = [call(1, at=START - 1), call(2, at=START + 1)]

    model.holding(signals, now=START + HOUR - 1).roll()

    assert model.rows("SELECT hour FROM rollup_calls") == [(hour(START - 1),)]
    assert model.rows("SELECT sum(calls) FROM calls_hourly") == [(2,)]


def test_nothing_is_missing_while_a_clock_that_was_ahead_is_behind_its_rollups(model: Model) -> None:
    model.holding([call(1, at=START + DAY)], now=START + 2 * DAY).roll()

    model.set_time(START)
    model.load([call(2, at=START), call(3, at=START + DAY)])
    model.roll()

    assert model.rows("SELECT sum(calls) FROM calls_hourly") == [(3,)]
    assert model.rows("SELECT sum(runs) FROM usage_daily") == [(3,)]


def test_calls_are_counted_as_objectives_count_them(model: Model) -> None:
    """Every way to end, through every state of a breaker."""
    ways = itertools.product(
        [(None, None), (FailureKind.DNS, None), (FailureKind.NOT_FOUND, None), (FailureKind.CANCELLED, None)]
        + [(FailureKind.REJECTED, reason) for reason in RejectReason],
        BreakerState,
        [Source.LIVE, Source.STALE],
        [False, True],
    )
    signals = [
        call(
            number,
            at=START - HOUR,
            kind=kind,
            reason=reason,
            breaker_state=state,
            source=source,
            injected=injected,
        )
        for number, ((kind, reason), state, source, injected) in enumerate(ways)
    ]
    model.holding(signals, now=START + HOUR).roll()

    assert found(model) == counted(signals)


def test_checks_are_counted_as_objectives_count_them(model: Model) -> None:
    failures = [None, FailureKind.TIMEOUT, FailureKind.CLIENT_ERROR]
    signals = [
        CheckResult(
            at=START - HOUR + number, seq=number, integration="github", vendor="github", capability="read",
            action="get", ran=ran, kind=kind, duration=0.5, injected=injected,
        )
        for number, (ran, kind, injected) in enumerate(
            (ran, kind, injected) for ran in (True, False) for kind in failures for injected in (True, False)
        )
    ]  # fmt: skip
    model.holding(signals, now=START + HOUR).roll()

    rows = model.rows("SELECT ran, kind, injected, good, sum(checks) FROM checks_hourly GROUP BY ALL")

    expected = {}
    for signal in signals:
        event = event_of(signal)
        expected[signal.ran, signal.kind, signal.injected] = (event.succeeded if event else None, 1)
    assert {row[:3]: row[3:] for row in rows} == expected
    assert model.rows("SELECT count(*) FROM rollup_checks") == [(12,)]


def test_a_failed_step_leaves_everything_as_it_was_and_the_next_mends_it(model: Model) -> None:
    signals = [call(number, at=START - HOUR) for number in range(5)]
    model.holding(signals, now=START + HOUR).roll()
    model.load([call(9, at=START - HOUR)])
    connection = FailingAt(model.connection, "INSERT INTO rolled")
    roller = Roller(connection, clock=model.opened.clock)  # type: ignore[arg-type] # what it uses of one

    roller.step()

    assert roller.problem == "the disk is full"
    assert model.rows("SELECT sum(calls) FROM rollup_calls") == [(5,)]
    connection.broken = ""
    model.opened.clock.advance(60)
    roller.step()
    assert (roller.problem, model.rows("SELECT sum(calls) FROM rollup_calls")) == ("", [(6,)])


class FailingAt:
    """A connection on which one statement fails."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, broken: str) -> None:
        self.broken = broken
        self._connection = connection

    def execute(self, sql: str, values: list[object] | None = None) -> duckdb.DuckDBPyConnection:
        if self.broken and sql.startswith(self.broken):
            raise duckdb.IOException("the disk is full")
        return self._connection.execute(sql, values or [])


def test_a_large_hour_is_counted_in_slices_and_seen_whole(model: Model) -> None:
    rows = 2_010
    model.holding([], now=START + HOUR)
    model.connection.execute(
        "INSERT INTO hot_calls BY NAME SELECT TIMESTAMP '2027-01-15 07:30:00' AS ts, i AS seq, "
        "'i' || i % 7 AS integration, 'live' AS source, 'traffic' AS origin, 0.1 AS duration "
        f"FROM range({rows}) AS t(i)"
    )
    stepped = SteppingClock(model)

    seen = []
    roller = Roller(model.connection, clock=stepped, batch_rows=1_000)
    while not seen or roller.due == 0.0:
        roller.step()
        seen.append(model.rows("SELECT sum(calls)::BIGINT FROM calls_hourly")[0][0])

    assert len(seen) == 3
    assert set(seen) == {rows}
    assert model.rows("SELECT sum(calls) FROM rollup_calls") == [(rows,)]
    model.holding([])


def test_late_rows_of_a_day_whose_rows_are_gone_take_nothing_from_its_rollup(model: Model) -> None:
    old = START - 5 * DAY
    model.holding([call(number, at=old) for number in range(3)]).roll()
    model.connection.execute("DELETE FROM hot_calls")

    model.load([call(10, at=old)])
    model.roll()

    assert model.rows("SELECT sum(calls) FROM calls_hourly") == [(3,)]


def test_rollups_are_kept_for_as_long_as_they_are_to_be_and_longer_than_rows(model: Model) -> None:
    ages = (3, 30, 300)
    model.holding([call(age, at=START - age * DAY) for age in ages])
    everything = Retention(calls=0, check_results=0, rollups=0)
    Roller(model.connection, clock=model.opened.clock, retention=everything).step()
    assert model.rows("SELECT count(*) FROM rollup_calls") == [(3,)]

    Roller(model.connection, clock=model.opened.clock, retention=Retention(calls=7, rollups=100)).step()

    left = [(hour(START - age * DAY),) for age in (30, 3)]
    assert model.rows("SELECT hour FROM rollup_calls ORDER BY hour") == left
    assert model.rows("SELECT start FROM rolled WHERE rollup = 'calls' ORDER BY start") == left
    assert model.rows("SELECT count(*) FROM rollup_usage") == [(2,)]


def test_sealed_days_are_counted_from_their_files(model: Model, tmp_path: Path) -> None:
    old = START - 3 * DAY
    model.holding([call(number, at=old + number * HOUR) for number in range(4)])
    path = tmp_path / "part.parquet"
    model.connection.execute(f"COPY hot_calls TO '{path}'")
    model.connection.execute("DELETE FROM hot_calls")
    model.connection.execute(
        f"CREATE OR REPLACE VIEW calls AS SELECT * FROM hot_calls UNION ALL BY NAME SELECT * FROM '{path}'"
    )
    model.connection.execute(
        "INSERT INTO sealed_files BY NAME SELECT 'calls' AS table_name, ?::DATE AS day, "
        "'part.parquet' AS file, 4 AS row_count, 1 AS byte_count, 13 AS schema_version, "
        "0 AS stored_position, ? AS sealed_at",
        [day(old), moment(START)],
    )
    model.roll()
    assert model.rows("SELECT sum(row_count), count(*) FROM rolled WHERE rollup = 'calls'") == [(4, 4)]

    model.load([call(9, at=old)])
    model.roll()

    assert model.rows("SELECT sum(calls) FROM calls_hourly") == [(5,)]
    assert model.rows("SELECT sum(runs) FROM usage_daily") == [(5,)]
    model.connection.execute("DELETE FROM sealed_files")
    model.connection.execute("CREATE OR REPLACE VIEW calls AS SELECT * FROM hot_calls")


def test_attempts_and_bytes_are_added_up_by_day(model: Model) -> None:
    tries = (Attempt(start=0.0, duration=0.1, status=500), Attempt(start=0.5, duration=0.1, status=200))
    signals = [
        call(number, at=START - DAY, attempts=tries, request_bytes=10, response_bytes=7)
        for number in range(3)
    ]
    model.holding(signals, now=START).roll()

    assert model.rows("SELECT requests, attempts, request_bytes, response_bytes FROM usage_daily") == [
        (3, 6, 30, 21)
    ]
