import shutil
from pathlib import Path

import duckdb
import pytest

from exporters.analytics.database import open_database
from exporters.analytics.migrations import bundled_steps
from exporters.analytics.settings import AnalyticsUnavailable
from integrations.execution.outcome import Attempt, Phases
from integrations.signals import CheckResult
from tests.exporters.analytics.generated import (
    Pair,
    call,
    columns_of,
    started,
)


def test_a_newer_schema_is_refused_and_left_untouched(tmp_path: Path) -> None:
    pair = started(tmp_path)
    assert pair.writer.database is not None
    pair.writer.database.connection.execute("INSERT INTO meta VALUES (70, TIMESTAMP '2030-01-01')")
    pair.writer.checkpoint()
    pair.close()
    before = (tmp_path / "hot.duckdb").read_bytes()

    older = Pair(tmp_path)
    older.spool.recover()
    known = len(bundled_steps())
    with pytest.raises(
        AnalyticsUnavailable, match=rf"schema version 70 and this Dialtone knows {known}: start the newer"
    ):
        older.writer.step()

    assert (tmp_path / "hot.duckdb").read_bytes() == before
    older.close()


def test_an_older_file_is_copied_and_then_migrated(tmp_path: Path) -> None:
    pair = started(tmp_path)
    first = pair.writer._steps
    pair.load([call(1)])
    pair.close()

    newer = started(tmp_path, steps=(*first, "ALTER TABLE hot_calls ADD COLUMN region VARCHAR DEFAULT 'eu'"))

    assert newer.rows("SELECT seq, region FROM calls") == [(1, "eu")]
    newer.load([call(2)])
    assert newer.rows("SELECT seq, region FROM calls ORDER BY seq") == [(1, "eu"), (2, None)]
    newer.close()
    shutil.copy(tmp_path / f"hot.duckdb.schema-{len(first)}", tmp_path / "copy.duckdb")
    with duckdb.connect(str(tmp_path / "copy.duckdb")) as copy:
        assert copy.execute("SELECT max(schema_version) FROM meta").fetchall() == [(len(first),)]
        assert "region" not in columns_of(copy, "calls")


def test_rows_of_version_1_are_kept_and_new_checks_tell_their_phases(tmp_path: Path) -> None:
    make_old(
        tmp_path, 1, "INSERT INTO check_results (ts, integration) VALUES (TIMESTAMP '2026-01-01', 'old')"
    )

    newer = started(tmp_path)
    newer.load([checked(1, Phases(connect=0.1, first_byte=0.2, transfer=0.3), ends_at=1_900_000_000.0)])

    rows = newer.rows("SELECT integration, phases, epoch(certificate_ends_at) FROM check_results ORDER BY ts")
    phases = {"dns": None, "connect": 0.1, "tls": None, "first_byte": 0.2, "transfer": 0.3}
    assert rows == [("old", None, None), ("shop", phases, 1_900_000_000.0)]
    newer.close()
    assert (tmp_path / "hot.duckdb.schema-1").is_file()


def make_old(directory: Path, version: int, rows: str) -> None:
    """A file as an older Dialtone left it."""
    file, _ = open_database(directory / "hot.duckdb", memory_bytes=128 * 1024 * 1024, stamp="")
    for number, step in enumerate(bundled_steps()[:version], start=1):
        file.connection.execute(step)
        file.connection.execute("INSERT INTO meta VALUES (?, TIMESTAMP '2026-01-01')", [number])
    file.connection.execute(rows)
    file.close()


def checked(seq: int, phases: Phases, *, ends_at: float) -> CheckResult:
    return CheckResult(
        at=1_800_000_000.0,
        seq=seq,
        integration="shop",
        vendor="http",
        capability="read",
        action="get",
        phases=phases,
        certificate_ends_at=ends_at,
    )


def test_rows_of_version_2_are_kept_and_new_ones_tell_what_an_injected_fault_struck(tmp_path: Path) -> None:
    tried = '[{"start": 0.0, duration: 0.1, kind: NULL, status: 200}]'
    make_old(
        tmp_path, 2, f"INSERT INTO calls (ts, seq, attempts) VALUES (TIMESTAMP '2026-01-01', 1, {tried})"
    )

    newer = started(tmp_path)
    struck = Attempt(start=0.0, duration=0.1, status=503, injected=True)
    newer.load([call(2, injected=True, attempts=(struck,))])

    rows = newer.rows("SELECT seq, injected, [one.injected FOR one IN attempts] FROM calls ORDER BY seq")
    assert rows == [(1, None, [None]), (2, True, [True])]
    newer.close()


def test_a_failed_migration_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    pair = started(tmp_path)
    first = pair.writer._steps
    pair.close()
    broken = Pair(
        tmp_path,
        steps=(*first, "ALTER TABLE hot_calls ADD COLUMN a INTEGER; ALTER TABLE none ADD COLUMN b INTEGER"),
    )
    broken.spool.recover()
    with pytest.raises(AnalyticsUnavailable):
        broken.writer.step()
    broken.close()

    again = started(tmp_path)

    assert "a" not in {column for (column, *_) in again.rows("DESCRIBE calls")}
    again.close()
