"""All push exporters of one process: cuts a window every so often, and hands it to each of them."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from pathlib import Path
from random import Random
from typing import Protocol

import anyio
import structlog
from prometheus_client.registry import Collector

from exporters.events import EventExporter, Events, TrialEvent
from exporters.intakes import agent_of, event_intakes, metric_intakes
from exporters.otlp.batches import TRACES
from exporters.otlp.points import PlaceOf, nowhere
from exporters.otlp.spans import Template, no_template
from exporters.otlp.telemetry import Telemetry, destination_of, network_to
from exporters.push.cutting import Windows
from exporters.push.datagrams import DatagramSender
from exporters.push.exporter import SEND_TIMEOUT, CutT, ExporterStatus, Intake, PushExporter
from exporters.push.sending import BatchSender, Calls
from exporters.push.spool import Spool
from exporters.push.trials import Preview, Trial, previewed, tried
from exporters.push.window import Window
from exporters.settings import ExporterSettings
from exporters.table import MetricTable
from integrations.bus import Subscriber
from integrations.clock import Clock
from integrations.connection import NetworkPolicy
from integrations.samples import Sample

log = structlog.get_logger("dialtone.exporters")

DRAIN = 2.5
"""Seconds that intakes have to take the rest when Dialtone stops; what they do not take stays on disk."""
_TRIED = frozenset({"dialtone_build_info"})
"""What a trial sends: one gauge that says nothing new."""


class UnknownExporterError(LookupError):
    """No exporter of this name is configured; the message names those that are."""


class _Running(Protocol):
    """An exporter, whatever it sends."""

    async def run(self) -> None: ...

    async def finish(self, *, within: float) -> None: ...

    def status(self) -> ExporterStatus: ...

    def samples(self) -> Iterable[Sample]: ...


class PushExporters:
    """Runs every configured intake. `instance` names this process to them, `home` is where people reach it.

    Wire it so: subscribe the `subscribers()`, run the `tasks()`, and `await drain()` after calls have ended
    and before the executor closes.
    """

    def __init__(
        self,
        settings: ExporterSettings,
        *,
        table: MetricTable,
        calls: Calls,
        clock: Clock,
        directory: Path,
        network: NetworkPolicy,
        version: str,
        instance: str,
        random: Random,
        process: Collector | None = None,
        home: Callable[[], str] = str,
        template: Template = no_template,
        place: PlaceOf = nowhere,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._windows = _windows(settings, table, clock=clock, process=process)
        self._random = random
        self._network = network
        self._calls = calls
        self._directory = directory
        metrics = metric_intakes(settings, version=version, instance=instance, place=place)
        self._metrics = _named(metrics)
        self._events = _named(event_intakes(settings, version=version, instance=instance))
        self.telemetry = Telemetry(
            settings, template=template, clock=clock, version=version, instance=instance
        )
        names = (*self._metrics, *self._events, *self.telemetry.intakes)
        self._senders = {name: self._sender(name) for name in names}
        self._exporters = {name: self._exporter(each) for name, each in self._metrics.items()}
        self._tellers = {
            name: EventExporter(self._exporter(each), clock=clock, home=home)
            for name, each in self._events.items()
        }
        self._running: dict[str, _Running] = {**self._exporters, **self._tellers}
        self._running |= self.telemetry.begin(self._exporter)

    def tasks(self) -> Iterable[tuple[str, Callable[[], Awaitable[None]]]]:
        """The background tasks; none without an exporter."""
        for name, exporter in self._running.items():
            yield f"exporter-{name}", exporter.run
        if self._exporters:
            self._windows.begin()
            yield "windows", self._cut_forever

    def subscribers(self) -> Iterable[tuple[str, Subscriber]]:
        """Who wants signals: the exporters of events, and of traces."""
        yield from self._tellers.items()
        if self.telemetry.traces is not None:
            yield TRACES.name, self.telemetry.traces

    async def drain(self) -> None:
        """Cut the last window and let the intakes take what they can; the rest goes out at the next start."""
        if self._exporters:
            await self._cut()
        async with anyio.create_task_group() as group:
            for exporter in self._running.values():
                group.start_soon(_finish, exporter)

    def status(self) -> Sequence[ExporterStatus]:
        """How each exporter is."""
        return [exporter.status() for exporter in self._running.values()]

    async def preview(self, name: str) -> Sequence[Preview]:
        """What would be sent for all that the table has now; nothing is sent or taken out of a window.

        Raises:
            UnknownExporterError: when none of this name is configured.
        """
        if name in self._events:
            return previewed(self._events[name], self._trial_event())
        if name in self.telemetry.intakes:
            return previewed(self.telemetry.intakes[name], self.telemetry.trial(name))
        intake = self._intake(name)
        window = await self._windows.whole()
        return await anyio.to_thread.run_sync(previewed, intake, window)

    async def test(self, name: str) -> Trial:
        """Send one gauge, and tell what the intake said.

        Raises:
            UnknownExporterError: when none of this name is configured.
        """
        if name in self._events:
            return await self._tried(self._events[name], self._trial_event())
        if name in self.telemetry.intakes:
            return await self._tried(self.telemetry.intakes[name], self.telemetry.trial(name))
        intake = self._intake(name)
        return await self._tried(intake, self._windows.second(_TRIED))

    def samples(self) -> Iterable[Sample]:
        """Of all exporters."""
        for exporter in self._running.values():
            yield from exporter.samples()

    def _sender(self, name: str) -> BatchSender | DatagramSender:
        if agent := agent_of(self._settings, name):
            return DatagramSender(agent, clock=self._clock)
        to = destination_of(self._settings, name)
        within = SEND_TIMEOUT if to is None else to.timeout
        network = network_to(to, self._network)
        return BatchSender(name, calls=self._calls, clock=self._clock, network=network, within=within)

    def _exporter(self, intake: Intake[CutT]) -> PushExporter[CutT]:
        limit, keep = self._settings.spool_bytes, intake.keep
        return PushExporter(
            intake,
            spool=Spool(self._directory / intake.name, limit=limit, keep=keep, clock=self._clock),
            send=self._senders[intake.name].send,
            clock=self._clock,
            random=self._random,
        )

    def _trial_event(self) -> Events:
        return Events(points=(TrialEvent(at=self._clock.time()),))

    async def _tried(self, intake: Intake[CutT], cut: CutT) -> Trial:
        send = self._senders[intake.name].send
        return await tried(intake, cut, send=send, has_proxy=bool(self._network.proxy))

    def _intake(self, name: str) -> Intake[Window]:
        try:
            return self._metrics[name]
        except KeyError:
            raise UnknownExporterError(_unknown(name, self._running)) from None

    async def _cut_forever(self) -> None:
        """Cut a window at each full interval of the monotonic clock."""
        interval = self._settings.flush_interval
        while True:
            now = self._clock.monotonic()
            await self._clock.sleep(interval - now % interval)
            await self._cut()

    async def _cut(self) -> None:
        window = await self._windows.cut()
        for exporter in self._exporters.values():
            exporter.take(window)
            if window.left_out:
                exporter.lose("unencodable", window.left_out)


def _windows(
    settings: ExporterSettings, table: MetricTable, *, clock: Clock, process: Collector | None
) -> Windows:
    """Windows with what these intakes want to be told."""
    return Windows(
        table,
        clock=clock,
        process=process,
        tells_gone=bool(settings.otlp),
        repeats_idle=settings.is_cumulative,
    )


def _named(intakes: Iterable[Intake[CutT]]) -> dict[str, Intake[CutT]]:
    return {intake.name: intake for intake in intakes}


def _unknown(name: str, known: Collection[str]) -> str:
    """That there is none of this name, and which there are."""
    if not known:
        return "no exporter is configured; `exporters` in the configuration names intakes"
    return f"no exporter {name!r} is configured; there are: {', '.join(known)}"


async def _finish(exporter: _Running) -> None:
    """Let an exporter end; what fails in it costs no other."""
    try:
        await exporter.finish(within=DRAIN)
    except Exception:
        log.exception("an exporter ends with an error", exporter=exporter.status().name)
