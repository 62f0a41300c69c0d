"""The writer: owns the only write connection; opens, loads, checkpoints, and says what is wrong."""

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TypeVar

import duckdb
import structlog

from exporters.analytics.archive.sealed import Archive
from exporters.analytics.database import (
    REOPENS,
    Database,
    break_off,
    damaged_files,
    open_database,
    reason,
    set_aside,
)
from exporters.analytics.loader import Loader
from exporters.analytics.migrations import bundled_steps, migrate
from exporters.analytics.rollups.upkeep import RollupUpkeep
from exporters.analytics.segments import Segment
from exporters.analytics.settings import AnalyticsSettings, AnalyticsUnavailable, CheckpointHeldUp
from exporters.analytics.spool import Spool
from exporters.analytics.views import install_views
from integrations.clock import Clock
from integrations.signals import Signal

T = TypeVar("T")

log = structlog.get_logger("dialtone.analytics")

# Bound one transaction, and with it its memory and how long a stop or a reader of the newest rows waits.
_SEGMENTS = 64
_ROWS = 300_000
_PROBE_SECONDS = 10.0
_HELD_UP_SECONDS = 1.0
"""After which a checkpoint is tried again that did not come about."""
_KEPT_BYTES = 1 << 20
"""What DuckDB may remember of its file from one checkpoint to the next. Without a bound it grew until
`memory_bytes`; queries of a day and of a month take the same CPU whether it remembers anything or not.
"""


