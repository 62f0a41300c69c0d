"""Makes reports of recorded signals by the objectives, labels and maintenance that are configured now."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from app.watching import labels_of
from exporters.analytics.report.order import LeftOut, Order
from exporters.analytics.report.outcome import Report
from exporters.analytics.report.period import Period
from integrations.connection import Connection
from monitors.alerts.matchers import all_match
from monitors.alerts.settings import AlertSettings
from monitors.alerts.silences import Silence


class Reporter(Protocol):
    """Makes reports."""

    async def report(self, period: Period, /, *, caller: str) -> Report:
        """Make one; AnalyticsUnavailable is raised."""
        ...


class ReportDesk(Protocol):
    """Carries out orders."""

    async def report(self, order: Order, /, *, caller: str) -> Report:
        """Make one; AnalyticsUnavailable is raised."""
        ...


class Connected(Protocol):
    """An integration as it is configured."""

    @property
    def connection(self) -> Connection:
        """Its connection."""
        ...


class Framework(Protocol):
    """Knows the integrations."""

    def integrations(self) -> Sequence[Connected]:
        """All of them."""
        ...


class Silences(Protocol):
    """Knows silences."""

    def all(self) -> Iterable[Silence]:
        """Those in effect, to come, and lately ended."""
        ...


class Alerting(Protocol):
    """Knows objectives and maintenance."""

    @property
    def settings(self) -> AlertSettings:
        """Those in effect."""
        ...

    @property
    def silences(self) -> Silences:
        """Some of them stand for maintenance."""
        ...


class ReportMaker:
    """Adds to a period what a report must know of the configuration."""

    def __init__(self, desk: ReportDesk, *, framework: Framework, alerting: Alerting) -> None:
        self._desk = desk
        self._framework = framework
        self._alerting = alerting

    async def report(self, period: Period, *, caller: str) -> Report:
        """Make one.

        Raises:
            AnalyticsUnavailable: when there is no database; AnalyticsBusy, QueryTimeout.
        """
        alerts = self._alerting.settings
        labels = {one.connection.id: labels_of(one.connection) for one in self._framework.integrations()}
        order = Order(
            period=period,
            slos=alerts.slos,
            labels=labels,
            plans=alerts.maintenance,
            maintenance=tuple(_left_out(self._alerting.silences.all(), labels)),
        )
        return await self._desk.report(order, caller=caller)


def _left_out(silences: Iterable[Silence], labels: Mapping[str, Mapping[str, str]]) -> Iterator[LeftOut]:
    for silence in silences:
        if silence.is_maintenance:
            for name, its in labels.items():
                if all_match(silence.matchers, its):
                    yield LeftOut(integration=name, start=silence.starts_at, end=silence.ends_at)
