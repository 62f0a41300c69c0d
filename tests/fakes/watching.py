"""Heartbeats, objectives and root causes without storage, network or tasks."""

from collections.abc import Callable, Sequence

from app.desks.record import Record
from app.desks.watching import WatchingDesk
from integrations.clock import Clock
from integrations.signals import HealthChange
from monitors.alerts.settings import AlertSettings
from monitors.egress import EgressWatch
from monitors.egress_settings import EgressSettings
from monitors.heartbeat_keys import HeartbeatKeys
from monitors.heartbeats import HeartbeatWatch
from monitors.parents import Parents
from monitors.slo import SLOWatch


async def _recheck(_: str) -> None:
    """Nobody is there to be asked."""


def watching_desk(
    clock: Clock,
    record: Record,
    settings: AlertSettings,
    *,
    report: Callable[[Sequence[HealthChange]], None] = lambda _: None,
) -> WatchingDesk:
    """A desk over real parts that watch what `settings` name, and no integration."""
    heartbeats = HeartbeatWatch(clock=clock, report=report)
    heartbeats.configure(settings.heartbeats)
    slos = SLOWatch(integrations=dict, clock=clock)
    slos.configure(settings.slos)
    return WatchingDesk(
        heartbeats=heartbeats,
        keys=HeartbeatKeys(store=None, clock=clock),
        slos=slos,
        parents=Parents(members=dict, verdicts=lambda _: None, recheck=_recheck, clock=clock),
        egress=EgressWatch(settings=EgressSettings, probe=NoProbe(), clock=clock),
        record=record,
    )


class NoProbe:
    """There is no network."""

    async def reach(self, target: str, /, *, seconds: float) -> str:
        return f"no network to {target} for {seconds} s"

    async def resolve(self, name: str, /, *, seconds: float) -> str:
        return f"no name {name} for {seconds} s"

    async def keep(self, targets: object, /) -> None:
        """Nothing is kept."""
