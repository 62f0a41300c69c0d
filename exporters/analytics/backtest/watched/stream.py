"""What was recorded of objectives and heartbeats, read from DuckDB."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import duckdb

from integrations.execution.outcome import Effect, FailureKind, Origin, RejectReason
from integrations.signals import (
    BreakerState,
    CallRecord,
    CheckResult,
    Health,
    HeartbeatReport,
    IncidentChange,
    ObjectiveChange,
)
from monitors.heartbeats import VENDOR, subject_of
from monitors.slo_counts import HOUR, SavedHour
from monitors.slo_events import Event, event_of
from monitors.slo_settings import SLOSettings

MOST_ROWS = 4_000_000
"""Rows of requests that are read at most."""

MOST_REPORTS = 100_000
"""Reports to one heartbeat, and changes of alerts and incidents, that are read at most."""

_DAY = 86_400.0
FINE = 100_000
"""Requests of a day that are read one by one, as a row each."""

_WIDTHS = ((10, 5), (1_000_000, 60))
"""Up to how many times as many, those of so many seconds that ended alike are read as one row."""

_BROUGHT = 14
"""The version of the schema that brought the tables of what is read here."""

_FETCH = 500
_EVENTS = """
    SELECT epoch_us(ts) AS micros, integration, false AS is_check, kind, reason, breaker_state, duration
    FROM calls
    WHERE ts >= $start AND ts < $end AND origin = 'traffic' AND source = 'live' AND injected IS NOT TRUE
        AND integration IN (SELECT unnest($names::VARCHAR[]))
    UNION ALL
    SELECT epoch_us(ts), integration, true, kind, NULL, NULL, duration
    FROM check_results
    WHERE ts >= $start AND ts < $end AND ran IS NOT FALSE AND injected IS NOT TRUE
        AND integration IN (SELECT unnest($names::VARCHAR[]))
"""
_ALIKE = """
    SELECT min(micros), integration, is_check, kind, reason, breaker_state, min(duration), count(*)
    FROM ({events})
    GROUP BY micros // $width, integration, is_check, kind, reason, breaker_state{beyond}
    ORDER BY 1
"""
_HOURS = """
    SELECT epoch(hour)::BIGINT // 3600, coalesce(sum(requests) FILTER (WHERE is_good), 0)::BIGINT,
        sum(requests)::BIGINT
    FROM (
        SELECT hour, calls AS requests,
            good AND ($limit IS NULL OR bucket_seconds(bucket) <= $limit) AS is_good
        FROM calls_hourly
        WHERE hour >= $start AND hour < $end AND origin = 'traffic' AND good IS NOT NULL
            AND $counted <> 'checks' AND integration IN (SELECT unnest($names::VARCHAR[]))
        UNION ALL
        SELECT hour, checks, good AND ($limit IS NULL OR bucket_seconds(bucket) <= $limit)
        FROM checks_hourly
        WHERE hour >= $start AND hour < $end AND good IS NOT NULL AND $counted <> 'traffic'
            AND integration IN (SELECT unnest($names::VARCHAR[]))
    )
    GROUP BY 1
    ORDER BY 1
"""
_KEPT = """
    WITH begun AS (
        SELECT (SELECT min(ts) FROM calls) AS kept, (SELECT min(hour) FROM calls_hourly) AS counted
        UNION ALL
        SELECT (SELECT min(ts) FROM check_results), (SELECT min(hour) FROM checks_hourly)
    )
    SELECT epoch_us(coalesce(
        max(coalesce(kept, $until))
            FILTER (WHERE counted IS NOT NULL AND (kept IS NULL OR counted + INTERVAL 1 HOUR <= kept)),
        min(kept)
    ))
    FROM begun
"""
_CHANGES = """
    SELECT epoch_us(ts), objective, before, after
    FROM objective_changes
    WHERE ts >= $start AND ts < $end
    ORDER BY ts, seq
    LIMIT $most
"""
_REPORTS = """
    SELECT epoch_us(ts), seq, beat, run, exit_status
    FROM heartbeat_reports
    WHERE heartbeat = $heartbeat AND ts >= $start AND ts < $end
    ORDER BY ts, seq
    LIMIT $most
"""
_LAST_SUCCESS = """
    SELECT epoch_us(max(ts)) FROM heartbeat_reports
    WHERE heartbeat = $heartbeat AND beat = 'success' AND ts < $end
