"""Gathers what happens one by one, and hands it to a push exporter about once a second.

The queue is bounded: while nothing can be kept, the oldest is given up and counted, and nobody waits.
"""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

import anyio

from exporters.push.exporter import CutT, ExporterStatus, PushExporter
from integrations.clock import Clock
from integrations.samples import Sample

GATHER = 1.0
"""Seconds for which one request is gathered."""

ItemT = TypeVar("ItemT")


class Gathering(Generic[ItemT, CutT]):
    """Puts items into cuts, and cuts into an exporter, from `run`. `most` items may wait."""

    def __init__(
        self,
        exporter: PushExporter[CutT],
        *,
        cut: Callable[[tuple[ItemT, ...]], CutT],
        most: int,
        clock: Clock,
    ) -> None:
        self._exporter = exporter
        self._cut = cut
        self._clock = clock
        self._most = most
        self._queue: deque[ItemT] = deque(maxlen=most)
        self._dropped = 0

    def put(self, item: ItemT) -> None:
        """Take an item, without waiting; on any thread."""
        if len(self._queue) == self._most:
            self._dropped += 1
        self._queue.append(item)

    async def run(self) -> None:
        """Gather, keep and send until cancelled."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._exporter.run)
            group.start_soon(self._gather_forever)

    async def finish(self, *, within: float) -> None:
        """Keep all that is queued, and send what waits for at most so many seconds."""
        self._hand_over()
        await self._exporter.finish(within=within)

    def status(self) -> ExporterStatus:
        """How it is."""
        return self._exporter.status()

    def samples(self) -> Iterable[Sample]:
        """The exporter's, and what is queued and was given up."""
        yield from self._exporter.samples()
        yield Sample("dialtone_queue_depth", (self._exporter.name,), len(self._queue))
        yield Sample("dialtone_queue_dropped_total", (self._exporter.name, "full"), self._dropped)

    async def _gather_forever(self) -> None:
        while True:
            await self._clock.sleep(GATHER)
            if not self._exporter.is_keeping:
                self._hand_over()

    def _hand_over(self) -> None:
        items = tuple(self._queue.popleft() for _ in range(len(self._queue)))
        if items:
            self._exporter.take(self._cut(items))
