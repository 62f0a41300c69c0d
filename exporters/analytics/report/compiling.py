"""Puts a report together, on a thread, from one cursor."""

from collections.abc import Callable

import duckdb

from exporters.analytics.report.asking import Asking, moment
from exporters.analytics.report.availability import Availability
from exporters.analytics.report.incidents import incidents_of
from exporters.analytics.report.maintenance import maintenance_of
from exporters.analytics.report.order import Order
from exporters.analytics.report.outcome import Report
from exporters.analytics.report.sections import (
    MOST,
    credentials_of,
    drifts_of,
    endings_of,
    quotas_of,
    receivers_of,
    recorded_of,
    status_pages_of,
    webhooks_of,
)
from exporters.analytics.report.use import Usage


def compile_report(
    cursor: duckdb.DuckDBPyConnection, order: Order, *, made_at: float, breathe: Callable[[], None]
) -> Report:
    """Ask everything. `breathe` lets others work, and may raise to end it."""
    period = order.period
    asking = Asking(
        cursor,
        given={
            "zone": period.zone,
            "start": moment(period.start),
            "until": moment(period.until),
            "before_start": moment(period.before_start),
            "before_end": moment(period.before_end),
            "most": MOST,
        },
        breathe=breathe,
    )
    recorded = recorded_of(asking, period)
    availability = Availability(
        asking, order, left_out=maintenance_of(order, breathe=breathe), counts_until=recorded.counts_until
    )
    usage = Usage(asking, period, first_at=recorded.first_at, counts_until=recorded.counts_until)
    return Report(
        period=period,
        made_at=made_at,
        recorded=recorded,
        objectives=availability.objectives(),
        vendors=availability.vendors(),
        incidents=incidents_of(asking, period),
        use=usage.use(),
        quotas=quotas_of(asking),
        costs=usage.costs(),
        drifts=drifts_of(asking),
        credentials=credentials_of(asking),
        endings=endings_of(asking, period),
        webhooks=webhooks_of(asking),
        receivers=receivers_of(asking),
        status_pages=status_pages_of(asking),
        days=tuple(day.isoformat() for day in period.days),
    )