"""
_INCIDENTS = """
    SELECT epoch_us(ts), seq, incident, event, state, actor, reason
    FROM incident_changes
    WHERE integration = $integration AND ts >= $start AND ts < $end
    ORDER BY ts, seq
    LIMIT $most
"""
_HEALTH = """
    SELECT after FROM health_changes
    WHERE integration = $integration AND capability = '' AND ts < $end
    ORDER BY ts DESC, seq DESC
    LIMIT 1
"""
_BEGUN = "SELECT epoch_us(min(applied_at)) FROM meta WHERE schema_version >= $version"

_Key = tuple[bool, str | None, str | None, str | None]
_Row = tuple[object, ...]


class Seen(NamedTuple):
    """So many requests that count and ended alike, at a moment, or soon after it on a busy day."""

    at: float
    event: Event
    times: int


class WatchReader:
    """Reads. `breathe` is called every few hundred rows, so that others have their turn; it may raise to end
    the reading.
    """

    def __init__(
        self,
        cursor: duckdb.DuckDBPyConnection,
        *,
        breathe: Callable[[], None],
        most: int = MOST_ROWS,
        fine: int = FINE,
        most_reports: int = MOST_REPORTS,
    ) -> None:
        self._cursor = cursor
        self._breathe = breathe
        self._most = most
        self._fine = fine
        self.most_reports = most_reports
        self._verdicts: dict[_Key, bool | None] = {}
        self.truncated_at: float | None = None
        self.widest = 0.0

    def kept_from(self, until: float) -> float | None:
        """From when on all requests are kept that there were; `until` where of a kind only counts are left,
        None where there were none.
        """
        return self._moment(_KEPT, {"until": _time(until)})

    def recorded_from(self) -> float:
        """From when on alerts of objectives and reports to heartbeats are recorded."""
        return self._moment(_BEGUN, {"version": _BROUGHT}) or 0.0

    def events(
        self, integrations: Sequence[str], start: float, end: float, *, limits: Sequence[float]
    ) -> Iterator[Seen]:
        """What counts, in the order of time, as it is asked for. `limits` are the latencies by which
        objectives tell requests apart. Where there is too much, `truncated_at` is where it ends; `widest` is
        of how many seconds requests were taken together.
        """
        left, at = self._most, start
        while at < end:
            until = min(end, (at // _DAY + 1) * _DAY)
            for row in self._day(integrations, at, until, limits=limits):
                left -= 1
                if left < 0:
                    self.truncated_at = _seconds(row[0])
                    return
                yield from self._seen(row)
            at = until

    def hours(
        self, slo: SLOSettings, *, integrations: Sequence[str], start: float, end: float
    ) -> list[SavedHour]:
        """What was counted by the hour, in whole hours from start to end."""
        values = self._window(start, end) | {
            "names": list(integrations),
            "limit": slo.latency_below,
            "counted": slo.counted,
        }
        rows = self._cursor.execute(_HOURS, values).fetchall()
        return [
            SavedHour(key=slo.key, hour=hour, good=good, bad=events - good) for hour, good, events in rows
        ]

    def changes(self, start: float, end: float) -> list[ObjectiveChange]:
        """The changes of all objectives' alerts."""
        rows = self._cursor.execute(_CHANGES, self._window(start, end) | {"most": MOST_REPORTS}).fetchall()
        return [
            ObjectiveChange(at=at / 1e6, objective=name, before=before, after=after)
            for at, name, before, after in rows
        ]

    def reports(self, heartbeat: str, start: float, end: float) -> list[HeartbeatReport]:
        """What was reported to one heartbeat; one more than is to be replayed says that there is more."""
        values = self._window(start, end) | {"heartbeat": heartbeat, "most": self.most_reports + 1}
        self._cursor.execute(_REPORTS, values)
        found: list[HeartbeatReport] = []
        while part := self._cursor.fetchmany(_FETCH):
            self._breathe()
            found += [
                HeartbeatReport(
                    at=at / 1e6,
                    seq=seq,
                    heartbeat=heartbeat,
                    beat=beat,
                    run=run or "",
                    exit_status=exit_status,
                )
                for at, seq, beat, run, exit_status in part
            ]
        return found

    def last_success(self, heartbeat: str, at: float) -> float | None:
        """When a heartbeat was heard of last before a moment."""
        return self._moment(_LAST_SUCCESS, {"heartbeat": heartbeat, "end": _time(at)})

    def incidents(self, heartbeat: str, start: float, end: float) -> list[IncidentChange]:
        """What became of a heartbeat's incidents."""
        about = subject_of(heartbeat)
        values = self._window(start, end) | {"integration": about, "most": MOST_REPORTS}
        rows = self._cursor.execute(_INCIDENTS, values).fetchall()
        return [
            IncidentChange(
                at=at / 1e6,
                seq=seq,
                incident=incident,
                integration=about,
                vendor=VENDOR,
                capability="",
                event=event,
                state=Health(state),
                opened_at=at / 1e6,
                actor=actor or "",
                reason=reason or "",
            )
            for at, seq, incident, event, state, actor, reason in rows
        ]

    def was_down(self, heartbeat: str, at: float) -> bool:
        """Whether a heartbeat was down at a moment, by what was told of it last."""
        values = {"integration": subject_of(heartbeat), "end": _time(at)}
        found = self._cursor.execute(_HEALTH, values).fetchone()
        return found is not None and found[0] == Health.DOWN.value

    def _day(
        self, integrations: Sequence[str], start: float, end: float, *, limits: Sequence[float]
    ) -> Iterator[_Row]:
        values = self._window(start, end) | {"names": list(integrations)}
        many = f"SELECT count(*) FROM ({_EVENTS})"  # noqa: S608 - our own text
        counted = self._cursor.execute(many, values).fetchone()
        width = self._width(counted[0] if counted is not None else 0)
        self.widest = max(self.widest, width)
        if not width:
            self._cursor.execute(f"{_EVENTS} ORDER BY 1", values)
        else:
            values |= {"width": int(width * 1e6)}
            values |= {f"limit_{place}": limit for place, limit in enumerate(limits)}
            beyond = "".join(f", duration > $limit_{place}" for place in range(len(limits)))
            self._cursor.execute(_ALIKE.format(events=_EVENTS, beyond=beyond), values)
        while part := self._cursor.fetchmany(_FETCH):
            self._breathe()
            yield from part

    def _width(self, requests: int) -> float:
        """Of how many seconds requests are taken together on a day of so many; 0: of none."""
        if requests <= self._fine:
            return 0.0
        return next(seconds for times, seconds in _WIDTHS if requests <= max(1, self._fine) * times)

    def _seen(self, row: _Row) -> Iterator[Seen]:
        at, integration, is_check, kind, reason, state, duration, *many = row
        key = (bool(is_check), _text(kind), _text(reason), _text(state))
        if key not in self._verdicts:
            self._verdicts[key] = _verdict(key)
        succeeded = self._verdicts[key]
        if succeeded is not None:
            event = Event(str(integration), key[0], succeeded, _number(duration))
            yield Seen(_seconds(at), event, int(_number(many[0])) if many else 1)

    def _moment(self, sql: str, values: Mapping[str, object]) -> float | None:
        found = self._cursor.execute(sql, values).fetchone()
        return _seconds(found[0]) if found and found[0] is not None else None

    def _window(self, start: float, end: float) -> dict[str, object]:
        return {"start": _time(start), "end": _time(end)}


def hour_of(at: float) -> float:
    """Return the start of the hour that a moment is in."""
    return at // HOUR * HOUR


def _verdict(key: _Key) -> bool | None:
    """Whether requests that ended so succeeded; None where they do not count."""
    is_check, kind, reason, state = key
    event = event_of(_check(kind) if is_check else _call(kind, reason, state))
    return event.succeeded if event is not None else None


def _check(kind: str | None) -> CheckResult:
    return CheckResult(
        at=0.0,
        integration="",
        vendor="",
        capability="",
        action="",
        kind=FailureKind(kind) if kind is not None else None,
    )


def _call(kind: str | None, reason: str | None, state: str | None) -> CallRecord:
    return CallRecord(
        at=0.0,
        call_id="",
        run_id="",
        integration="",
        vendor="",
        action="",
        capability="",
        effect=Effect.READ,
        origin=Origin.TRAFFIC,
        kind=FailureKind(kind) if kind is not None else None,
        reason=RejectReason(reason) if reason is not None else None,
        breaker_state=BreakerState(state) if state is not None else BreakerState.CLOSED,
    )


def _time(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC).replace(tzinfo=None)


def _seconds(microseconds: object) -> float:
    return _number(microseconds) / 1e6


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
