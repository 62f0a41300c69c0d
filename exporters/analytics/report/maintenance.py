"""When planned maintenance was, by the plans of now: objectives leave that time out."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence

from exporters.analytics.report.order import LeftOut, Order
from monitors.alerts.intervals import Calendar
from monitors.alerts.matchers import all_match, parse_matcher
from monitors.alerts.settings import MaintenancePlan

STEP = 60.0
"""Seconds: plans are written to the minute."""

_BREATH = 2_000


def maintenance_of(order: Order, *, breathe: Callable[[], None]) -> tuple[LeftOut, ...]:
    """Return all stretches of maintenance in the order's period, by integration."""
    period = order.period
    calendar = Calendar({plan.name: plan.time_intervals for plan in order.plans})
    planned = (
        LeftOut(integration=name, start=start, end=end)
        for plan in order.plans
        if (names := _covered(plan, order.labels))
        for start, end in _spans(calendar, plan.name, start=period.start, end=period.until, breathe=breathe)
        for name in names
    )
    return (*planned, *(each for each in order.maintenance if each.end > period.start))


def _covered(plan: MaintenancePlan, labels: Mapping[str, Mapping[str, str]]) -> Sequence[str]:
    matchers = tuple(map(parse_matcher, plan.matchers))
    return [name for name, its in labels.items() if all_match(matchers, its)]


def _spans(
    calendar: Calendar, name: str, *, start: float, end: float, breathe: Callable[[], None]
) -> Iterator[tuple[float, float]]:
    """Minutes on end of one plan."""
    minutes = (start + number * STEP for number in range(int((end - start) // STEP) + 1))

    def holds(at: float) -> bool:
        if int((at - start) // STEP) % _BREATH == 0:
            breathe()
        return calendar.holds(name, at)

    for is_held, group in itertools.groupby(minutes, holds):
        if is_held:
            first, *rest = group
            yield first, min(end, (rest[-1] if rest else first) + STEP)
