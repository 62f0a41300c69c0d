"""What is stored of a row, and what is had back of it: all that was recorded, seconds to the microsecond."""

import math
import re
import secrets
import shutil
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporters.analytics.archive.view import view_of
from exporters.analytics.derived import DERIVED, SINCE, stored
from exporters.analytics.migrations import bundled_steps
from exporters.analytics.seconds import SECONDS
from exporters.analytics.tables import TABLES, hot
from integrations.execution.outcome import Attempt, Phases
from integrations.execution.tracing import call_of, new_run_id, system_random, trace_of
from integrations.signals import (
    CallRecord,
    CheckResult,
    Evidence,
    Ground,
    Health,
    QuotaSample,
    Signal,
)
from tests.exporters.analytics.archive.sealing_by_hand import DAY, files, seal_all
from tests.exporters.analytics.generated import START, Pair, abandon, call, columns_of, health_change, started

NO_SECONDS = {"quota_limit", "remaining", "burn", "budget_left", "weight"}
MICROSECOND = 1e-6


def digits(count: int) -> st.SearchStrategy[str]:
    return st.text("0123456789abcdef", min_size=count, max_size=count)


RUNS = ("0123456789abcdef", "fedcba98" * 2, "0" * 15 + "1")
"""Their calls take their ids from them."""

FORMER = ("0123456789abcdef" * 2, "fedcba98" * 4)
"""As they were until version 17."""

OTHERS = ("r7", "the id \u00e9 of a message that is delivered", "")
CALLS = ("its run's", "its run's third", "drawn")
TRACES = ("own", "caller's", "none")
SPANS = ("own", "another", "none")
LONG = st.floats(0, 1e5)
ATTEMPTS = st.lists(
    st.builds(Attempt, start=LONG, duration=LONG, status=st.none() | st.just(200)), max_size=3
)
COMBINED = tuple(product(RUNS + FORMER + OTHERS, CALLS, TRACES, SPANS, (True, False)))


class Durations(NamedTuple):
    """What of a call is seconds."""

    duration: float
    queued: float
    retry_after: float | None
    attempts: tuple[Attempt, ...]


DURATIONS = st.builds(Durations, LONG, LONG, st.none() | LONG, ATTEMPTS.map(tuple))


def combined(chosen: Sequence[Durations]) -> list[CallRecord]:
    """A call of each kind there is, with these durations in turn."""
    return [
        call(
            number,
            call_id=(own := called_of(run, called) or f"{number:016x}"),
            run_id=run,
            trace_id={"own": traced_of(run), "caller's": f"{number:032x}", "none": ""}[trace],
            span_id={"own": own, "another": "f" * 16, "none": ""}[span],
            sampled=is_sampled,
            **chosen[number % len(chosen)]._asdict(),
        )
        for number, (run, called, trace, span, is_sampled) in enumerate(COMBINED)
    ]


def called_of(run: str, called: str) -> str:
    """The id of a run's call; empty: it is drawn."""
    if called == "its run's":
        return run[16:] if run in FORMER else call_of(run, 0)
    return call_of(run, 2) if called == "its run's third" else ""


def traced_of(run: str) -> str:
    """The trace of a run, as it is or was."""
    return run[16:] + run[:16] if run in FORMER else trace_of(run)


