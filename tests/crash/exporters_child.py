"""Processes to be killed: each counts calls as fast as it is told to, and pushes them to three intakes.

    python -m tests.crash.exporters_child

A line of JSON on stdin (a Life) starts one as a fork of this process, so that a life costs no imports; its
pid is written to stdout, and when it has ended, its status. It notes in shared memory, which outlives it, how
many calls it has counted by now, by the last cut of a window, and by the one before.
"""

import mmap
import os
import random
import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import anyio
import msgspec

from exporters.pushing import PushExporters
from exporters.settings import (
    DatadogSettings,
    ExporterSettings,
    NewRelicSettings,
    OTLPSettings,
    Temporality,
)
from exporters.table import MetricTable, Reading
from exporters.told import Told
from integrations.clock import SystemClock
from integrations.connection import NetworkPolicy
from integrations.credentials.secret import Secret
from integrations.execution.executor import Executor
from integrations.execution.pool import Pools
from tests.fakes.calls import call_record

SHARED = struct.Struct("<QQQ")
PACE = 0.005
OTLP_KEY, DATADOG_KEY, NEWRELIC_KEY = "o" * 32, "d" * 32, "n" * 40
ALL = "all-lives"
"""The integration that every life counts calls of, beside one of its own."""


class Life(msgspec.Struct, frozen=True, kw_only=True):
    """One life: its name, where it keeps its spools and its notes, the port of the intakes, and how many
    calls it counts a second. Without any it sends what is there, and ends.
    """

    name: str
    folder: str
    shared: str
    port: int
    rate: int
    temporality: Temporality = Temporality.DELTA


class NotingTable(MetricTable):
    """A table that notes how many calls were counted when a window is cut."""

    def __init__(self, notes: mmap.mmap) -> None:
        super().__init__(native=True)
        self._notes = notes
        self.counted = self._cut = 0

    def count(self, life: str, calls: int) -> None:
        for _ in range(calls):
            for name in (life, ALL):
                self.on_signal(call_record(integration=name, duration=random.lognormvariate(-2, 1)))
            self.counted += 1
            struct.pack_into("<Q", self._notes, 0, self.counted)

    def read(self, *, cut: bool = False, told: Told | None = None) -> Iterator[Reading]:
        if cut:
            struct.pack_into("<QQ", self._notes, 8, self.counted, self._cut)
            self._cut = self.counted
        return super().read(cut=cut, told=told)


def exporters(life: Life, table: MetricTable) -> tuple[PushExporters, Executor]:
    """Exporters to all three intakes, through a real executor."""
    clock = SystemClock()
    url = f"http://127.0.0.1:{life.port}"
    settings = ExporterSettings(
        otlp=OTLPSettings(endpoint=url, headers={"api-key": Secret(OTLP_KEY)}, temporality=life.temporality),
        datadog=DatadogSettings(api_key=Secret(DATADOG_KEY), url=url, host="web-1"),
        newrelic=NewRelicSettings(license_key=Secret(NEWRELIC_KEY), url=f"{url}/metric/v1"),
        flush_interval=1.0,
    )
    executor = Executor(clock=clock, publish=lambda _: None, transport=Pools(clock).open, drain=0.5)
    pushing = PushExporters(
        settings,
        table=table,
        calls=executor,
        clock=clock,
        directory=Path(life.folder),
        network=NetworkPolicy(),
        version="1.2",
        instance="web-1",
        random=random.Random(),
    )
    return pushing, executor


def begin(life: Life) -> None:
    with Path(life.shared).open("r+b") as file, mmap.mmap(file.fileno(), SHARED.size) as notes:
        anyio.run(live, life, NotingTable(notes))


async def live(life: Life, table: NotingTable) -> None:
    pushing, executor = exporters(life, table)
    async with anyio.create_task_group() as group:
        for _, task in pushing.tasks():
            group.start_soon(task)
        await (count(life, table) if life.rate else until_sent(pushing))
        group.cancel_scope.cancel()
    await executor.aclose()


async def count(life: Life, table: NotingTable) -> None:
    """Count calls at an even rate, for ever."""
    began = time.monotonic()
    while True:
        table.count(life.name, int((time.monotonic() - began) * life.rate) - table.counted)
        await anyio.sleep(PACE)


async def until_sent(pushing: PushExporters) -> None:
    """Wait until every spool was found and is empty."""
    await anyio.sleep(0.3)
    while any(status.batches for status in pushing.status()):  # noqa: ASYNC110 - nobody tells
        await anyio.sleep(0.02)


def main() -> None:
    for line in sys.stdin:
        life = msgspec.json.decode(line, type=Life)
        pid = os.fork()
        if pid == 0:
            sys.stdin.close()
            log = os.open(f"{life.folder}/child.log", os.O_APPEND | os.O_CREAT | os.O_WRONLY)
            os.dup2(log, 1)
            os.dup2(log, 2)
            begin(life)
            os._exit(0)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(f"{status}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
