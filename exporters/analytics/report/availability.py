"""Availability over a period: objectives, counted as the live ones count, and vendors."""

import datetime as dt
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from exporters.analytics.report.asking import Asking, moment
from exporters.analytics.report.order import LeftOut, Order
from exporters.analytics.report.outcome import (
    IntegrationAvailability,
    ObjectiveResult,
    Part,
    VendorAvailability,
    VendorObjective,
)
from integrations.signals import Health
from monitors.burn import Tally, budget_left
from monitors.objective import Objective
from monitors.slo_counts import Counts
from monitors.slo_events import BY_HAND, NEUTRAL
from monitors.slo_settings import SLOSettings

_HOUR = 3_600
_P95 = 0.95

_ROUNDING = 1e-9
"""A budget that is spent to the last is kept, though 1 - 0.9 is a little less than 0.1."""


class _Row(NamedTuple):
    day: dt.date
    vendor: str
    integration: str
    is_check: bool
    good: int
    bad: int


class _State(NamedTuple):
    vendor: str
    integration: str
    state: str
    seconds: float


class _Sum:
    """Good and bad ones, in all and by day."""

    def __init__(self) -> None:
        self.good = 0
        self.bad = 0
        self._days: dict[dt.date, list[int]] = defaultdict(lambda: [0, 0])

    def add(self, row: _Row) -> None:
        self.good, self.bad = self.good + row.good, self.bad + row.bad
        day = self._days[row.day]
        day[0], day[1] = day[0] + row.good, day[1] + row.bad

    @property
    def ratio(self) -> float | None:
        return Part(good=self.good, bad=self.bad).ratio

    def days(self, days: Sequence[dt.date]) -> tuple[Part, ...]:
        return tuple(Part(good=self._days[day][0], bad=self._days[day][1]) for day in days)


