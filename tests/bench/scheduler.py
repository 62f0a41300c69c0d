"""How late checks start and what starting them costs: the whole monitor with checks that do nothing."""

import gc
import time
from collections.abc import Iterable

import anyio
import msgspec

from integrations.clock import SystemClock
from integrations.connection import CheckPolicy, Connection
from integrations.execution.outcome import Outcome
from integrations.signals import CallRecord, CheckResult, Signal
from monitors.monitor import IntegrationMonitor, MonitorSettings
from monitors.traffic import Traffic
from tests.monitors.doubles import FakeCheck, call, succeeded

SECONDS = 5.0
INTERVAL = 1.0
PER_VENDOR = 50


class NoOp:
    """A framework whose checks succeed without asking anyone, and an executor that ignores it."""

    async def run_check(
        self,
        check: object,
        /,
        *,
        timeout: float,  # noqa: ASYNC109 - as the real one
        cold: bool,
        examination: object,
    ) -> Outcome:
        return OUTCOME

    def check_succeeded(self, integration: str, capability: str, /) -> None:
        pass


OUTCOME = succeeded()


class Lags:
    """Collects the start lag of each check."""

    def __init__(self) -> None:
        self.lags: list[float] = []
        self.skipped = 0

    def __call__(self, signal: Signal) -> None:
        if isinstance(signal, CheckResult):
            self.lags.append(signal.lag)
            self.skipped += signal.skipped


def share(values: Iterable[float], part: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


async def measure(checks_per_second: int) -> None:
    """Run the monitor for some seconds and print start lag and CPU."""
    lags, noop = Lags(), NoOp()
    monitor = IntegrationMonitor(
        framework=noop,
        executor=noop,
        clock=SystemClock(),
        publish=lags,
        settings=MonitorSettings(vendor_rounds=PER_VENDOR, spread=INTERVAL),
    )
    policy = CheckPolicy(interval=INTERVAL, retry_interval=INTERVAL)
    for number in range(int(checks_per_second * INTERVAL)):
        name = f"integration-{number}"
        connection = Connection(id=name, vendor=f"vendor-{number // PER_VENDOR}", check=policy)
        monitor.watch(connection, "Vendor", [FakeCheck(integration=name)])
    async with anyio.create_task_group() as group:
        group.start_soon(monitor.run)
        await anyio.sleep(2 * INTERVAL)
        lags.lags.clear()
        wall, cpu = time.perf_counter(), time.process_time()
        await anyio.sleep(SECONDS)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        group.cancel_scope.cancel()
    count = len(lags.lags)
    print(
        f"{checks_per_second:>6} checks/s asked, {count / wall:8.0f} run; start lag p50 "
        f"{share(lags.lags, 0.5) * 1e3:6.2f} ms, p99 {share(lags.lags, 0.99) * 1e3:6.2f} ms; "
        f"CPU {cpu / wall:5.1%} of a core, {cpu / count * 1e6:5.1f} us a check; {lags.skipped} slots skipped"
    )


def measure_traffic() -> None:
    """Print what one CallRecord costs in the statistics."""
    traffic = Traffic()
    record = call(at=1_800_000_000.0)
    records: list[CallRecord] = [
        msgspec.structs.replace(record, at=record.at + n / 1000, duration=0.05 + n % 977 / 1000)
        for n in range(100_000)
    ]
    began = time.perf_counter()
    for each in records:
        traffic.record(each)
    print(
        f"{(time.perf_counter() - began) / len(records) * 1e6:6.2f} us for a call in the traffic statistics"
    )


def main() -> None:
    """Measure at two rates."""
    for rate in (500, 5_000):
        gc.collect()
        anyio.run(measure, rate)
    measure_traffic()


if __name__ == "__main__":
    main()
