"""What leaves with integrations and receivers that the configuration has no longer: series and alerts."""

from collections.abc import Collection

from app.alerting import Alerting
from app.garbage import GarbageCollection
from exporters.table import MetricTable
from integrations.framework import IntegrationFramework
from monitors.alerts.settings import AlertSettings


class Departures:
    """Follows the configuration."""

    def __init__(
        self,
        *,
        table: MetricTable,
        framework: IntegrationFramework,
        alerting: Alerting,
        garbage: GarbageCollection,
    ) -> None:
        self._table = table
        self._framework = framework
        self._alerting = alerting
        self._garbage = garbage

    def welcome(self, integrations: Collection[str]) -> None:
        """These are there, or there again."""
        self._table.welcome("integration", integrations)

    def forget(self, integrations: Collection[str]) -> None:
        """These are gone, or begin anew as those of another vendor."""
        self._table.remove("integration", integrations)
        self.welcome({one.id for one in self._framework.integrations()})
        self._garbage.integrations_closed(len(integrations))
        self._alerting.forget(integrations)

    async def adopt(self, settings: AlertSettings) -> None:
        """Let alerting go on under other settings; receivers may be gone."""
        before = {receiver.name for receiver in self._alerting.settings.receivers}
        await self._alerting.adopt(settings)
        after = {receiver.name for receiver in settings.receivers}
        self._table.remove("receiver", before - after)
        self._table.welcome("receiver", after)
