"""Who used what in a period, what it cost, and how that has grown.

Days of the zone that are days of UTC are read from usage_and_cost, which outlives the calls; others are
counted from the calls of each, as that view counts them, and where those are no longer kept the day of UTC
stands in.
"""

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple
from zoneinfo import ZoneInfo

from exporters.analytics.report.asking import Asking, moment
from exporters.analytics.report.outcome import CostLine, Costs, Growth, Use
from exporters.analytics.report.period import Period

MOST = 200
"""Callers, teams or integrations that a report lists, most used first."""

_DAY = 86_400
_TRAFFIC = "traffic"


class Piece(NamedTuple):
    """A day, or a part of one, from `start` to `end`: whether it is of the time compared with, and whether it
    can be read by days of UTC, exactly or for want of better.
    """

    day: dt.date
    start: float
    end: float
    is_before: bool
    is_utc: bool
    is_exact: bool


class _Row(NamedTuple):
    origin: str
    caller: str | None
    team: str | None
    integration: str
    currency: str
    runs: int
    failed: int
    refused: int
    cost: float | None


class _Counts:
    """Runs by name: now, failed, refused, and before."""

    def __init__(self) -> None:
        self.runs: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.before: Counter[str] = Counter()
        self.teams: dict[str, str] = {}

    def add(self, name: str, row: _Row, *, is_before: bool) -> None:
        if is_before:
            self.before[name] += row.runs
            return
        self.runs[name] += row.runs
        self.failed[name] += row.failed
        self.refused[name] += row.refused
        self.teams[name] = row.team or ""

    def growths(self, *, with_team: bool = False) -> tuple[Growth, ...]:
        names = sorted(
            {*self.runs, *self.before}, key=lambda name: (-self.runs[name], -self.before[name], name)
        )
        return tuple(
            Growth(
                name=name,
                runs=self.runs[name],
                failed=self.failed[name],
                refused=self.refused[name],
                before=self.before[name],
                team=self.teams.get(name, "") if with_team else "",
            )
            for name in names[:MOST]
        )


class _Spent:
    """Costs by currency and name: now and before."""

    def __init__(self) -> None:
        self._sums: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0.0, 0.0])

    def add(self, name: str, row: _Row, *, is_before: bool) -> None:
        if row.currency:
            self._sums[row.currency, name][is_before] += row.cost or 0.0

    def lines(self) -> tuple[CostLine, ...]:
        found = [
            CostLine(currency=currency, name=name, cost=now, before=before)
            for (currency, name), (now, before) in self._sums.items()
        ]
        return tuple(sorted(found, key=lambda one: (one.currency, -one.cost, one.name))[:MOST])


class Usage:
    """Reads usage and cost once, and answers of both. `first_at` is when records begin; before
    `counts_until` calls are no longer kept (None: all are).
    """

    def __init__(
        self, asking: Asking, period: Period, *, first_at: float | None, counts_until: float | None
    ) -> None:
        self._period = period
        self._is_known = first_at is not None and first_at <= period.before_start
        self._callers, self._teams, self._integrations = _Counts(), _Counts(), _Counts()
        self._totals, self._by_integration, self._by_team = _Spent(), _Spent(), _Spent()
        self._days: dict[dt.date, list[int]] = defaultdict(lambda: [0, 0, 0])
        found = [
            piece
            for piece in pieces(period, counts_until=counts_until)
            if first_at is not None and piece.end > first_at
        ]
        self._is_exact = all(piece.is_exact for piece in found)
        for piece, row in _rows(asking, found):
            self._take(piece, row)

    def use(self) -> Use:
        """Who used what."""
        return Use(
            runs=self._callers.runs.total(),
            failed=self._callers.failed.total(),
            refused=self._callers.refused.total(),
            before=self._callers.before.total() if self._is_known else None,
            callers=sum(1 for runs in self._callers.runs.values() if runs),
            days=tuple(
                (self._days[day][0], self._days[day][1], self._days[day][2]) for day in self._period.days
            ),
            by_team=self._teams.growths(),
            by_caller=self._callers.growths(with_team=True),
            by_integration=self._integrations.growths(),
            is_exact=self._is_exact,
        )

    def costs(self) -> Costs:
        """What it cost."""
        return Costs(
            totals=self._totals.lines(),
            by_integration=self._by_integration.lines(),
            by_team=self._by_team.lines(),
        )

    def _take(self, piece: Piece, row: _Row) -> None:
        is_before = piece.is_before
        self._totals.add("", row, is_before=is_before)
        self._by_integration.add(row.integration, row, is_before=is_before)
        self._by_team.add(row.team or "", row, is_before=is_before)
        if row.origin == _TRAFFIC:
            self._callers.add(row.caller or "", row, is_before=is_before)
            self._teams.add(row.team or "", row, is_before=is_before)
            self._integrations.add(row.integration, row, is_before=is_before)
            self._count_day(piece, row)

    def _count_day(self, piece: Piece, row: _Row) -> None:
        if not piece.is_before:
            day = self._days[piece.day]
            day[0], day[1], day[2] = day[0] + row.runs, day[1] + row.failed, day[2] + row.refused


def _rows(asking: Asking, found: Sequence[Piece]) -> Iterator[tuple[Piece, _Row]]:
    """Days of UTC are asked for at once, because the view counts what is not rolled up yet at each asking."""
    days: dict[dt.date, list[Piece]] = defaultdict(list)
    for piece in found:
        if piece.is_utc:
            days[piece.day].append(piece)
    if days:
        for day, *columns in asking.rows("use_of_days", days=[_midnight(day) for day in days]):
            assert isinstance(day, dt.date)  # noqa: S101 - DuckDB's DATE is nothing else
            row = _Row._make(columns)
            yield from ((piece, row) for piece in days[day])
    for piece in found:
        if not piece.is_utc:
            rows = asking.rows("use_between", first=moment(piece.start), last=moment(piece.end))
            yield from ((piece, _Row._make(columns)) for columns in rows)


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time())


def pieces(period: Period, *, counts_until: float | None) -> Iterator[Piece]:
    """Both times, day by day as the zone counts them."""
    zone = ZoneInfo(period.zone)
    for is_before, start, end in (
        (True, period.before_start, period.before_end),
        (False, period.start, period.until),
    ):
        at = start
        while at < end:
            day = dt.datetime.fromtimestamp(at, zone).date()
            midnight = dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), zone).timestamp()
            last = min(midnight, end)
            # What comes after the period's `until` has not happened yet, so the day of now is whole as it is.
            is_utc = at % _DAY == 0 and (last % _DAY == 0 or (last == end == period.until < period.end))
            is_kept = counts_until is None or at >= counts_until
            yield Piece(day, at, last, is_before, is_utc or not is_kept, is_utc or is_kept)
            at = last
