import re
from datetime import datetime
from pathlib import Path
from typing import get_args, get_type_hints

import msgspec
import pytest

from exporters.analytics.tables import FIELDS, TABLES
from integrations.execution.outcome import Attempt, Phases
from integrations.signals import CallRecord, Evidence, Ground, Health, QuotaSample, Signal
from tests.exporters.analytics.generated import (
    START,
    call,
    columns_of,
    health_change,
    started,
)

KINDS = {float: "DOUBLE", int: "BIGINT", bool: "BOOLEAN"}
NARROW = {"status": "INTEGER"}
TIMES = {
    "ts",
    "reset_at",
    "throttled_until",
    "since",
    "expires_at",
    "certificate_ends_at",
    "announced_at",
} | {
    "started_at",
    "sunset_at",
    "opened_at",
    "resolved_at",
}


def test_every_signal_has_a_table() -> None:
    assert set(TABLES) == set(get_args(Signal))
    assert len(set(TABLES.values())) == len(TABLES)


@pytest.mark.parametrize(("signal", "table"), TABLES.items(), ids=list(TABLES.values()))
def test_every_field_of_a_signal_is_a_column(
    tmp_path: Path, signal: type[msgspec.Struct], table: str
) -> None:
    pair = started(tmp_path)
    assert pair.writer.database is not None

    columns = columns_of(pair.writer.database.connection, table)

    pair.close()
    assert {FIELDS.get(column, column) for column in columns} == set(signal.__struct_fields__)
    hints = get_type_hints(signal)
    for column, kind in columns.items():
        field = FIELDS.get(column, column)
        if get_args(hints[field])[1:] == (...,) and column not in {"attempts", "grounds"}:
            assert kind == "VARCHAR[]", column
            continue
        given = (set(get_args(hints[field])) or {hints[field]}) - {type(None)}
        expected = next((KINDS[python] for python in given if python in KINDS), "VARCHAR")
        if column not in {"attempts", "phases", "grounds"}:
            assert kind == ("TIMESTAMP" if column in TIMES else NARROW.get(column, expected)), column


def test_every_field_of_a_ground_is_in_the_list_of_grounds(tmp_path: Path) -> None:
    pair = started(tmp_path)
    ground = Ground(source=Evidence.CHECK, text="it failed", age=15.0, weight=0.5, says=Health.DOWN)
    change = health_change(1_800_000_000.0, Health.DEGRADED)
    pair.load([msgspec.structs.replace(change, flapping=True, grounds=(ground,))])

    ((is_flapping, found),) = pair.rows("SELECT flapping, grounds FROM health_changes")

    pair.close()
    assert is_flapping is True
    assert found == [msgspec.to_builtins(ground)]


def test_every_field_of_an_attempt_is_in_the_list_of_attempts(tmp_path: Path) -> None:
    pair = started(tmp_path)
    pair.load([call(1)])

    ((found,),) = pair.rows("SELECT attempts FROM calls")

    pair.close()
    assert [set(attempt) for attempt in found] == [set(Attempt.__struct_fields__)] * 2  # type: ignore[attr-defined] # a list of dicts
    assert found[1] == {"start": 0.5, "duration": 0.1, "kind": None, "status": 200, "injected": False}  # type: ignore[index] # the same


def test_every_phase_of_a_check_is_in_the_column_of_phases(tmp_path: Path) -> None:
    pair = started(tmp_path)

    ((kind,),) = pair.rows("SELECT column_type FROM (DESCRIBE check_results) WHERE column_name = 'phases'")

    pair.close()
    names = re.findall(r'"?(\w+)"? DOUBLE', str(kind))
    assert names == list(Phases.__struct_fields__)


def test_a_row_comes_back_as_it_was_given(tmp_path: Path) -> None:
    pair = started(tmp_path)
    given = call(7, at=START + 0.123456, detail='it\'s "quoted"\n\x00é', retry_after=1.5, sampled=True)
    pair.load([given])

    ((ts, detail, retry_after, sampled, kind, origin),) = pair.rows(
        "SELECT ts, detail, retry_after, sampled, kind, origin FROM calls"
    )

    pair.close()
    assert ts == datetime(2027, 1, 15, 8, 0, 0, 123456)  # noqa: DTZ001 - columns are naive UTC
    assert (detail, retry_after, sampled, kind, origin) == (given.detail, 1.5, True, None, "traffic")


@pytest.mark.parametrize("wild", [1e300, -1e300, float("nan"), float("inf")])
def test_a_time_no_calendar_holds_becomes_null(tmp_path: Path, wild: float) -> None:
    pair = started(tmp_path)
    pair.load([QuotaSample(at=START, integration="i", vendor="v", bucket="b", reset_at=wild, limit=5.0)])

    assert pair.rows("SELECT reset_at, quota_limit FROM quota_samples") == [(None, 5.0)]
    pair.close()


def test_files_are_made_in_a_format_that_the_oldest_supported_duckdb_reads(tmp_path: Path) -> None:
    pair = started(tmp_path)

    ((tags,),) = pair.rows("SELECT tags FROM duckdb_databases() WHERE database_name = 'hot'")

    pair.close()
    assert "v1.5" in str(tags)


def test_a_row_has_every_field_of_its_signal(tmp_path: Path) -> None:
    pair = started(tmp_path)
    signal = call(3, caller="bot", step="page-2", trace_id="a" * 32)
    pair.load([signal])

    (row,) = pair.rows("SELECT * EXCLUDE (ts, attempts) FROM calls")

    pair.close()
    fields = [name for name in CallRecord.__struct_fields__ if name not in {"at", "attempts"}]
    assert sorted(map(str, row)) == sorted(str(getattr(signal, name)) for name in fields)
