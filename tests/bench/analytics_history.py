"""Thirty days of calls, kept as Dialtone keeps them: hot rows, sealed days and rollups, made by its own code.

Rows are put into the hot table by SQL, a day at a time and in the form in which the product stores them,
because the spool would take an hour for a hundred million; sealing and counting are the product's.
"""

import datetime as dt
import math
import time
from pathlib import Path

import anyio
import duckdb

from exporters.analytics.derived import stored
from exporters.analytics.settings import AnalyticsSettings
from exporters.analytics.store import AnalyticsStore
from integrations.clock import SystemClock
from tests.bench.analytics_records import ACTIONS, CALLERS, FAILING, FURTHER, INTEGRATIONS, VENDORS

DAYS = 30
LAST = dt.datetime(2026, 11, 20, 18, tzinfo=dt.UTC)
"""The last moment of the history; the day before and the hours of that day are hot."""

MILLION = 1_000_000
SETTINGS = AnalyticsSettings(disk_floor=1 << 30)

_ACTIONS = ", ".join(f"'{action}'" for action in ACTIONS)
_DAY = f"""
    WITH chance AS (
        SELECT
            i, i + $first AS seq,
            floor({INTEGRATIONS} * random() ** 2)::INTEGER AS which,
            floor({CALLERS} * random() ** 2)::INTEGER AS who,
            random() < {FAILING} AS failed, floor(4 * random())::INTEGER AS how,
            round(exp(-2 + 0.8 * sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random())), 9) AS took,
            CASE WHEN hash(i) % 1000 < 1000 * {FURTHER} THEN 1 ELSE 0 END AS further,
            format('{{:016x}}', hash(i - further, $first)) AS run,
            substr(run || run, 1 + further, 16) AS call
        FROM range($rows) AS rows(i)
    )
    SELECT
        $begin::TIMESTAMP + to_microseconds((i * ($seconds * 1e6 / $rows))::BIGINT) AS ts,
        seq, call AS call_id, run AS run_id,
        format('integration-{{:02d}}', which) AS integration,
        format('vendor-{{:02d}}', which % {VENDORS}) AS vendor,
        [{_ACTIONS}][1 + seq % {len(ACTIONS)}] AS action, 'read' AS capability, 'read' AS effect,
        'traffic' AS origin, format('team-{{:02d}}', who) AS caller, 'request' AS step,
        CASE WHEN failed THEN ['timeout', 'server_error', 'throttled', 'connection'][1 + how] END AS kind,
        CASE WHEN NOT failed THEN 200 WHEN how = 1 THEN 503 WHEN how = 2 THEN 429 END AS status,
        '' AS code, CASE WHEN failed THEN 'it failed' ELSE '' END AS detail, 'live' AS source,
        CASE WHEN failed THEN 3 * took ELSE took END AS duration, 0.0 AS queued,
        CASE WHEN failed
            THEN list_transform(
                [2e-5, 2 * took],
                lambda one:
                    {{'start': one, 'duration': took, 'kind': 'timeout', 'status': NULL, 'injected': false}}
            )
            ELSE [{{'start': 2e-5, 'duration': took, 'kind': NULL, 'status': 200, 'injected': false}}]
        END AS attempts,
        'closed' AS breaker_state, 0 AS request_bytes, floor(exp(7 + random()))::BIGINT AS response_bytes,
        reverse(run) || run AS trace_id, call AS span_id,
        '' AS parent_span_id, true AS sampled, '' AS method, '' AS server, false AS injected,
        NULL AS reason, NULL::DOUBLE AS retry_after
    FROM chance
"""


class StillClock(SystemClock):
    """The machine's clocks, with a wall clock that begins at a given time."""

    def __init__(self, at: dt.datetime) -> None:
        self._behind = time.time() - at.timestamp()

    def time(self) -> float:  # type: ignore[override]  # a method here, a function there
        """UTC seconds, as they would be."""
        return time.time() - self._behind


def written(folder: Path, millions: int, *, within: float = math.inf) -> bool:
    """Write the history into a folder; whether it is whole. Days that are there stay as they are: it may be
    broken off, and ends by itself with the first day that is done after `within` seconds.
    """
    folder.mkdir(exist_ok=True)
    known = folder / "history"
    if known.exists() and int(known.read_text()) != millions:
        raise SystemExit(f"{folder} holds {known.read_text()} million calls; name another folder")
    known.write_text(str(millions))
    return anyio.run(_write, folder, millions, time.monotonic() + within)


async def _write(folder: Path, millions: int, until: float) -> bool:
    begins = [LAST.replace(hour=0) - dt.timedelta(days=ago) for ago in reversed(range(DAYS))]
    done = folder / "days"
    first = int(done.read_text()) if done.exists() else 0
    for number, begin in enumerate(begins[first:], start=first):
        if time.monotonic() > until:
            return False
        began = time.perf_counter()
        await _live_through(folder, begin, number=number, rows=millions * MILLION // DAYS)
        done.write_text(str(number + 1))
        print(f"{begin:%Y-%m-%d} written in {time.perf_counter() - began:.1f} s", flush=True)
    return True


async def _live_through(folder: Path, begin: dt.datetime, *, number: int, rows: int) -> None:
    """Add a day, and let the store do at its end what it does: seal the day before the last, and count."""
    clock = StillClock(min(begin + dt.timedelta(days=1), LAST))
    store = AnalyticsStore(folder, clock=clock, settings=SETTINGS)
    await store.start()
    with store._database().reading() as cursor:
        _add_day(cursor, begin, first=number * rows, rows=rows)
    store._writer.checkpoint()
    await store._archive.sweep()
    while store._writer.rollups.is_due():
        store._writer.step()
    await store.aclose()


def _add_day(cursor: duckdb.DuckDBPyConnection, begin: dt.datetime, *, first: int, rows: int) -> None:
    day = begin.replace(tzinfo=None)
    cursor.execute("SELECT setseed(0.5)").fetchall()
    # What is left of a day that was broken off.
    cursor.execute("DELETE FROM hot_calls WHERE ts >= ?", [day]).fetchall()
    seconds = min(86_400.0, (LAST - begin).total_seconds())
    columns = cursor.execute("DESCRIBE hot_calls").fetchall()
    values = ", ".join(f'{stored("calls", name, kind, field=name)} AS "{name}"' for name, kind, *_ in columns)
    added = f"INSERT INTO hot_calls SELECT {values} FROM ({_DAY})"
    cursor.execute(added, {"first": first, "rows": rows, "begin": day, "seconds": seconds}).fetchall()
