"""The incidents of a period: how long, what they cost callers, and how fast somebody took them up."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from statistics import median
from typing import NamedTuple

from exporters.analytics.report.asking import Asking, moment
from exporters.analytics.report.outcome import IncidentLine, Incidents
from exporters.analytics.report.period import Period
from monitors.impact import MINUTE, SHOWN_CALLERS

MOST = 500
"""Incidents that a report lists."""


class _Row(NamedTuple):
    incident: str
    integration: str
    vendor: str
    state: str
    reason: str
    parent: str
    reopened: int
    began_at: float
    opened_at: float
    resolved_at: float | None
    acknowledged_at: float | None
    acknowledged_by: str


class _Cost:
    """What an incident cost."""

    def __init__(self) -> None:
        self.failures = 0
        self.rejected = 0
        self.callers: Counter[str] = Counter()


def incidents_of(asking: Asking, period: Period) -> Incidents:
    """Read them."""
    rows = [_Row._make(row) for row in asking.rows("incidents")]
    ids = {row.incident for row in rows}
    children: dict[str, list[_Row]] = defaultdict(list)
    for row in rows:
        if row.parent in ids:
            children[row.parent].append(row)
    costs = _costs(asking, rows, children=children, period=period)
    ((before,),) = asking.rows("incidents_before")
    lines = [
        _line(row, period, cost=costs[row.incident], explained=len(children[row.incident])) for row in rows
    ]
    return _summed(lines, period, ids=ids, before=_int(before))


def _costs(
    asking: Asking, rows: Sequence[_Row], *, children: dict[str, list[_Row]], period: Period
) -> dict[str, _Cost]:
    """A cause costs what all it explains cost. Counting begins with the minute of the first evidence."""
    spans = [
        (
            row.incident,
            each.integration,
            each.began_at - each.began_at % MINUTE,
            each.resolved_at or period.until,
        )
        for row in rows
        for each in (row, *children[row.incident])
    ]
    costs: dict[str, _Cost] = defaultdict(_Cost)
    if not spans:
        return costs
    found = asking.rows(
        "impact",
        incidents=[incident for incident, *_ in spans],
        integrations=[integration for _, integration, *_ in spans],
        froms=[moment(start) for _, _, start, _ in spans],
        tos=[moment(min(end, period.until)) for *_, end in spans],
        first=moment(min(start for _, _, start, _ in spans)),
    )
    for incident, caller, failures, rejected in found:
        cost = costs[str(incident)]
        cost.failures, cost.rejected = cost.failures + _int(failures), cost.rejected + _int(rejected)
        if caller:
            cost.callers[str(caller)] += _int(failures) + _int(rejected)
    return costs


def _line(row: _Row, period: Period, *, cost: _Cost, explained: int) -> IncidentLine:
    end = min(row.resolved_at or period.until, period.until)
    acknowledged = row.acknowledged_at
    return IncidentLine(
        incident=row.incident,
        integration=row.integration,
        vendor=row.vendor,
        state=row.state,
        reason=row.reason,
        began_at=row.began_at,
        opened_at=row.opened_at,
        resolved_at=row.resolved_at,
        seconds=max(0.0, end - max(row.opened_at, period.start)),
        parent=row.parent,
        explained=explained,
        reopened=row.reopened,
        acknowledged_by=row.acknowledged_by,
        acknowledged_after=None if acknowledged is None else max(0.0, acknowledged - row.opened_at),
        failures=cost.failures,
        rejected=cost.rejected,
        callers=tuple(name for name, _ in cost.callers.most_common(SHOWN_CALLERS)),
        caller_count=len(cost.callers),
    )


def _summed(lines: Iterable[IncidentLine], period: Period, *, ids: set[str], before: int) -> Incidents:
    worst = sorted(lines, key=lambda one: (-(one.failures + one.rejected), -one.seconds, one.opened_at))
    causes = [line for line in worst if line.parent not in ids]
    taken = [line.acknowledged_after for line in causes if line.acknowledged_after is not None]
    solved = [line.resolved_at - line.opened_at for line in causes if line.resolved_at is not None]
    return Incidents(
        count=len(causes),
        opened=sum(line.opened_at >= period.start for line in causes),
        before=before,
        explained=len(worst) - len(causes),
        open=sum(line.resolved_at is None for line in causes),
        seconds=sum(line.seconds for line in causes),
        acknowledged=len(taken),
        acknowledged_median=median(taken) if taken else None,
        resolved_median=median(solved) if solved else None,
        lines=tuple(causes[:MOST]),
        more=max(0, len(causes) - MOST),
    )


def _int(value: object) -> int:
    return int(str(value))
