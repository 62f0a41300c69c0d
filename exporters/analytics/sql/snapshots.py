"""Snapshots: whole copies of hot.duckdb that other processes and programs may read while Dialtone writes on.

`snapshots/hot-<time>.duckdb` never changes once it is there; `snapshots/latest.duckdb` is a link to the
newest, swapped in one step. The newest two are kept, so that who is just opening one finds it.
"""

import contextlib
import math
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import anyio
import anyio.to_thread

from exporters.analytics.settings import AnalyticsUnavailable, CheckpointHeldUp
from integrations.clock import Clock

FRESH_SECONDS = 8.0
"""With the moment that rows wait to be loaded, an answer misses at most what the last ten seconds brought."""

LINK = "latest.duckdb"
_COPY_SECONDS = 120.0
_WAIT_SECONDS = 30.0
_AGAIN = 0.25
_KEPT = 2
_SHARE = 10
"""A snapshot is used for at least so many times as long as making it took, so that a large file is not copied
without end.
"""

_NO_FIRST = (
    "the first copy of the data cannot be made while a backtest, a report or a query that began earlier "
    "still reads; try again when it has ended, or end it "
    "(dialtone query --running lists them, --cancel ID ends one)"
)
_COPYING = Path(__file__).with_name("copying.py")


class Snapshot(NamedTuple):
    """A copy, and when it was begun (UTC seconds): rows that were loaded by then are in it."""

    path: Path
    at: float


class Snapshots:
    """Gives out a fresh snapshot, and makes one when the newest is too old.

    `flush` brings all that is sealed into the file and returns it; it and the copy run on the writer's thread
    (`thread`), so nothing is written meanwhile.
    """

    def __init__(
        self,
        directory: Path,
        *,
        flush: Callable[[], Path],
        thread: anyio.CapacityLimiter,
        clock: Clock,
        disk_floor: int,
    ) -> None:
        self.directory = directory
        self._flush = flush
        self._thread = thread
        self._clock = clock
        self._disk_floor = disk_floor
        self._newest: Snapshot | None = None
        self._use_until = 0.0
        self._lock = anyio.Lock()

    async def fresh(self, *, patience: float = _WAIT_SECONDS) -> Snapshot:
        """Return a snapshot that is at most 8 s old, or as old as ten times what copying the file takes.

        The first is waited for, `patience` seconds at most, while a reader keeps the rows out of the file.

        Raises:
            AnalyticsUnavailable: when there can be none now; the message says why.
        """
        until = self._clock.monotonic() + patience
        with anyio.move_on_after(max(patience, _WAIT_SECONDS) + _AGAIN):
            async with self._lock:
                if self._newest is None or self._clock.monotonic() >= self._use_until:
                    self._newest = await self._newer(until)
                return self._newest
        raise AnalyticsUnavailable("the writer is busy, and no snapshot can be made; try again in a moment")

    async def _newer(self, until: float) -> Snapshot:
        """The one before, with its own time, has to do while a reader keeps the rows out of the file."""
        while True:
            try:
                return await anyio.to_thread.run_sync(self._make, limiter=self._thread)
            except CheckpointHeldUp as error:
                if self._newest is not None:
                    return self._newest
                if self._clock.monotonic() + _AGAIN > until:
                    raise AnalyticsUnavailable(_NO_FIRST) from error
            await self._clock.sleep(_AGAIN)

    async def replace_before(self, at: float) -> None:
        """Let no copy stay that was made before a time (UTC seconds), because it names what is to go; where
        none can be made anew there is none for now.
        """
        async with self._lock:
            old = await anyio.to_thread.run_sync(self._made_before, at)
            if not old:
                return
            if self._newest is None or self._newest.at < at:
                self._newest = None
                with contextlib.suppress(AnalyticsUnavailable):
                    self._newest = await anyio.to_thread.run_sync(self._make, limiter=self._thread)
            await anyio.to_thread.run_sync(self._remove, old)

    def age(self) -> float:
        """Return how many seconds old the newest is; infinity before the first."""
        return self._clock.time() - self._newest.at if self._newest else math.inf

    def _make(self) -> Snapshot:
        started, at = self._clock.monotonic(), self._clock.time()
        try:
            path = self._copy(self._flush(), at)
        except (OSError, subprocess.SubprocessError) as error:
            raise AnalyticsUnavailable(f"no snapshot could be made: {type(error).__name__}") from error
        took = self._clock.monotonic() - started
        self._use_until = started + max(FRESH_SECONDS, _SHARE * took)
        return Snapshot(path, at)

    def _copy(self, source: Path, at: float) -> Path:
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._check_disk(source.stat().st_size)
        part = self.directory / f"{self._stamped(at)}.part"
        try:
            subprocess.run(  # noqa: S603 - our own program and our own names
                [sys.executable, "-I", "-S", str(_COPYING), str(source), str(part)],
                check=True,
                timeout=_COPY_SECONDS,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={},
            )
            path = part.rename(part.with_suffix(".duckdb"))
        finally:
            part.unlink(missing_ok=True)
        self._point_to(path)
        self._forget_old()
        return path

    @staticmethod
    def _stamped(at: float) -> str:
        return datetime.fromtimestamp(at, UTC).strftime("hot-%Y%m%dT%H%M%S.%f")

    def _made_before(self, at: float) -> list[Path]:
        return [path for path in self.directory.glob("hot-*.duckdb") if path.name < self._stamped(at)]

    def _remove(self, old: Iterable[Path]) -> None:
        for path in old:
            path.unlink(missing_ok=True)
        link = self.directory / LINK
        if not link.exists():
            link.unlink(missing_ok=True)

    def _check_disk(self, size: int) -> None:
        free = shutil.disk_usage(self.directory).free
        if free - size < self._disk_floor:
            raise AnalyticsUnavailable(
                f"a snapshot needs {size:,} bytes, and the disk has {free:,} free of which "
                f"{self._disk_floor:,} stay so (analytics.disk_floor)"
            )

    def _point_to(self, path: Path) -> None:
        link = self.directory / f"{LINK}.part"
        link.unlink(missing_ok=True)
        link.symlink_to(path.name)
        link.rename(self.directory / LINK)

    def _forget_old(self) -> None:
        made = sorted(self.directory.glob("hot-*.duckdb"))
        for old in (*made[:-_KEPT], *self.directory.glob("hot-*.part")):
            old.unlink(missing_ok=True)