class Availability:
    """Reads what counts once for each limit of latency there is, and answers from that."""

    def __init__(
        self, asking: Asking, order: Order, *, left_out: Sequence[LeftOut], counts_until: float | None
    ) -> None:
        self._asking = asking
        self._days = order.period.days
        self._objectives = tuple(_covering(slo, order.labels) for slo in order.slos)
        self._known = list(order.labels)
        self._left_out = left_out
        # Of the hour in which what is kept begins some may be gone: it is taken from its counts.
        whole = math.ceil((counts_until or 0.0) / _HOUR) * _HOUR
        self._kept = min(max(order.period.start, whole), order.period.until)
        self._rows: dict[float | None, list[_Row]] = {}
        self._shares: list[dict[str, _Sum]] = []

    def objectives(self) -> tuple[ObjectiveResult, ...]:
        """How each objective came out, the worst first."""
        found = [self._result(each) for each in self._objectives]
        return tuple(sorted(found, key=lambda each: (each.met is None, each.budget_left, each.name)))

    def vendors(self) -> tuple[VendorAvailability, ...]:
        """How each vendor did, the worst first."""
        sums: dict[str, _Sum] = defaultdict(_Sum)
        each: dict[str, dict[str, _Sum]] = defaultdict(lambda: defaultdict(_Sum))
        for row in self._read(None):
            sums[row.vendor].add(row)
            each[row.vendor][row.integration].add(row)
        seconds: dict[str, dict[str, float]] = defaultdict(dict)
        for state in map(_State._make, self._asking.rows("states", known=self._known)):
            seconds[state.integration][state.state] = state.seconds
            each[state.vendor].setdefault(state.integration, _Sum())
        slow = self._p95()
        found = [
            VendorAvailability(
                vendor=vendor,
                good=sums[vendor].good,
                bad=sums[vendor].bad,
                ratio=sums[vendor].ratio,
                objectives=self._of_vendor(vendor),
                integrations=_integrations(its, seconds, slow),
                days=sums[vendor].days(self._days),
            )
            for vendor, its in each.items()
        ]
        return tuple(sorted(found, key=lambda one: (one.ratio is None, one.ratio, one.vendor)))

    def _p95(self) -> dict[str, float]:
        """By integration, the duration of the nearest rank, from buckets in rising order."""
        counts: dict[str, list[tuple[float, int]]] = defaultdict(list)
        for _, integration, seconds, calls in self._asking.rows("latency"):
            counts[str(integration)].append((float(str(seconds)), int(str(calls))))
        return {name: _ranked(buckets, _P95) for name, buckets in counts.items()}

    def _read(self, limit: float | None) -> list[_Row]:
        if limit not in self._rows:
            rows = self._asking.rows(
                "events",
                limit=limit,
                kept=moment(self._kept),
                neutral=sorted(kind.value for kind in NEUTRAL),
                by_hand=sorted(state.value for state in BY_HAND),
                quiet=[each.integration for each in self._left_out],
                quiet_from=[moment(each.start) for each in self._left_out],
                quiet_to=[moment(each.end) for each in self._left_out],
            )
            self._rows[limit] = [_Row._make(row) for row in rows]
        return self._rows[limit]

    def _counted(self, objective: Objective) -> Iterable[_Row]:
        covered = set(objective.integrations)
        without = {"traffic": True, "checks": False}.get(objective.slo.counted)
        for row in self._read(objective.slo.latency_below):
            if row.integration in covered and row.is_check is not without:
                yield row

    def _result(self, objective: Objective) -> ObjectiveResult:
        slo, total = objective.slo, _Sum()
        for row in self._counted(objective):
            total.add(row)
        return ObjectiveResult(
            name=slo.name,
            objective=slo.objective,
            latency_below=slo.latency_below,
            counted=slo.counted,
            integrations=objective.integrations,
            good=total.good,
            bad=total.bad,
            ratio=total.ratio,
            budget_left=budget_left(Tally(total.good, total.bad), slo.ratio),
            met=_is_met(total, slo),
            days=total.days(self._days),
        )

    def _of_vendor(self, vendor: str) -> tuple[VendorObjective, ...]:
        return tuple(
            VendorObjective(
                name=objective.slo.name,
                objective=objective.slo.objective,
                good=total.good,
                bad=total.bad,
                ratio=total.ratio,
                met=_is_met(total, objective.slo),
            )
            for objective, by_vendor in zip(self._objectives, self._by_vendor(), strict=True)
            if (total := by_vendor.get(vendor)) is not None
        )

    def _by_vendor(self) -> list[dict[str, _Sum]]:
        """What each vendor gave under each objective, added up once."""
        if not self._shares:
            for objective in self._objectives:
                sums: dict[str, _Sum] = defaultdict(_Sum)
                for row in self._counted(objective):
                    sums[row.vendor].add(row)
                self._shares.append(dict(sums))
        return self._shares


def _covering(slo: SLOSettings, labels: Mapping[str, Mapping[str, str]]) -> Objective:
    objective = Objective(slo, Counts(slo.key))
    objective.cover(labels)
    return objective


def _is_met(total: _Sum, slo: SLOSettings) -> bool | None:
    if total.ratio is None:
        return None
    return budget_left(Tally(total.good, total.bad), slo.ratio) >= -_ROUNDING


def _ranked(buckets: Sequence[tuple[float, int]], share: float) -> float:
    wanted, seen = math.ceil(share * sum(count for _, count in buckets)), 0
    for seconds, count in buckets:
        seen += count
        if seen >= wanted:
            return seconds
    return 0.0


def _integrations(
    sums: Mapping[str, _Sum], seconds: Mapping[str, Mapping[str, float]], slow: Mapping[str, float]
) -> tuple[IntegrationAvailability, ...]:
    found = [
        IntegrationAvailability(
            integration=name,
            good=each.good,
            bad=each.bad,
            ratio=each.ratio,
            p95=slow.get(name),
            seconds={state: spent for state, spent in seconds.get(name, {}).items() if state != Health.UP},
        )
        for name, each in sums.items()
    ]
    return tuple(
        sorted(
            found,
            key=lambda one: (one.ratio is None, one.ratio, -one.seconds.get("down", 0.0), one.integration),
        )
    )
