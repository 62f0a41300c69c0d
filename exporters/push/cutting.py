"""Windows of all that there is: the table, copied on the event loop, and the process, read on a thread."""

from collections.abc import Collection, Sequence
from functools import partial

import anyio
import anyio.to_thread
from prometheus_client.registry import Collector

from exporters.copying import copied
from exporters.process import process_readings, process_registry
from exporters.push.window import Cutter, Window
from exporters.table import MetricTable, Reading
from integrations.clock import Clock


class Windows:
    """Cuts windows, one at a time. `tells_gone` and `repeats_idle` as in Cutter."""

    def __init__(
        self,
        table: MetricTable,
        *,
        clock: Clock,
        process: Collector | None = None,
        tells_gone: bool = False,
        repeats_idle: bool = False,
    ) -> None:
        self._table = table
        self._clock = clock
        self._process = process_registry() if process is None else process
        self._repeats_idle = repeats_idle
        self._cutter = Cutter(began=clock.time(), tells_gone=tells_gone, repeats_idle=repeats_idle)
        self._departed: list[Reading] = []
        self._threads = anyio.CapacityLimiter(1)
        self._turn = anyio.Lock()

    def begin(self) -> None:
        """From now on windows will be cut: what leaves the table meanwhile is kept for them."""
        self._table.keep_departed()

    async def cut(self) -> Window:
        """What came since the last window."""
        async with self._turn:
            # Kept until the window is cut: whoever is cancelled before loses nothing.
            self._departed += self._table.departed()
            readings = await copied(self._table, clock=self._clock, cut=True)
            departed, self._departed = self._departed, []
            return await self._on_thread(self._cutter, readings, departed)

    async def whole(self) -> Window:
        """All that the table has now, as a window of its own; the next one that is cut lacks nothing."""
        readings = await copied(self._table, clock=self._clock)
        cutter = Cutter(began=self._cutter.ended, repeats_idle=self._repeats_idle)
        return await self._on_thread(cutter, readings)

    def second(self, metrics: Collection[str]) -> Window:
        """Some metrics as they are now, as a window of one second."""
        now = self._clock.time()
        readings = [each for each in self._table.read() if each.family.name in metrics]
        return Cutter(began=now - 1).cut(readings, at=now)

    async def _on_thread(
        self, cutter: Cutter, readings: Sequence[Reading], departed: Sequence[Reading] = ()
    ) -> Window:
        at = self._clock.time()
        return await anyio.to_thread.run_sync(
            partial(self._cut, cutter, readings, departed, at=at), limiter=self._threads
        )

    def _cut(
        self, cutter: Cutter, readings: Sequence[Reading], departed: Sequence[Reading], *, at: float
    ) -> Window:
        """Cut; the process is read from files, so this is for a thread."""
        return cutter.cut([*readings, *process_readings(self._process)], at=at, departed=departed)