class Life:
    """One kind of way that rows go until they are asked for."""

    @staticmethod
    def hot(folder: Path, given: Iterable[Signal]) -> Pair:
        pair = started(folder)
        pair.load(given)
        return pair

    @staticmethod
    def sealed(folder: Path, given: Sequence[Signal]) -> Pair:
        pair = Life.hot(folder, [msgspec.structs.replace(one, at=START - 3 * DAY) for one in given])
        assert seal_all(pair)
        assert pair.rows("SELECT count(*) FROM hot_calls") == [(0,)]
        return pair

    @staticmethod
    def sealed_for_a_folder(folder: Path, given: Sequence[Signal]) -> Pair:
        """With all values, for programs that read the files themselves; hot rows of the same day are not."""
        old = [msgspec.structs.replace(one, at=START - 3 * DAY) for one in given]
        pair = Life.hot(folder, old[::2])
        seal_all(pair, is_whole=True)
        lacking = "call_id IS NULL OR trace_id IS NULL OR span_id IS NULL"
        assert pair.rows(f"SELECT count(*) FROM {sealed_in(pair)} WHERE {lacking}") == [(0,)]
        pair.load(old[1::2])
        return pair

    @staticmethod
    def of_the_version_before(folder: Path, given: Sequence[Signal]) -> Pair:
        """Rows that hold all their values, hot and sealed, beside each other."""
        pair = started(folder, steps=bundled_steps()[: SINCE - 1])
        whole_rows(pair, given)
        pair.close()
        return started(folder, steps=bundled_steps())

    @staticmethod
    def of_the_version_before_and_sealed(folder: Path, given: Sequence[Signal]) -> Pair:
        old = [msgspec.structs.replace(one, at=START - 3 * DAY) for one in given]
        pair = started(folder, steps=bundled_steps()[: SINCE - 1])
        whole_rows(pair, old[::2])
        seal_all(pair)
        whole_rows(pair, old[1::2])
        pair.close()
        pair = started(folder, steps=bundled_steps())
        seal_all(pair)
        return pair

    @staticmethod
    def of_version_15(folder: Path, given: Sequence[Signal]) -> Pair:
        return Life.of_a_version(15, folder, given)

    @staticmethod
    def of_version_16(folder: Path, given: Sequence[Signal]) -> Pair:
        return Life.of_a_version(16, folder, given)

    @staticmethod
    def of_a_version(version: int, folder: Path, given: Sequence[Signal]) -> Pair:
        """Rows as they were stored then, sealed, and hot beside such as are stored now."""
        old = [msgspec.structs.replace(one, at=START - 3 * DAY) for one in given]
        pair = started(folder, steps=bundled_steps()[:version])
        store_as(version, pair)
        pair.load(old[::3])
        seal_all(pair)
        pair.load(old[1::3])
        pair.close()
        pair = started(folder, steps=bundled_steps())
        pair.load(old[2::3])
        return pair

    @staticmethod
    def loaded_again_from_the_spool(folder: Path, given: Sequence[Signal]) -> Pair:
        abandon(Life.hot(folder, given))
        for path in folder.glob("hot.duckdb*"):
            path.unlink()
        return started(folder)

    @staticmethod
    def found_again_in_the_archive(folder: Path, given: Sequence[Signal]) -> Pair:
        Life.sealed(folder, given).close()
        (folder / "hot.duckdb").unlink()
        return started(folder)


def whole_rows(pair: Pair, given: Iterable[Signal]) -> None:
    """Load rows as the version before did: all their values, and seconds as they are."""
    assert pair.writer._loader is not None
    intakes = pair.writer._loader._intakes
    plain = columns_of(pair.writer.database.connection, hot("calls"))  # type: ignore[union-attr] # it is open
    values = [f'"{name}"' for name in plain if name != "ts"]
    intakes["calls"] = intakes["calls"]._replace(
        values=", ".join(['make_timestamp(round("at" * 1e6)::BIGINT) AS ts', *values])
    )
    pair.load(given)


FORMS = {
    15: {
        "call_id": '"call_id"',
        "trace_id": "nullif(trace_id, substr(run_id, 17) || substr(run_id, 1, 16))",
        "span_id": "nullif(span_id, call_id)",
    },
    16: {
        "call_id": "nullif(call_id, substr(run_id, 17))",
        "trace_id": "nullif(trace_id, substr(run_id, 17) || substr(run_id, 1, 16))",
        "span_id": "nullif(span_id, coalesce(call_id, substr(run_id, 17)))",
    },
}
"""What was stored of a call by former versions of the schema, which no change may touch."""


def store_as(version: int, pair: Pair) -> None:
    """Let rows be loaded as that version did."""
    assert pair.writer._loader is not None
    intakes = pair.writer._loader._intakes
    values = intakes["calls"].values
    for column, form in FORMS[version].items():
        now = stored("calls", column, "VARCHAR", field=column)
        assert f'{now} AS "{column}"' in values
        values = values.replace(f'{now} AS "{column}"', f'{form} AS "{column}"')
    intakes["calls"] = intakes["calls"]._replace(values=values)


def sealed_in(pair: Pair) -> str:
    """What another program finds in the files of the archive."""
    return f"read_parquet('{pair.writer.path.with_name('archive')}/calls/*/whole-*.parquet')"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lives")


@pytest.mark.parametrize(
    "life",
    [
        Life.hot,
        Life.sealed_for_a_folder,
        Life.of_the_version_before,
        Life.of_the_version_before_and_sealed,
        Life.of_version_15,
        Life.of_version_16,
        Life.loaded_again_from_the_spool,
        Life.found_again_in_the_archive,
    ],
    ids=lambda life: life.__name__,
)
def test_calls_come_out_as_they_were_recorded(
    folder: Path, life: Callable[[Path, Sequence[Signal]], Pair]
) -> None:
    @settings(max_examples=2)
    @given(chosen=st.lists(DURATIONS, min_size=5, max_size=20))
    def check(chosen: list[Durations]) -> None:
        recorded = combined(chosen)
        pair = life(folder / secrets.token_hex(4), recorded)
        names = ["call_id", "run_id", "trace_id", "span_id", "sampled"]
        seconds = ["duration", "queued", "retry_after", "attempts"]
        rows = pair.rows(f"SELECT {', '.join(names + seconds)} FROM calls ORDER BY seq")
        pair.close()
        assert len(rows) == len(recorded)
        for row, one in zip(rows, recorded, strict=True):
            found = dict(zip(names + seconds, row, strict=True))
            assert [found[name] for name in names] == [getattr(one, name) for name in names]
            assert is_near(found, one)

    check()


