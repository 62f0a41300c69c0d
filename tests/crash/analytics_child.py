"""A process to be killed: publishes call records into an AnalyticsStore and says in shared memory how far.

    python -m tests.crash.analytics_child <directory> <shared file> <rate>

The shared file holds three unsigned 64-bit numbers: published, acknowledged (write(2) returned), checkpoints.
They survive kill -9, because the page belongs to the kernel.
"""

import mmap
import struct
import sys
import time
from pathlib import Path

import anyio

from exporters.analytics.settings import AnalyticsSettings
from exporters.analytics.store import AnalyticsStore
from integrations.clock import SystemClock
from tests.exporters.analytics.generated import call

SHARED = struct.Struct("<QQQ")
PACE = 0.002


async def publish(directory: Path, shared: mmap.mmap, rate: int) -> None:
    first = SHARED.unpack_from(shared)[0] + 1
    settings = AnalyticsSettings(disk_floor=0, checkpoint_seconds=0.5)
    store = AnalyticsStore(directory, clock=SystemClock(), settings=settings)
    await store.start()
    number, begun = first, time.monotonic()
    async with anyio.create_task_group() as group:
        group.start_soon(store.run)
        while True:
            due = first + int((time.monotonic() - begun) * rate)
            while number <= due:
                store.on_signal(call(number, at=time.time()))
                struct.pack_into("<Q", shared, 0, number)
                number += 1
            acknowledged = first - 1 + store._spool.acknowledged["calls"]
            struct.pack_into("<Q", shared, 8, acknowledged)
            struct.pack_into("<Q", shared, 16, int(store.status().checkpointed_at is not None))
            await anyio.sleep(PACE)


def main() -> None:
    with Path(sys.argv[2]).open("r+b") as file, mmap.mmap(file.fileno(), SHARED.size) as shared:
        anyio.run(publish, Path(sys.argv[1]), shared, int(sys.argv[3]))


if __name__ == "__main__":
    main()