class Writer:
    """Moves the spool's sealed segments into hot.duckdb. Its methods run on one thread at a time.

    `problem` says why it is off, or is empty. `set_aside` names damaged files that were renamed. `file_bytes`
    is what the database and its log took when they were last looked at. `kept` is where copies are of what
    the file alone holds.
    """

    def __init__(
        self,
        directory: Path,
        spool: Spool,
        *,
        clock: Clock,
        settings: AnalyticsSettings,
        steps: Sequence[str] | None = None,
        opener: Callable[..., tuple[Database, tuple[str, ...]]] = open_database,
    ) -> None:
        self.path = directory / "hot.duckdb"
        self.database: Database | None = None
        self.problem = "not started"
        self.set_aside: tuple[str, ...] = ()
        self.rows: Counter[str] = Counter()
        self.lost: Counter[str] = Counter()
        self.load_seconds = 0.0
        self.file_bytes: Mapping[str, int] = {}
        self.checkpointed_at: float | None = None
        self.archive: Archive | None = None
        self.kept = (directory / "kept").absolute()
        self.rollups = RollupUpkeep(kept=self.kept, clock=clock, retention=settings.retention)
        self._spool = spool
        self._spool_directory = directory / "spool"
        self._clock = clock
        self._settings = settings
        self._steps = bundled_steps() if steps is None else steps
        self._opener = opener
        self._loader: Loader | None = None
        self._damaged = False
        self._checkpoint_due = 0.0
        self._probe_due = 0.0

    def is_due(self) -> bool:
        """Whether there is anything to do; may be asked from any thread."""
        now = self._clock.monotonic()
        return (
            self._loader is None
            or bool(self._spool.sealed)
            or self.rollups.is_due()
            or now >= min(self._checkpoint_due, self._probe_due)
        )

    def step(self) -> None:
        """Open the file if need be, load what is sealed, and checkpoint when it is time.

        Raises:
            AnalyticsUnavailable: nothing can be written now; `problem` holds the message.
        """
        with self._failing():
            loader = self._loader or self._open()
            self._load(loader)
            self._look_after(loader)
            self.rollups.step()
            self._note_kept()
        self._say("")

    def position(self) -> int | None:
        """Return how far the log of stored signals is copied; None while the file is closed."""
        loader = self._loader
        return loader.position if loader else None

    def copy(self, stored: Sequence[tuple[int, Signal]]) -> None:
        """Copy a page of the log of stored signals; nothing happens while the file is closed.

        Raises:
            AnalyticsUnavailable: as step.
        """
        if loader := self._loader:
            with self._failing():
                self._check_disk()
                loader.copy(stored)
                self._count(loader)

    def align(self, end: int) -> None:
        """Go on from the end of the log of stored signals, when what is copied lies beyond it; as copy."""
        if loader := self._loader:
            with self._failing():
                loader.align(end)

    def with_archive(self, work: Callable[[Archive], T]) -> T | None:
        """Do something with the archive; None, and nothing is done, while the file is closed.

        Raises:
            AnalyticsUnavailable: as step.
        """
        if self.archive is None:
            return None
        with self._failing():
            found = work(self.archive)
            self._note_archive(self.archive)
            return found

    def checkpoint(self) -> None:
        """Checkpoint now, and remove the segments that it holds.

        Raises:
            AnalyticsUnavailable: when the disk has too little room.
            CheckpointHeldUp: a reader is in the way; it is tried again soon.
        """
        if self._loader is None:
            return
        self._check_disk()
        self._checkpoint_due = self._clock.monotonic() + _HELD_UP_SECONDS
        self._spool.removed_bytes += self._loader.checkpoint()
        self._checkpoint_due = self._clock.monotonic() + self._settings.checkpoint_seconds
        self.checkpointed_at = self._clock.time()
        if self.database:
            self.database.shed(kept_bytes=_KEPT_BYTES, memory_bytes=self._settings.memory_bytes)

    def catch_up(self) -> None:
        """Load what is in segments, sealed or not, as far as one transaction goes; no more than that.

        Raises:
            AnalyticsUnavailable: as step.
        """
        if loader := self._loader:
            self._spool.seal(everything=True)
            with self._failing():
                self._load_next(loader)

    def flush(self) -> Path:
        """Load what is in segments and write all of it into the file itself; return the file.

        Raises:
            AnalyticsUnavailable: as step.
        """
        self._spool.seal(everything=True)
        self.step()
        with self._failing():
            self.checkpoint()
        return self.path

    def finish(self) -> None:
        """Load what is left, and checkpoint.

        Raises:
            AnalyticsUnavailable: as step.
        """
        self._checkpoint_due = self._clock.monotonic()
        self.step()

    def interrupt(self) -> None:
        """Break off what runs, from another thread."""
        database = self.database
        if database:
            break_off(database.connection)

    def close(self, why: str = REOPENS) -> None:
        """Let go of the file; its readers are told why. What is loaded and not checkpointed stays in the log
        and in its segments, which the next opening holds against the ledger again.
        """
        if self._loader:
            self._spool.sealed.extendleft(reversed(self._loader.held))
        database, self.database, self._loader, self.archive = self.database, None, None, None
        self.rollups.close()
        if database:
            database.close(why)

    def _open(self) -> Loader:
        self._check_disk()
        if self._damaged:
            self._put_away(damaged_files(self.path, duckdb.Error("Corrupt database file")))
            self._damaged = False
        database = self._open_file()
        try:
            now = datetime.fromtimestamp(self._clock.time(), UTC).replace(tzinfo=None)
            database = migrate(database, self._steps, reopen=self._open_file, now=now)
            archive = self._open_archive(database)
            install_views(database.connection)
            self.rollups.open(database.connection)
            self._loader = Loader(
                database.connection, archive=archive, spool=self._spool_directory, clock=self._clock
            )
        except BaseException:
            database.close()
            raise
        self.database, self.archive = database, archive
        self._checkpoint_due = self._clock.monotonic() + self._settings.checkpoint_seconds
        return self._loader

    def _open_archive(self, database: Database) -> Archive:
        archive = Archive(database.connection, self.path.with_name("archive").absolute(), clock=self._clock)
        archive.open()
        self._note_archive(archive)
        return archive

    def _open_file(self) -> Database:
        database, aside = self._opener(
            self.path, memory_bytes=self._settings.memory_bytes, stamp=self._stamp()
        )
        self._note(aside)
        return database

    def _load(self, loader: Loader) -> None:
        has_loaded = False
        while self._load_next(loader):
            has_loaded = True
            # Within a backlog too, or its segments would fill the spool.
            self._checkpoint_when_long()
        if has_loaded and self.database:
            self.database.trim(memory_bytes=self._settings.memory_bytes)

    def _load_next(self, loader: Loader) -> bool:
        """Load what one transaction takes; False when there is nothing."""
        segments = self._next()
        if not segments:
            return False
        self._check_disk()
        started = self._clock.monotonic()
        loader.load(segments)
        for _ in segments:
            self._spool.sealed.popleft()
        self.load_seconds = self._clock.monotonic() - started
        self._count(loader)
        return True

    def _next(self) -> Sequence[Segment]:
        """Return the segments that one transaction takes."""
        segments: list[Segment] = []
        for segment in islice(self._spool.sealed.copy(), _SEGMENTS):
            segments.append(segment)
            if sum(one.rows for one in segments) >= _ROWS:
                break
        return segments

    def _look_after(self, loader: Loader) -> None:
        now = self._clock.monotonic()
        if now >= self._probe_due:
            self._probe_due = now + _PROBE_SECONDS
            self._check_disk()
            loader.probe()
            self.file_bytes = {"database": self.path.stat().st_size, "log": self._log_bytes()}
        if now >= self._checkpoint_due:
            self._checkpoint_if_free()
        self._checkpoint_when_long()

    def _checkpoint_when_long(self) -> None:
        if self._log_bytes() >= self._settings.checkpoint_bytes:
            self._checkpoint_if_free()

    def _checkpoint_if_free(self) -> None:
        """Until no reader is in the way, rows stay in the log and in their segments, which are safe too."""
        with contextlib.suppress(CheckpointHeldUp):
            self.checkpoint()

    def _log_bytes(self) -> int:
        try:
            return self.path.with_name(f"{self.path.name}.wal").stat().st_size
        except FileNotFoundError:
            return 0

    def _check_disk(self) -> None:
        """Raises: AnalyticsUnavailable below the floor, because a full disk can ruin a checkpoint."""
        if problem := self._spool.disk_problem():
            raise AnalyticsUnavailable(problem)

    def _count(self, loader: Loader) -> None:
        self.rows.update(loader.rows)
        self.lost.update(loader.lost)
        loader.rows.clear()
        loader.lost.clear()

    @contextlib.contextmanager
    def _failing(self) -> Iterator[None]:
        """Say what went wrong, and close the file after an error. It stays open for its readers when nothing
        was tried, because the disk has too little room.
        """
        try:
            yield
        except CheckpointHeldUp:
            raise
        except (duckdb.Error, OSError, AnalyticsUnavailable) as error:
            self._damaged = isinstance(error, duckdb.Error) and bool(damaged_files(self.path, error))
            if not isinstance(error, AnalyticsUnavailable):
                self.close()
            self._say(reason(error))
            raise AnalyticsUnavailable(self.problem) from error

    def _put_away(self, files: list[Path]) -> None:
        self._note(set_aside([file for file in files if file.exists()], self._stamp()))

    def _note(self, aside: Sequence[str]) -> None:
        if aside:
            self.set_aside += tuple(aside)
            log.error("analytics_file_damaged", set_aside=list(aside), directory=str(self.path.parent))

    def _note_archive(self, archive: Archive) -> None:
        self.set_aside += tuple(archive.set_aside)
        archive.set_aside.clear()

    def _note_kept(self) -> None:
        self.set_aside += tuple(self.rollups.set_aside)
        self.rollups.set_aside.clear()

    def _say(self, problem: str) -> None:
        if problem != self.problem:
            log.warning("analytics_off", reason=problem) if problem else log.info("analytics_on")
        self.problem = problem

    def _stamp(self) -> str:
        return datetime.fromtimestamp(self._clock.time(), UTC).strftime("%Y%m%dT%H%M%S.%fZ")
