"""The one place that knows every part: makes them, starts them in order, and stops them in the reverse
order.
"""

import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version
from random import Random

import anyio

from app.alerting import Alerting
from app.api.description import described
from app.api.tokens import TokenTable
from app.asgi import create_app
from app.canaries import canary_watch
from app.configured import ConfiguredIntegrations
from app.declaring import declaring
from app.departures import Departures
from app.faults import FaultOrders
from app.forgetting import forget_signals
from app.garbage import GarbageCollection, uncollected
from app.incident_impact import ImpactFiller
from app.live.view import LiveView
from app.logs import Logs, SignalLog
from app.parts import Parts
from app.reload import Reloader
from app.reporting import ReportMaker
from app.settings import Settings
from app.storage.lock import StateDirectory
from app.storage.storage import Storage, open_storage
from app.supervisor import Supervisor
from app.webhooks import WebhookDesk
from exporters.analytics.store import AnalyticsStore
from exporters.looplag import LoopLag
from exporters.otlp.telemetry import call_tracing, traces_checks
from exporters.prometheus.scrape import PrometheusExporter
from exporters.pushing import PushExporters
from exporters.table import MetricTable
from integrations.action_path import action_path, action_place
from integrations.bus import SignalBus
from integrations.clock import Clock, SystemClock
from integrations.credential_desk import CredentialDesk
from integrations.execution.executor import Executor, TransportFactory
from integrations.framework import IntegrationFramework
from integrations.manifest.loading import Catalog
from integrations.samples import Sample
from integrations.status_pages.dependents import Pages
from integrations.status_pages.fetch import StatusPageFetcher
from integrations.webhooks.inbound import Persistence
from monitors.alerts.told import IncidentDecisions
from monitors.canaries import CanaryWatch
from monitors.monitor import IntegrationMonitor
from monitors.saving import HealthSaver
from monitors.vendor_watch import VendorWatch

VERSION = version("dialtone")
START_SECONDS = 60


