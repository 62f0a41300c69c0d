"""Copies the log of stored signals into DuckDB: page by page, each with the cursor in one transaction."""

from collections.abc import Sequence
from typing import Protocol

import anyio
import anyio.to_thread

from exporters.analytics.writer import Writer
from integrations.signals import Signal

_PAGE = 1_000


class StoredSignals(Protocol):
    """The log of signals that are stored before they are published."""

    async def signals_after(self, cursor: int, limit: int) -> Sequence[tuple[int, Signal]]:
        """Return up to `limit` signals after the cursor with their positions, in order."""
        ...

    async def end(self) -> int:
        """Return the newest signal's position, 0 for an empty log."""
        ...


class Copier:
    """Copies what is new in the log. `thread` is the writer's."""

    def __init__(self, stored: StoredSignals, writer: Writer, *, thread: anyio.CapacityLimiter) -> None:
        self._stored = stored
        self._writer = writer
        self._thread = thread
        self._is_aligned = False

    def position(self) -> int | None:
        """Return how far the log is copied; None while that cannot be told."""
        return self._writer.position()

    async def copy(self) -> None:
        """Copy all that is new; the first time the cursor is brought within the log, which may have been put
        back from a backup.
        """
        self._is_aligned = self._is_aligned or await self._align()
        cursor = self.position()
        while cursor is not None:
            page = await self._stored.signals_after(cursor, _PAGE)
            if page:
                await anyio.to_thread.run_sync(self._writer.copy, page, limiter=self._thread)
            cursor = page[-1][0] if len(page) == _PAGE else None

    async def _align(self) -> bool:
        if self.position() is None:
            return False
        end = await self._stored.end()
        await anyio.to_thread.run_sync(self._writer.align, end, limiter=self._thread)
        return True
