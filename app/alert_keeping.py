"""Forgets what alerting kept long enough: incidents, decisions, silences."""

from app.storage.storage import Storage
from integrations.clock import Clock
from monitors.alerts.silences import Silences

DAY = 86_400.0
KEEP_INCIDENTS_DAYS = 400.0
KEEP_DECISIONS_DAYS = 90.0
LOOK_SECONDS = 3_600.0


class AlertKeeping:
    """Looks once an hour."""

    def __init__(self, storage: Storage, *, silences: Silences, clock: Clock) -> None:
        self._storage = storage
        self._silences = silences
        self._clock = clock

    async def run(self) -> None:
        """Forget what is old, until cancelled."""
        while True:
            await self.look()
            await self._clock.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Forget all that is old now."""
        now = self._clock.time()
        await self._silences.forget()
        while await self._storage.alerts.forget_decisions(before=now - KEEP_DECISIONS_DAYS * DAY):
            pass
        while await self._storage.incidents.forget(before=now - KEEP_INCIDENTS_DAYS * DAY):
            pass
