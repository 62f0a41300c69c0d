"""Writes copies anew of what has changed, beside the loading of rows, and lets go those that are over."""

from collections.abc import Mapping
from functools import partial

from exporters.analytics.beside import Beside
from exporters.analytics.kept.files import stale, tidy, write
from exporters.analytics.kept.pieces import oldest_day
from exporters.analytics.settings import Retention
from exporters.analytics.writer import Writer
from integrations.clock import Clock

_PAUSE = 0.02


class CopyKeeper:
    """Keeps copies of what is in whatever database the writer has open. `sizes` is what they take, in bytes
    by table.
    """

    def __init__(self, writer: Writer, *, beside: Beside, clock: Clock, retention: Retention) -> None:
        self._writer = writer
        self._beside = beside
        self._clock = clock
        self._retention = retention
        self.sizes: Mapping[str, int] = {}
        self._declared = 0

    def is_due(self) -> bool:
        """Whether a configuration has said something since; hours and days can wait for a sweep."""
        return self._writer.rollups.declared != self._declared

    async def keep(self) -> None:
        """Copy what has changed.

        Raises:
            AnalyticsUnavailable, duckdb.Error, OSError: some is left; every copy is whole.
        """
        declared = self._writer.rollups.declared
        folder = self._writer.kept
        oldest = oldest_day(self._retention, self._clock.time())
        for piece in await self._beside.do(partial(stale, folder=folder, oldest=oldest)):
            await self._beside.do(partial(write, piece=piece, folder=folder))
            await self._clock.sleep(_PAUSE)
        self.sizes = await self._beside.do(lambda _: tidy(folder, oldest=oldest))
        self._declared = declared