def is_near(found: dict[str, object], one: CallRecord) -> bool:
    """Whether all seconds are there to the microsecond."""
    pairs: list[tuple[Any, Any]] = [
        (found[name], getattr(one, name)) for name in ("duration", "queued", "retry_after")
    ]
    attempts = found["attempts"]
    assert isinstance(attempts, list)
    assert len(attempts) == len(one.attempts)
    for had, made in zip(attempts, one.attempts, strict=True):
        assert (had["kind"], had["status"], had["injected"]) == (made.kind, made.status, made.injected)
        pairs.append((had["start"], made.start))
        assert math.isclose(had["duration"], made.duration, rel_tol=0, abs_tol=1.6 * MICROSECOND)
    return all(
        had is None if made is None else math.isclose(had, made, rel_tol=0, abs_tol=0.51 * MICROSECOND)
        for had, made in pairs
    )


def test_what_another_column_says_is_stored_no_second_time(tmp_path: Path) -> None:
    run = new_run_id(system_random())
    calls = [call_of(run, number) for number in range(3)]
    first = call(1, call_id=calls[0], run_id=run, trace_id=trace_of(run), span_id=calls[0])
    given = [
        first,
        msgspec.structs.replace(first, seq=2, call_id=calls[2], span_id=calls[2]),
        msgspec.structs.replace(first, seq=3, call_id="c" * 16, span_id="c" * 16),
        msgspec.structs.replace(first, seq=4, call_id="c" * 16, trace_id="f" * 32, span_id="e" * 16),
    ]
    pair = Life.hot(tmp_path, given)

    assert pair.rows("SELECT seq, call_id, trace_id, span_id FROM hot_calls ORDER BY seq") == [
        (1, None, None, None),
        (2, "2", None, None),
        (3, "c" * 16, None, None),
        (4, "c" * 16, "f" * 32, "e" * 16),
    ]
    pair.close()


@settings(max_examples=10)
@given(run=digits(16), number=st.integers(0, 15))
def test_all_calls_that_take_their_id_from_their_run_have_it_back(run: str, number: int) -> None:
    call_id = run[number:] + run[:number]
    with duckdb.connect(":memory:") as connection:
        row = "SELECT ? AS run_id, ? AS call_id"
        form = f"{stored('calls', 'call_id', 'VARCHAR', field='call_id')} AS call_id"
        again = f"SELECT run_id, {form} FROM (SELECT run_id, {form} FROM ({row}))"
        back = f"SELECT call_id, ({DERIVED['calls']['call_id']}) FROM ({again})"
        ((held, had),) = connection.execute(back, [run, call_id]).fetchall()
    assert had == call_id
    assert held is None or len(held) == 1


def test_the_phases_of_a_check_are_stored_to_the_microsecond_and_stay_absent_where_there_are_none(
    tmp_path: Path,
) -> None:
    phases = Phases(dns=0.123_456_789, transfer=1e-9)
    checks = [
        CheckResult(
            at=START,
            seq=seq,
            integration="i",
            vendor="v",
            capability="c",
            action="a",
            phases=found,
            lag=1 / 3,
        )
        for seq, found in enumerate([phases, None])
    ]
    pair = Life.hot(tmp_path, checks)

    rows = pair.rows("SELECT phases, lag FROM check_results ORDER BY seq")

    pair.close()
    told = {"dns": 0.123457, "connect": None, "tls": None, "first_byte": None, "transfer": 0.0}
    assert rows == [(told, 0.333333), (None, 0.333333)]


def test_every_float_that_is_stored_is_known_as_seconds_or_as_something_else(tmp_path: Path) -> None:
    pair = started(tmp_path)
    kinds = [pair.rows(f"DESCRIBE {hot(table)}") for table in TABLES.values()]
    pair.close()

    named = {(name, str(kind)) for described in kinds for name, kind, *_ in described}
    floats = {name for name, kind in named if kind == "DOUBLE"}
    inside = {field for _, kind in named for field in re.findall(r'"?(\w+)"? DOUBLE', kind)}
    assert floats | inside == SECONDS | NO_SECONDS


