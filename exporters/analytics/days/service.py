"""Days for other programs, put together: the desk that hands them out, and the folder where one is wanted."""

from collections.abc import Callable, Iterable
from pathlib import Path

import anyio

from exporters.analytics.days.desk import EXPORT, DayDesk
from exporters.analytics.days.folder import Folder, FolderStatus
from exporters.analytics.reader import Reader
from exporters.analytics.settings import AnalyticsSettings
from exporters.analytics.sql.snapshots import Snapshots
from integrations.clock import Clock
from integrations.samples import Sample
from integrations.signals import Signal

_TICK = 5.0


class DayService:
    """Owns both, for as long as analytics runs. `directory` is the one of analytics."""

    def __init__(
        self,
        directory: Path,
        *,
        reader: Reader,
        snapshots: Snapshots,
        settings: AnalyticsSettings,
        clock: Clock,
        publish: Callable[[Signal], None],
    ) -> None:
        self.desk = DayDesk(
            directory / "days",
            archive=directory / "archive",
            reader=reader,
            snapshots=snapshots,
            settings=settings,
            clock=clock,
            publish=publish,
        )
        self._folder = (
            Folder(Path(settings.folder), days=self.desk, seconds=settings.folder_seconds, clock=clock)
            if settings.folder
            else None
        )
        self._clock = clock

    async def run(self) -> None:
        """Look after the folder and the process until cancelled."""
        await self.desk.sweep()
        async with anyio.create_task_group() as group:
            group.start_soon(self._reap)
            if self._folder is not None:
                group.start_soon(self._folder.run)

    async def aclose(self) -> None:
        """End the process."""
        await self.desk.aclose()

    def status(self) -> FolderStatus | None:
        """Return how the folder is; None where none is wanted."""
        return self._folder.status() if self._folder else None

    def samples(self) -> Iterable[Sample]:
        """Exports by result, and the folder."""
        for result, count in self.desk.results.items():
            yield Sample("dialtone_analytics_queries_total", (EXPORT, result), count)
        if self._folder is not None:
            yield from self._folder.samples()

    async def _reap(self) -> None:
        while True:
            await self._clock.sleep(_TICK)
            await self.desk.reap()
