"""The integrations of the configuration: opened one by one, changed all or none, closed when idle."""

from collections.abc import Callable, Collection, Iterable, Sequence

import anyio
import anyio.lowlevel
import structlog
from anyio.abc import TaskGroup

from integrations.canaries import ordered
from integrations.clock import Clock
from integrations.connection import Connection
from integrations.framework import IntegrationFramework
from integrations.integration import Integration
from integrations.samples import Sample
from monitors.monitor import IntegrationMonitor

SLICE = 0.002
"""Seconds of changes after which the event loop gets its turn."""

log = structlog.get_logger("dialtone.configuration")


class ConfiguredIntegrations:
    """Lets framework, monitor and metrics follow the configuration. What is not named is not touched.

    `forget` drops the series of integrations that are gone, `welcome` lets those be counted that are there.
    """

    def __init__(
        self,
        *,
        framework: IntegrationFramework,
        monitor: IntegrationMonitor,
        forget: Callable[[Collection[str]], None],
        welcome: Callable[[Collection[str]], None] = lambda _: None,
        clock: Clock,
    ) -> None:
        self._framework = framework
        self._monitor = monitor
        self._forget = forget
        self._welcome = welcome
        self._clock = clock
        self._group: TaskGroup | None = None
        self._is_up = anyio.Event()
        self._turn_began = 0.0
        self._errors = 0

    def open(self, connection: Connection) -> None:
        """Call and watch an integration, or go on with it as it is now.

        Raises:
            ConfigurationError, ValueError, OSError: when it cannot be used; then nothing has changed.
        """
        self._framework.register_integration(connection)
        integration = self._framework.integration(connection.id)
        canaries = [one.canary.capability for one in ordered([integration])]
        checks = self._framework.checks(connection.id)
        self._monitor.watch(connection, integration.called, checks, also=canaries)
        self._welcome((connection.id,))

    async def apply(self, opened: Sequence[Connection], *, removed: Iterable[str]) -> None:
        """Open or change these integrations, and take the removed ones out of reach; they drain in `run`.

        When one cannot be opened, all is as it was. Not to be cancelled half-way.

        Raises:
            ConfigurationError, ValueError, OSError: what `open` raised.
        """
        await self._is_up.wait()
        before = {one.id: one.connection for one in self._framework.integrations()}
        done: list[Connection] = []
        try:
            for connection in opened:
                self.open(connection)
                done.append(connection)
                await self._give_way()
        except Exception:
            await self._undo(done, before)
            raise
        if replaced := {one.id for one in done if one.id in before and before[one.id].vendor != one.vendor}:
            self._forget(replaced)
        await self._close(removed)

    async def run(self) -> None:
        """Drain what was removed, until cancelled."""
        try:
            async with anyio.create_task_group() as group:
                self._group = group
                self._is_up.set()
                await anyio.sleep_forever()
        finally:
            self._group, self._is_up = None, anyio.Event()

    def samples(self) -> Iterable[Sample]:
        """What went wrong while closing."""
        yield Sample("dialtone_integration_close_errors_total", (), self._errors)

    async def _undo(self, done: Sequence[Connection], before: dict[str, Connection]) -> None:
        for connection in done:
            if connection.id in before:
                self.open(before[connection.id])
                await self._give_way()
        await self._close(one.id for one in done if one.id not in before)

    async def _close(self, integrations: Iterable[str]) -> None:
        leaving = []
        for name in integrations:
            leaving.append(self._framework.withdraw_integration(name))
            self._monitor.unwatch(name)
            await self._give_way()
        if leaving and self._group is not None:
            self._group.start_soon(self._drain, leaving)

    async def _drain(self, leaving: Sequence[Integration]) -> None:
        """Wait for the calls in flight and what they leave behind, then drop the series."""
        async with anyio.create_task_group() as group:
            for integration in leaving:
                group.start_soon(self._close_one, integration)
        back = {one.id for one in self._framework.integrations()}
        self._forget({one.id for one in leaving} - back)

    async def _close_one(self, integration: Integration) -> None:
        try:
            await self._framework.close_integration(integration)
            await self._monitor.settle(integration.id)
        except Exception:
            self._errors += 1
            log.exception("an integration that was removed did not close", integration=integration.id)

    async def _give_way(self) -> None:
        if self._clock.monotonic() - self._turn_began >= SLICE:
            await anyio.lowlevel.checkpoint()
            self._turn_began = self._clock.monotonic()