def test_the_view_that_the_schema_makes_is_the_one_that_is_made_over_sealed_days() -> None:
    assert set(DERIVED) == {"calls"}
    with duckdb.connect(":memory:") as connection:
        for step in bundled_steps():
            connection.execute(step)
        made = connection.execute("SELECT sql FROM duckdb_views() WHERE view_name = 'calls'").fetchall()
        connection.execute(view_of("calls", [], Path()))
        again = connection.execute("SELECT sql FROM duckdb_views() WHERE view_name = 'calls'").fetchall()
    assert made == again


@pytest.mark.parametrize("version", [14, 15, 16])
def test_a_sealed_row_that_an_older_database_holds_in_the_form_of_before_is_no_second_row(
    tmp_path: Path, version: int
) -> None:
    run, attempt = RUNS[0], Attempt(start=1e-5, duration=1 / 3 - 1e-5)
    one = call(
        1, at=START - 3 * DAY, call_id=call_of(run, 3), run_id=run, trace_id=trace_of(run), span_id="c1",
        duration=1 / 3, attempts=(attempt,),
    )  # fmt: skip
    Life.sealed(tmp_path / "now", [one]).close()
    older = started(tmp_path / "before", steps=bundled_steps()[:version])
    if version < SINCE:
        whole_rows(older, [one])
    else:
        store_as(version, older)
        older.load([one])
    older.close()
    shutil.copy(tmp_path / "before" / "hot.duckdb", tmp_path / "now" / "hot.duckdb")

    again = started(tmp_path / "now", steps=bundled_steps())

    assert again.rows("SELECT call_id FROM hot_calls") == [(call_of(run, 3),)]
    assert again.seqs() == [1]
    again.close()


@pytest.mark.parametrize("run", RUNS + FORMER)
def test_the_run_of_a_trace_that_began_in_dialtone_is_told(tmp_path: Path, run: str) -> None:
    pair = Life.hot(tmp_path, [call(1, run_id=run, trace_id=traced_of(run))])

    assert pair.rows(f"SELECT seq FROM calls WHERE run_id = run_of('{traced_of(run)}')") == [(1,)]
    pair.close()


def test_a_sealed_day_has_the_types_of_the_table_whatever_its_file_has(tmp_path: Path) -> None:
    pair = Life.sealed(tmp_path, [call(1, duration=1 / 3)])
    sealed = f"read_parquet('{tmp_path}/archive/calls/*/part-*.parquet', hive_partitioning = false)"

    assert pair.rows("DESCRIBE calls") == pair.rows("DESCRIBE hot_calls")
    assert pair.rows("SELECT duration FROM calls") == [(0.333333,)]
    assert pair.rows(f"SELECT duration FROM {sealed}") == [(Decimal("0.333333"),)]
    pair.close()


def test_seconds_that_no_decimal_holds_are_sealed_as_they_are_beside_the_others(tmp_path: Path) -> None:
    pair = Life.sealed(tmp_path, [call(1, duration=1e300, run_id=RUNS[0], trace_id=trace_of(RUNS[0]))])
    pair.load([call(2, at=START - 3 * DAY + 60, run_id=RUNS[1], trace_id=trace_of(RUNS[1]))])
    seal_all(pair)

    assert pair.rows("SELECT seq, duration, trace_id FROM calls ORDER BY seq") == [
        (1, 1e300, trace_of(RUNS[0])),
        (2, 0.0, trace_of(RUNS[1])),
    ]
    assert sorted(path.name.partition("-")[0] for path in files(tmp_path)) == ["part", "whole"]
    pair.close()


def test_what_is_no_seconds_is_sealed_to_the_last_digit(tmp_path: Path) -> None:
    ground = Ground(source=Evidence.CHECK, text="it failed", age=1 / 3, weight=1 / 3, says=Health.DOWN)
    change = msgspec.structs.replace(health_change(START - 3 * DAY, Health.DOWN), grounds=(ground,))
    sample = QuotaSample(at=START - 3 * DAY, integration="i", vendor="v", bucket="b", remaining=2 / 3)
    pair = Life.hot(tmp_path, [change, sample])
    assert seal_all(pair) == 2

    assert pair.rows("SELECT grounds[1].age, grounds[1].weight FROM health_changes") == [(0.333333, 1 / 3)]
    assert pair.rows("SELECT remaining FROM quota_samples") == [(2 / 3,)]
    assert all(
        pair.rows(f"DESCRIBE {table}") == pair.rows(f"DESCRIBE {hot(table)}") for table in TABLES.values()
    )
    pair.close()
