"""Makes reports, one at a time."""

from collections.abc import Callable

import duckdb

from exporters.analytics.catching_up import CatchUp, nothing_newer
from exporters.analytics.database import Database
from exporters.analytics.long_work import SECONDS, LongWork
from exporters.analytics.report.compiling import compile_report
from exporters.analytics.report.order import Order
from exporters.analytics.report.outcome import Report
from exporters.analytics.running import RunningQuery
from integrations.clock import Clock
from integrations.signals import Signal

NAME = "report"


class Reports:
    """Makes reports of what `database` holds (it raises AnalyticsUnavailable where there is none), and
    publishes a QueryRun for each.
    """

    def __init__(
        self,
        *,
        database: Callable[[], Database],
        clock: Clock,
        publish: Callable[[Signal], None],
        seconds: float = SECONDS,
        catch_up: CatchUp = nothing_newer,
    ) -> None:
        self._clock = clock
        self._work = LongWork(
            NAME, database=database, clock=clock, publish=publish, seconds=seconds, catch_up=catch_up
        )

    def running(self) -> tuple[RunningQuery, ...]:
        """Those that are made or wait, the oldest first."""
        return self._work.running()

    def cancel(self, query_id: str) -> None:
        """End one.

        Raises:
            LookupError: when none of this id is made or waits.
        """
        self._work.queries.cancel(query_id)

    async def report(self, order: Order, *, caller: str) -> Report:
        """Make one.

        Raises:
            AnalyticsUnavailable: when there is no database; AnalyticsBusy, QueryTimeout, QueryCancelled.
        """
        at = self._clock.time()
        query = RunningQuery(id=self._work.queries.named(""), caller=caller, query=NAME, started_at=at)
        return await self._work.carry_out(_Making(order, self._clock), query, rows=lambda _report: 1)


class _Making:
    """One report."""

    progress: float | None = None

    def __init__(self, order: Order, clock: Clock) -> None:
        self._order = order
        self._clock = clock

    def carry_out(self, cursor: duckdb.DuckDBPyConnection, breathe: Callable[[], None]) -> Report:
        """Make it."""
        return compile_report(cursor, self._order, made_at=self._clock.time(), breathe=breathe)
