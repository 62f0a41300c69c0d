"""What was recorded of one integration, read from DuckDB as the signals that alerting heard."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeVar

import duckdb
import msgspec

from exporters.analytics.tables import FIELDS, TABLES
from integrations import signals
from integrations.execution.outcome import Effect, FailureKind, Origin
from integrations.signals import CallRecord, CheckResult, Signal

MOST_ROWS = 200_000
"""Rows of each kind that are kept in memory at most."""

MOST_CALLS = 500_000
"""Live calls that are read at most."""

_FETCH = 500
_CALLS = """
    SELECT epoch_us(ts), seq, capability, effect, kind, duration
    FROM calls
    WHERE integration = $integration AND ts >= $start AND ts < $end AND source = 'live' AND origin = 'traffic'
    ORDER BY ts, seq
    LIMIT $most
"""
_SECONDS = """
    SELECT run_id, sum(duration)
    FROM calls
    WHERE integration = $integration AND ts >= $start AND ts < $end AND origin = 'check' AND run_id <> ''
    GROUP BY run_id
    LIMIT $most
"""
_OF_INTEGRATION = "integration = $integration"
_OF_VENDOR = "vendor = $vendor AND (kind <> 'status' OR list_contains(integrations, $integration))"
_HEARD: Mapping[type[Signal], str] = {
    signals.BreakerTransition: _OF_INTEGRATION,
    signals.QuotaSample: _OF_INTEGRATION,
    signals.CredentialNotice: _OF_INTEGRATION,
    signals.ContractDrift: _OF_INTEGRATION,
    signals.WebhookReceipt: f"{_OF_INTEGRATION} AND verdict IN ('accepted', 'duplicate')",
    signals.VendorNotice: _OF_VENDOR,
    # What people did and told is recorded in what came of it; so is when live calls were weighed.
    signals.HealthChange: f"{_OF_INTEGRATION} AND evidence IN ('operator', 'reported', 'traffic')",
    signals.IncidentChange: _OF_INTEGRATION,
}
_ENDS = """
    SELECT epoch_us(max(ts)) FROM (
        SELECT max(ts) AS ts FROM check_results WHERE ts < $at
        UNION ALL SELECT max(ts) FROM calls WHERE ts < $at AND ts >= $since
    )
"""
_DAY = 86_400.0

S = TypeVar("S", bound=Signal)
_Row = tuple[object, ...]


class SignalReader:
    """Reads signals of one integration of a vendor. `breathe` is called every few hundred rows, so that
    others have their turn; it may raise to end the reading.
    """

    def __init__(
        self, cursor: duckdb.DuckDBPyConnection, integration: str, *, vendor: str, breathe: Callable[[], None]
    ) -> None:
        self._cursor = cursor
        self._integration, self._vendor = integration, vendor
        self._breathe = breathe

    def checks(self, start: float, end: float) -> list[CheckResult]:
        """All results of checks, in the order of their ends."""
        return list(self._read(CheckResult, _OF_INTEGRATION, start=start, end=end))

    def seconds_of_checks(self, start: float, end: float) -> Mapping[str, float]:
        """How long the calls of each check took, by its run."""
        values = self._window(start, end) | {"most": MOST_ROWS}
        found: dict[str, float] = {}
        self._cursor.execute(_SECONDS, values)
        while part := self._cursor.fetchmany(_FETCH):
            self._breathe()
            found.update(part)
        return found

    def others(self, start: float, end: float) -> list[Signal]:
        """All that is neither call nor check, in its order."""
        found = [
            each for shape, which in _HEARD.items() for each in self._read(shape, which, start=start, end=end)
        ]
        return sorted(found, key=lambda each: (each.at, each.seq))

    def call_count(self, start: float, end: float) -> int:
        """How many live calls there are."""
        many = f"SELECT count(*) FROM ({_CALLS})"  # noqa: S608 - our own text
        found = self._cursor.execute(many, self._window(start, end) | {"most": MOST_CALLS + 1}).fetchone()
        return int(found[0]) if found else 0

    def calls(self, start: float, end: float) -> Iterator[CallRecord]:
        """The live calls as they ended, as they are asked for; MOST_CALLS of them."""
        self._cursor.execute(_CALLS, self._window(start, end) | {"most": MOST_CALLS})
        while part := self._cursor.fetchmany(_FETCH):
            self._breathe()
            yield from (_call(row, self._integration, self._vendor) for row in part)

    def last_sign(self, at: float) -> float | None:
        """When anything was recorded last before a start, of whatever integration; None for nothing."""
        found = self._cursor.execute(_ENDS, {"at": _time(at), "since": _time(at - _DAY)}).fetchone()
        return found[0] / 1e6 if found and found[0] is not None else None

    def _read(self, shape: type[S], which: str, *, start: float, end: float) -> Iterator[S]:
        table = TABLES[shape]
        columns = self._columns(table, shape)
        names = ", ".join(columns.values())
        sql = (
            f"SELECT {names} FROM {table} WHERE {which} "  # noqa: S608 - our own names
            "AND ts >= $start AND ts < $end ORDER BY ts, seq LIMIT $most"
        )
        values = self._window(start, end) | {"most": MOST_ROWS}
        if "$vendor" in which:
            values["vendor"] = self._vendor
        self._cursor.execute(sql, values)
        while part := self._cursor.fetchmany(_FETCH):
            self._breathe()
            yield from (_signal(shape, columns, row) for row in part)

    def _columns(self, table: str, shape: type[msgspec.Struct]) -> dict[str, str]:
        """Which column holds each field, as seconds where it is a time."""
        described = self._cursor.execute(f"DESCRIBE {table}").fetchall()
        fields = set(shape.__struct_fields__)
        found = {FIELDS.get(name, name): (name, kind) for name, kind, *_ in described}
        return {
            field: f"epoch_us({name}) / 1e6" if kind == "TIMESTAMP" else f'"{name}"'
            for field, (name, kind) in found.items()
            if field in fields
        }

    def _window(self, start: float, end: float) -> dict[str, object]:
        return {"integration": self._integration, "start": _time(start), "end": _time(end)}


def _signal(shape: type[S], columns: Mapping[str, str], row: Sequence[object]) -> S:
    """A row as the signal that it was; what older versions did not write is as by default."""
    told = {field: value for field, value in zip(columns, row, strict=True) if value is not None}
    return msgspec.convert(told, shape)


def _call(row: _Row, integration: str, vendor: str) -> CallRecord:
    at, seq, capability, effect, kind, duration = row
    return CallRecord(
        at=at / 1e6 if isinstance(at, int) else 0.0,
        seq=seq if isinstance(seq, int) else 0,
        call_id="",
        run_id="",
        integration=integration,
        vendor=vendor,
        action="",
        capability=capability if isinstance(capability, str) else "",
        effect=Effect.READ if effect == Effect.READ.value else Effect.WRITE,
        origin=Origin.TRAFFIC,
        kind=FailureKind(kind) if isinstance(kind, str) else None,
        duration=duration if isinstance(duration, float) else 0.0,
    )


def _time(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC).replace(tzinfo=None)
