"""The spool: signals become lines in segments, on a thread of their own. A row is acknowledged when its
write(2) has returned.
"""

import os
import shutil
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from exporters.analytics.segments import (
    OPEN,
    Names,
    OpenSegment,
    Segment,
    lock_directory,
    recover,
    sync_directory,
)
from exporters.analytics.settings import AnalyticsSettings, Durability
from exporters.analytics.tables import TABLES
from integrations.clock import Clock
from integrations.signals import Signal

SEAL_SECONDS = 10.0
SOON_SECONDS, SOON_ROWS = 1.0, 2_000
SEAL_ROWS = 20_000
SEAL_BYTES = 8 << 20
"""A segment is sealed after 10 s, after one when it has two thousand rows, at once when it has many: to load
any takes 8 ms of CPU, and 5 us for a check more. Who reads has all of them sealed (catching_up.py). What is
to survive a power cut a second later is sealed then, because that syncs it.
"""

# Encoding holds the interpreter's lock, so it is cut into slices of about half a millisecond.
_SLICE = 400
_DISK_SECONDS = 1.0


class Spool:
    """Writes signals and hands sealed segments on through `sealed`.

    Writing and sealing take turns, from whatever thread; counts may be read from any. `skip` are kinds that
    reach DuckDB on another way. Rows that cannot be kept are counted in `dropped` by table and reason:
    `unencodable`, `spool_full` (over `spool_bytes`), `disk`, `write_failed`.
    """

    def __init__(
        self,
        directory: Path,
        *,
        clock: Clock,
        settings: AnalyticsSettings,
        skip: frozenset[type[msgspec.Struct]] = frozenset(),
        write: Callable[[int, bytes], int] = os.write,
        flush: Callable[[int], None] = os.fsync,
        free: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free,
    ) -> None:
        self.sealed: deque[Segment] = deque()
        self.acknowledged: Counter[str] = Counter()
        self.dropped: Counter[tuple[str, str]] = Counter()
        self.problem = ""
        self.removed_bytes = 0
        self._directory = directory
        self._clock = clock
        self._settings = settings
        self._soon_rows = 1 if settings.durability is Durability.FSYNC_1S else SOON_ROWS
        self._skip = skip
        self._write = write
        self._flush = flush
        self._free = free
        self._encoder = msgspec.json.Encoder()
        self._names = Names(directory, clock)
        self._open: dict[str, OpenSegment] = {}
        self._turn = threading.Lock()
        self._lock: int | None = None
        self._written_bytes = 0
        self._disk_due = float("-inf")

    @property
    def size(self) -> int:
        """How much of the disk segments take: written and not removed yet."""
        return self._written_bytes - self.removed_bytes

    @property
    def oldest(self) -> float | None:
        """UTC seconds before which no row waits in an open or sealed segment."""
        segments: list[OpenSegment | Segment] = [*self._open.copy().values(), *self.sealed.copy()]
        waiting = [segment.opened for segment in segments]
        return min(waiting, default=None)

    def recover(self) -> None:
        """Take the directory for this process, with what an earlier one left in it.

        Raises:
            OSError: when another process has it or it cannot be used; `problem` says so.
        """
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            self._lock = self._lock or lock_directory(self._directory)
            found = list(recover(self._directory))
        except OSError as error:
            self.problem = f"cannot use {self._directory}: {error.strerror}"
            raise
        self.problem = ""
        self._written_bytes += sum(segment.size for segment in found)
        self.sealed.extend(found)

    def close(self) -> None:
        """Let go of the directory."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def write(self, batch: Iterable[Signal]) -> None:
        """Put a batch on disk, one write a table, and seal what is due. Whatever it raises, the rows that
        are lost by it are counted.
        """
        with self._turn:
            left = self._by_table(batch)
            try:
                for table, signals in tuple(left.items()):
                    if reason := self._refusal():
                        self.dropped[table, reason] += len(signals)
                    else:
                        self._append(table, signals)
                    del left[table]
            finally:
                for table, signals in left.items():
                    self.dropped[table, "write_failed"] += len(signals)
        self.seal()

    def is_due(self) -> bool:
        """Whether a segment is old, long or large enough."""
        now = self._clock.monotonic()
        return any(self._is_complete(segment, now) for segment in self._open.copy().values())

    def seal(self, *, everything: bool = False) -> None:
        """Seal all segments once one is old, long or large enough, so that they are loaded together."""
        with self._turn:
            if not self._open or not (everything or self.is_due()):
                return
            for table in tuple(self._open):
                self._seal(self._open.pop(table))
            if self._settings.durability is not Durability.OS:
                sync_directory(self._directory)

    def _by_table(self, batch: Iterable[Signal]) -> dict[str, list[Signal]]:
        groups: dict[str, list[Signal]] = {}
        for signal in batch:
            kind = type(signal)
            if kind not in self._skip:
                groups.setdefault(TABLES[kind], []).append(signal)
        return groups

    def _refusal(self) -> str:
        if self._clock.monotonic() >= self._disk_due:
            self._disk_due = self._clock.monotonic() + _DISK_SECONDS
            self.problem = self.disk_problem()
        if self.problem:
            return "disk"
        return "spool_full" if self.size >= self._settings.spool_bytes else ""

    def disk_problem(self) -> str:
        """Return why nothing may be written now, or nothing."""
        try:
            free = self._free(self._directory)
        except OSError as error:
            return f"cannot look at {self._directory}: {error.strerror}"
        if free < self._settings.disk_floor:
            return f"{free >> 20} MiB are free, less than analytics.disk_floor; make room on the disk"
        return ""

    def _append(self, table: str, signals: Sequence[Signal]) -> None:
        slices = [signals[at : at + _SLICE] for at in range(0, len(signals), _SLICE)]
        data = b"".join([self._encoded(table, part) for part in slices])
        rows = data.count(b"\n")
        sync = self._settings.durability is Durability.FSYNC_TICK
        try:
            segment = self._open.get(table) or self._start(table)
            segment.append(data, rows, sync=sync)
        except OSError as error:
            self.problem = f"cannot write to {self._directory}: {error.strerror}"
            self._disk_due = self._clock.monotonic() + _DISK_SECONDS
            self.dropped[table, "write_failed"] += rows
            return
        self._written_bytes += len(data)
        self.acknowledged[table] += rows

    def _start(self, table: str) -> OpenSegment:
        path = self._names.next(table, OPEN)
        self._open[table] = OpenSegment(path, table, clock=self._clock, write=self._write, flush=self._flush)
        if self._settings.durability is not Durability.OS:
            sync_directory(self._directory)
        return self._open[table]

    def _encoded(self, table: str, signals: Sequence[Signal]) -> bytes:
        try:
            return self._encoder.encode_lines(signals)
        except (ValueError, TypeError, OverflowError):
            return b"".join(self._encoded_singly(table, signals))

    def _encoded_singly(self, table: str, signals: Sequence[Signal]) -> Iterator[bytes]:
        for signal in signals:
            try:
                yield self._encoder.encode(signal) + b"\n"
            except (ValueError, TypeError, OverflowError):
                self.dropped[table, "unencodable"] += 1

    def _seal(self, segment: OpenSegment) -> None:
        try:
            sealed = segment.seal(sync=self._settings.durability is not Durability.OS)
        except OSError as error:
            # The file stays where it is, and the next start takes it over.
            self.problem = f"cannot seal {segment.path.name}: {error.strerror}"
            return
        if sealed:
            self.sealed.append(sealed)

    def _is_complete(self, segment: OpenSegment, now: float) -> bool:
        age = now - segment.since
        is_long = segment.rows >= SEAL_ROWS or segment.size >= SEAL_BYTES
        return is_long or age >= SEAL_SECONDS or (age >= SOON_SECONDS and segment.rows >= self._soon_rows)
