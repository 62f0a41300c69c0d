"""Canaries joined to the framework that runs their steps, and to the monitor that judges what they find."""

from collections.abc import Callable
from functools import partial

from integrations.canaries import CanaryOrder, CanaryResult, ordered, run_canary
from integrations.clock import Clock
from integrations.execution.outcome import Origin
from integrations.framework import IntegrationFramework
from integrations.signals import Signal
from monitors.canaries import CanaryWatch
from monitors.monitor import IntegrationMonitor


def canary_watch(
    framework: IntegrationFramework,
    *,
    monitor: IntegrationMonitor,
    clock: Clock,
    publish: Callable[[Signal], None],
) -> CanaryWatch:
    """Return the watch over all canaries that the configuration declares."""

    async def run_one(order: CanaryOrder) -> CanaryResult:
        run = partial(framework.execute_integration, order.integration, origin=Origin.CHECK)
        return await run_canary(order, partial(run, timeout=order.timeout))

    return CanaryWatch(
        orders=lambda: ordered(framework.integrations()),
        run_one=run_one,
        verdicts=monitor.watched,
        clock=clock,
        publish=publish,
    )