class Dialtone:
    """A whole Dialtone: its parts, made from settings and joined; nothing runs before `running`.

    `transport` replaces the network, for tests and game days; `logs` follow the configured level.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock | None = None,
        transport: TransportFactory | None = None,
        logs: Logs | None = None,
    ) -> None:
        self.clock = clock or SystemClock()
        self.bus = SignalBus()
        self.state = StateDirectory(settings.state_dir)
        self.storage = self._storage(settings)
        self.executor = Executor(
            clock=self.clock,
            publish=self.bus.publish,
            store=self.storage.execution,
            transport=transport,
            tracing=call_tracing(settings.exporters),
        )
        self.catalog = Catalog.bundled()
        self.framework = self._framework()
        self.webhooks = WebhookDesk(self.framework.inbound, storage=self.storage, clock=self.clock)
        self.saver = self._saver()
        self.monitor = self._monitor()
        self.alerting = self._alerting(settings)
        self.vendor_watch = self._vendor_watch()
        self.canaries = self._canary_watch()
        self.table, self.prometheus, self.pushing = self._exporters(settings)
        self.analytics = self._analytics(settings)
        self.live = LiveView(clock=self.clock)
        self.loop_lag = LoopLag(clock=self.clock)
        self.garbage = GarbageCollection(self.clock)
        self.supervisor = Supervisor(self.clock)
        self.tokens = TokenTable(settings.tokens, clock=self.clock)
        self.configured, self.reloader = self._configuration(settings, logs)
        if logs is not None:
            logs.export_to(self.pushing.telemetry.log_handler())
        self.faults = self._fault_orders()
        self.app = create_app(self._parts(), tokens=self.tokens, spans=self.pushing.telemetry.traces)
        self._join(logs)

    @property
    def settings(self) -> Settings:
        """Those in effect."""
        return self.reloader.settings

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Start all parts; on leaving drain and stop them, each within its own deadline.

        Raises:
            StorageError, StateDirectoryLockedError, ConfigurationError: with what to do.
        """
        self.state.acquire()
        try:
            await self._start()
            async with anyio.create_task_group() as group:
                for name, task in self._tasks():
                    self.supervisor.start(group, name, task)
                self.reloader.announce()
                try:
                    yield
                finally:
                    with anyio.CancelScope(shield=True):
                        await self._stop()
        finally:
            self.state.release()

    def samples(self) -> Iterable[Sample]:
        """What is known of the process as a whole."""
        yield Sample("dialtone_build_info", (VERSION,), 1)

    def _storage(self, settings: Settings) -> Storage:
        kept = settings.storage
        return open_storage(kept.url, state_dir=settings.state_dir, clock=self.clock, key=kept.key)

    def _vendor_watch(self) -> VendorWatch:
        return VendorWatch(
            pages=Pages(self.framework.integrations, lambda: self.settings.status_pages),
            settings=lambda: self.settings.status_pages,
            fetcher=StatusPageFetcher(lines=self.executor, clock=self.clock),
            verdicts=self.monitor.watched,
            clock=self.clock,
            publish=self.bus.publish,
        )

    def _canary_watch(self) -> CanaryWatch:
        return canary_watch(self.framework, monitor=self.monitor, clock=self.clock, publish=self.bus.publish)

    def _framework(self) -> IntegrationFramework:
        return IntegrationFramework(
            executor=self.executor,
            catalog=self.catalog,
            clock=self.clock,
            publish=self.bus.publish,
            credentials=self.storage.credentials,
            webhooks=Persistence(self.storage.webhooks, self.storage.webhook_queue, self.storage.webhooks),
        )

    def _monitor(self) -> IntegrationMonitor:
        return IntegrationMonitor(
            framework=self.framework,
            executor=self.executor,
            clock=self.clock,
            publish=self.bus.publish,
            store=self.storage.health,
            faults=self.executor.faults,
            saver=self.saver,
        )

    def _saver(self) -> HealthSaver:
        return HealthSaver(
            store=self.storage.health,
            flushes=self.storage.alerts,
            clock=self.clock,
            publish=self.bus.publish,
            random=Random(),  # noqa: S311 - it spreads retries, it guards nothing
        )

    def _alerting(self, settings: Settings) -> Alerting:
        return Alerting(
            settings.alerts,
            storage=self.storage,
            framework=self.framework,
            monitor=self.monitor,
            executor=self.executor,
            saver=self.saver,
            clock=self.clock,
            publish=self.bus.publish,
            network=lambda: self.settings.network,
            own_port=settings.listen.port,
        )

    def _fault_orders(self) -> FaultOrders:
        return FaultOrders(
            faults=self.executor.faults,
            operators=self.storage.operators,
            clock=self.clock,
            publish=self.bus.publish,
            is_allowed=lambda: self.settings.faults.allowed,
        )

    def _analytics(self, settings: Settings) -> AnalyticsStore:
        return AnalyticsStore(
            settings.state_dir / "analytics",
            clock=self.clock,
            stored=self.storage.signals,
            settings=settings.analytics,
            publish=self.bus.publish,
        )

    def _exporters(self, settings: Settings) -> tuple[MetricTable, PrometheusExporter, PushExporters]:
        table = MetricTable(
            native=settings.metrics.native_histograms or settings.exporters.is_pushing,
            traces_checks=traces_checks(settings.exporters),
        )
        pushing = PushExporters(
            settings.exporters,
            table=table,
            calls=self.executor,
            clock=self.clock,
            directory=settings.state_dir / "exporters",
            network=settings.network,
            version=VERSION,
            instance=socket.gethostname(),
            random=Random(),  # noqa: S311 - it spreads retries, it guards nothing
            home=lambda: self.settings.alerts.external_url,
            template=partial(action_path, self.framework.integration),
            place=partial(action_place, self.framework.integration),
        )
        return table, PrometheusExporter(table, clock=self.clock), pushing

    def _configuration(
        self, settings: Settings, logs: Logs | None
    ) -> tuple[ConfiguredIntegrations, Reloader]:
        departures = Departures(
            table=self.table, framework=self.framework, alerting=self.alerting, garbage=self.garbage
        )
        configured = ConfiguredIntegrations(
            framework=self.framework,
            monitor=self.monitor,
            forget=departures.forget,
            welcome=departures.welcome,
            clock=self.clock,
        )
        reloader = Reloader(
            settings,
            integrations=configured,
            tokens=self.tokens,
            adopt=departures.adopt,
            operators=self.storage.operators,
            catalog=self.catalog,
            clock=self.clock,
            publish=self.bus.publish,
            version=VERSION,
            logs=logs,
            declare=declaring(self.analytics, self.catalog),
        )
        return configured, reloader

    def _parts(self) -> Parts:
        return Parts(
            framework=self.framework,
            monitor=self.monitor,
            pausing=self.monitor,
            explaining=self.monitor,
            breakers=self.executor,
            catalog=self.catalog,
            operators=self.storage.operators,
            history=self.storage.signals,
            storage=self.storage,
            metrics=self.prometheus,
            analytics=self.analytics,
            backtests=self.analytics.backtests if self.settings.analytics.enabled else None,
            checks=self.framework.checks,
            reports=ReportMaker(self.analytics.reports, framework=self.framework, alerting=self.alerting),
            clock=self.clock,
            publish=self.bus.publish,
            version=VERSION,
            tokens=self.settings.tokens,
            reloading=self.reloader,
            alerting=self.alerting.desks,
            pushing=self.pushing,
            public_metrics=lambda: self.settings.metrics.public,
            live=self.live,
            credentials=CredentialDesk(
                self.framework, renewing=self.framework.credentials, lines=self.executor
            ),
            webhooks=self.webhooks,
            vendor_status=self.vendor_watch.status,
            faults=self.faults,
            decisions=IncidentDecisions(self.alerting.incidents, self.storage.alerts),
        )

    def _join(self, logs: Logs | None) -> None:
        """Connect who publishes with who listens, and who is asked with who asks."""
        self.webhooks.keeping = lambda: self.settings.webhooks
        # First, because the monitor publishes in answer to a signal, which must not come before that signal.
        self.bus.subscribe("live", self.live)
        self.bus.subscribe("metrics", self.table)
        self.bus.subscribe("monitor", self.monitor)
        self.bus.subscribe("alerts", self.alerting)
        self.bus.subscribe("analytics", self.analytics)
        self.bus.subscribe("log", SignalLog(logs))
        for name, subscriber in self.pushing.subscribers():
            self.bus.subscribe(name, subscriber)
        for source in (
            self,
            self.bus,
            self.executor,
            self.framework,
            self.monitor,
            self.alerting,
            self.vendor_watch,
            self.canaries,
            self.analytics,
            self.storage,
            self.supervisor,
            self.tokens,
            self.reloader,
            self.configured,
            self.live,
            self.webhooks,
            self.loop_lag,
            self.pushing,
        ):
            self.table.add_source(source, sliced=source in (self.executor, self.framework, self.monitor))

    async def _start(self) -> None:
        with anyio.fail_after(START_SECONDS):
            await self.storage.start()
            try:
                await self._load()
            except BaseException:
                with anyio.CancelScope(shield=True):
                    await self.storage.aclose()
                raise

    async def _load(self) -> None:
        await self.executor.load()
        await self.framework.credentials.load()
        await self.framework.inbound.load()
        await self.alerting.load()
        await self.monitor.load()
        with uncollected():
            for connection in self.settings.integrations:
                self.configured.open(connection)
        self.alerting.begin()
        await self.analytics.start()
        described(self.app)  # Made at its first use it would hold up calls.

    def _tasks(self) -> Iterable[tuple[str, Callable[[], Awaitable[None]]]]:
        """The background tasks; they are stopped from the last to the first."""
        yield "analytics", self.analytics.run
        yield "loop-lag", self.loop_lag.run
        yield "trim", self._trim
        yield "configuration", self.configured.run
        yield "executor", self.executor.run
        yield "framework", self.framework.run
        yield "webhooks", self.webhooks.run
        yield "faults", self.faults.run
        yield "status-pages", self.vendor_watch.run
        yield "canaries", self.canaries.run
        yield from self.alerting.tasks()
        impact = ImpactFiller(self.alerting.engine, analytics=self.analytics, clock=self.clock)
        yield "incident-impact", impact.run
        yield from self.pushing.tasks()
        yield "monitor", self.monitor.run

    async def _trim(self) -> None:
        signals, is_copied = self.storage.signals, self.settings.analytics.enabled
        copied = self.analytics.copied if is_copied else signals.end
        await forget_signals(signals, copied=copied, clock=self.clock)

    async def _stop(self) -> None:
        """Let each part finish what it has, in the order of the data: checks, calls, rows, state."""
        finish = self.supervisor.finish
        await finish("checks", partial(self.supervisor.stop, "monitor"))
        await finish("deliveries", self.alerting.drain)
        await finish("exporters", self.pushing.drain)
        await finish("executor", self.executor.aclose)
        await finish("monitor", self.monitor.aclose)
        await finish("analytics", self.analytics.aclose)
        await finish("tasks", self.supervisor.stop_all)
        await finish("storage", self.storage.aclose)
