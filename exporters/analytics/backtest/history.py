"""Reads from DuckDB what a replay needs."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

import duckdb

from exporters.analytics.backtest.recorded import REACH, Recorded, RecordedCall
from exporters.analytics.backtest.run import WARM_UP
from integrations.execution.outcome import Attempt, Effect, FailureKind, Origin, RejectReason
from integrations.signals import BreakerState, BreakerTransition, CheckResult

MOST_CALLS = 500_000
"""Calls that one backtest reads at most."""

MOST_ROWS = 200_000
"""Checks, and transitions, that it keeps in memory at most."""

_FETCH = 500
_BEFORE = 86_400.0
"""Seconds before the replay in which openings without a recovery are counted, for the length of the next."""

_CALLS = """
    SELECT capability, epoch_us(ts), duration, effect, origin, kind, reason, attempts
    FROM calls
    WHERE integration = $integration AND ts >= $start AND ts < $late AND source = 'live' AND origin <> 'check'
        AND epoch_us(ts) / 1e6 - duration < $end
    ORDER BY epoch_us(ts) - duration * 1e6, seq
    LIMIT $most
"""
_CHECKS = """
    SELECT capability, epoch_us(ts), kind, status, duration, ran
    FROM check_results
    WHERE integration = $integration AND ts >= $start AND ts < $late
    ORDER BY ts, seq
    LIMIT $most
"""
_TRANSITIONS = """
    SELECT capability, epoch_us(ts), before, after, reason, actor, calls, failures, slow, open_seconds
    FROM breaker_transitions
    WHERE integration = $integration AND ts >= $start AND ts < $late
    ORDER BY ts, seq
    LIMIT $most
"""
_STARTS = """
    SELECT epoch_us(ts) FROM (SELECT ts, seq, lag(seq) OVER (ORDER BY ts, seq) AS former FROM config_changes)
    WHERE former IS NOT NULL AND seq <= former AND ts >= $start AND ts < $late
    ORDER BY ts
    LIMIT $most
"""

_Row = tuple[object, ...]


class History:
    """What is recorded of one integration around a window. `breathe` is called every few hundred rows, so
    that other threads have their turn; it may raise to end the reading.
    """

    def __init__(
        self,
        cursor: duckdb.DuckDBPyConnection,
        integration: str,
        *,
        start: float,
        end: float,
        breathe: Callable[[], None],
        most_calls: int = MOST_CALLS,
    ) -> None:
        self._cursor = cursor
        self._integration = integration
        self._start, self._end = start, end
        self._breathe = breathe
        self._most_calls = most_calls

    def recorded(self) -> Recorded:
        """Everything but the calls."""
        began = self._start - WARM_UP
        return Recorded(
            checks=[_check(self._integration, row) for row in self._rows(_CHECKS, began)],
            transitions=[_transition(row) for row in self._rows(_TRANSITIONS, began - _BEFORE)],
            starts=self.starts(began),
        )

    def truncated_at(self) -> float | None:
        """Where the calls end that are read, when there are more."""
        values = self._values(self._start - WARM_UP)
        many = f"SELECT count(*) FROM ({_CALLS})"  # noqa: S608 - our own text
        counted = self._cursor.execute(many, values | {"most": self._most_calls + 1}).fetchone()
        if counted is None or counted[0] <= self._most_calls:
            return None
        values |= {"most": 1, "skipped": self._most_calls}
        found = self._cursor.execute(f"{_CALLS} OFFSET $skipped", values).fetchone()
        if found is None:
            return None
        return _seconds(found[1]) - _number(found[2])

    def calls(self) -> Iterator[RecordedCall]:
        """The calls by their beginning, as they are asked for."""
        self._cursor.execute(_CALLS, self._values(self._start - WARM_UP) | {"most": self._most_calls})
        while part := self._cursor.fetchmany(_FETCH):
            self._breathe()
            yield from map(_call, part)

    def starts(self, start: float) -> Sequence[float]:
        """When Dialtone was started since then, and before the end."""
        return starts(self._cursor, start, self._end)

    def _rows(self, sql: str, start: float) -> Iterator[_Row]:
        self._cursor.execute(sql, self._values(start, with_end=False) | {"most": MOST_ROWS})
        while part := self._cursor.fetchmany(_FETCH):
            self._breathe()
            yield from part

    def _values(self, start: float, *, with_end: bool = True) -> dict[str, object]:
        """A call that begins in the window may end a while after it."""
        values: dict[str, object] = {
            "integration": self._integration,
            "start": _time(start),
            "late": _time(self._end + (WARM_UP if with_end else REACH)),
        }
        return values | ({"end": self._end} if with_end else {})


def starts(cursor: duckdb.DuckDBPyConnection, start: float, end: float) -> Sequence[float]:
    """When Dialtone was started between two moments."""
    values = {"start": _time(start), "late": _time(end), "most": MOST_ROWS}
    return [_seconds(row[0]) for row in cursor.execute(_STARTS, values).fetchall()]


def _time(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC).replace(tzinfo=None)


def _seconds(microseconds: object) -> float:
    return _number(microseconds) / 1e6


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _kind(value: object) -> FailureKind | None:
    return FailureKind(value) if isinstance(value, str) else None


def _status(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _call(row: _Row) -> RecordedCall:
    capability, ended, duration, effect, origin, kind, reason, attempts = row
    at = _seconds(ended)
    return RecordedCall(
        capability=_text(capability),
        began=at - _number(duration),
        ended=at,
        is_read=effect == Effect.READ.value,
        origin=Origin(_text(origin)),
        kind=_kind(kind),
        reason=RejectReason(reason) if isinstance(reason, str) else None,
        attempts=[_attempt(each) for each in attempts] if isinstance(attempts, list) else (),
    )


def _attempt(row: Mapping[str, object]) -> Attempt:
    return Attempt(
        start=_number(row["start"]),
        duration=_number(row["duration"]),
        kind=_kind(row["kind"]),
        status=_status(row["status"]),
    )


def _check(integration: str, row: _Row) -> CheckResult:
    capability, at, kind, status, duration, ran = row
    return CheckResult(
        at=_seconds(at),
        integration=integration,
        vendor="",
        capability=_text(capability),
        action="",
        kind=_kind(kind),
        status=_status(status),
        duration=_number(duration),
        ran=ran is not False,
    )


def _transition(row: _Row) -> BreakerTransition:
    capability, at, before, after, reason, actor, calls, failures, slow, seconds = row
    return BreakerTransition(
        at=_seconds(at),
        integration="",
        vendor="",
        capability=_text(capability),
        before=BreakerState(_text(before)),
        after=BreakerState(_text(after)),
        reason=_text(reason),
        actor=_text(actor),
        calls=int(_number(calls)),
        failures=int(_number(failures)),
        slow=int(_number(slow)),
        open_seconds=_number(seconds),
    )
