"""Runs the watchdog as it is configured now, and anew when that changes."""

from collections.abc import Iterable

import anyio

from integrations.clock import Clock
from integrations.samples import Sample
from monitors.alerts.alert import Alert
from monitors.alerts.engine import AlertEngine
from monitors.alerts.receivers import Directory, Receiver
from monitors.alerts.senders import Senders
from monitors.alerts.sending import Calls, Sender
from monitors.alerts.watchdog import (
    Proof,
    Watchdog,
    WatchdogSettings,
    heartbeat_sender,
    watchdog_alert,
)


class Watchman:
    """Holds the watchdog. `proof` shows that storage works."""

    def __init__(
        self,
        settings: WatchdogSettings,
        *,
        calls: Calls,
        proof: Proof,
        directory: Directory,
        senders: Senders,
        engine: AlertEngine,
        clock: Clock,
        own_port: int,
    ) -> None:
        self._settings = settings
        self._calls = calls
        self._proof = proof
        self._directory = directory
        self._senders = senders
        self._engine = engine
        self._clock = clock
        self._own_port = own_port
        self._changed = anyio.Event()
        self._watchdog = self._made(None)

    def adopt(self, settings: WatchdogSettings) -> None:
        """Go on under other settings."""
        if settings != self._settings:
            self._settings = settings
            self._changed.set()

    async def run(self) -> None:
        """Run a watchdog until cancelled, another one when the settings change."""
        while True:
            self._changed = anyio.Event()
            settings = self._settings
            if not settings.alert:
                self._engine.end_alert(_labels())
            beats = heartbeat_sender(settings, calls=self._calls, clock=self._clock, own_port=self._own_port)
            self._watchdog = self._made(beats)
            try:
                async with anyio.create_task_group() as group:
                    group.start_soon(self._watchdog.run)
                    await self._changed.wait()
                    group.cancel_scope.cancel()
            finally:
                if beats is not None:
                    with anyio.CancelScope(shield=True):
                        await beats.aclose()

    def samples(self) -> Iterable[Sample]:
        """The beats, by what became of them."""
        return self._watchdog.samples()

    def _made(self, beats: Sender | None) -> Watchdog:
        return Watchdog(
            settings=self._settings,
            clock=self._clock,
            proof=self._proof,
            heartbeat=beats,
            last_resort=self._last_resort,
            reports=self._engine,
        )

    def _last_resort(self) -> tuple[Receiver, Sender] | None:
        receiver = self._directory.find(self._settings.last_resort)
        return None if receiver is None else (receiver, self._senders(receiver))


def _labels() -> dict[str, str]:
    alert: Alert = watchdog_alert(0.0)
    return dict(alert.labels)
