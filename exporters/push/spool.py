"""The spool of one push exporter: requests that an intake has not taken yet, as files that survive kill -9.

A batch is one file `<number>-<part>-<points>.batch` (batchfile.py); its name tells how many points are lost
when it is damaged. While the disk refuses, batches are held in memory, so that an intake that works still
gets them. Used by one thread at a time.
"""

import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import structlog

from exporters.push.batchfile import Batch, Stored, read_batch, sync_directory, write_batch
from integrations.clock import Clock

IN_MEMORY = 16 << 20
"""Bytes that are held in memory while the disk refuses."""
MOST_DAMAGED = 8
"""Damaged files that are left for a person to look at."""
_NAME = re.compile(r"(\d{16})-(\d{4})(?:-(\d+))?\.batch")
_MAX_PARTS = 10_000

log = structlog.get_logger("dialtone.exporters")


class Kept(NamedTuple):
    """A batch in the spool."""

    path: Path
    batch: Batch


class _Entry(NamedTuple):
    size: int
    points: int
    cut_at: float
    until: float


class _Place(NamedTuple):
    """Where a batch stands in the order, and how many points its file's name promises."""

    number: int
    part: int
    points: int


class Spool:
    """Keeps batches in order, at most `limit` bytes of them and each for `keep` seconds.

    What is given up (the oldest when it is full, what is too old, what is damaged) is counted by its reason
    in `dropped`, in data points. `trouble` says why the disk refuses, and is empty while it does not.
    """

    def __init__(
        self, directory: Path, *, limit: int, keep: float, clock: Clock, in_memory: int = IN_MEMORY
    ) -> None:
        self._directory = directory
        self._limit = limit
        self._keep = keep
        self._clock = clock
        self._in_memory = in_memory
        self._entries: dict[Path, _Entry] = {}
        self._held: dict[Path, Batch] = {}
        self._in_hand: Path | None = None
        self._number = 0
        self._is_open = False
        self.bytes = 0
        self.points = 0
        self.dropped: dict[str, int] = {}
        self.trouble = ""

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def oldest(self) -> float | None:
        """When the window of the oldest batch ended, as UTC seconds; None when nothing waits."""
        entry = next(iter(list(self._entries.values())), None)
        return entry.cut_at if entry else None

    @property
    def held(self) -> int:
        """How many points are in memory only."""
        return sum(batch.points for batch in list(self._held.values()))

    def open(self) -> None:
        """Find what an earlier process left; once it is found, this does nothing. A disk that refuses is
        told of in `trouble`, and asked again with each window.
        """
        try:
            self._open()
        except OSError as error:
            self._note(error)

    def append(self, batches: Sequence[Batch]) -> None:
        """Keep the batches of one window: when it returns, all of them survive the process and the machine,
        or are held in memory while the disk refuses.

        Raises:
            OSError: none of them is kept, because the disk refuses and there is too much in memory already.
        """
        self._number = max(self._number + 1, int(self._clock.time() * 1000))
        paths = [self._path(self._number, part, batch.points) for part, batch in enumerate(batches)]
        placed = dict(zip(paths, batches, strict=True))
        try:
            self._open()
            self._store({**self._held, **placed})
        except OSError as error:
            self._note(error)
            self._hold(placed, error)
        else:
            self._recover()
        self._make_room()

    def first(self) -> Kept | None:
        """The oldest batch that can still be sent, and that the disk gives back."""
        for path, entry in list(self._entries.items()):
            if entry.until <= self._clock.time():
                self._drop(path, "expired")
                continue
            try:
                batch = self._found(path)
            except OSError as error:
                self._note(error)
                continue
            if batch is not None:
                self._in_hand = path
                return Kept(path, batch)
            self._forget(path)
        return None

    def remove(self, kept: Kept) -> None:
        """Forget a batch that the intake has taken."""
        self._discard(kept.path)

    def drop(self, kept: Kept, reason: str) -> None:
        """Give a batch up, and count its points."""
        self._drop(kept.path, reason)

    def replace(self, kept: Kept, parts: Sequence[Batch]) -> None:
        """Put smaller batches in the place of one that is too large. A crash in between leaves both, and the
        parts are forgotten when they are found.

        Raises:
            OSError: the large one is kept then.
        """
        place = _place(kept.path)
        used = {other.part for path in self._entries if (other := _place(path)).number == place.number}
        free = [part for part in range(place.part + 1, _MAX_PARTS) if part not in used]
        if len(free) < len(parts):
            self.drop(kept, "too_large")
            return
        paths = [
            self._path(place.number, part, batch.points) for part, batch in zip(free, parts, strict=False)
        ]
        placed = dict(zip(paths, parts, strict=True))
        if kept.path in self._held:
            self._enter(placed, in_memory=True)
        else:
            self._store(placed, part_of=place.part)
        self._discard(kept.path)
        self._entries = dict(sorted(self._entries.items()))

    def count(self, reason: str, points: int) -> None:
        """Count points that were given up."""
        self.dropped[reason] = self.dropped.get(reason, 0) + points

    def give_up_held(self) -> int:
        """Give up what is in memory only, because the process ends; return how many points that is."""
        points = self.held
        for path in list(self._held):
            self._drop(path, "unwritten")
        return points

    def _found(self, path: Path) -> Batch | None:
        held = self._held.get(path)
        if held is not None:
            return held
        stored = self._read(path)
        return stored.batch if stored is not None else None

    def _open(self) -> None:
        if self._is_open:
            return
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        paths = sorted(self._directory.iterdir())
        for path in paths:
            if path.suffix == ".part":
                path.unlink()
        for path in [path for path in paths if path.suffix == ".bad"][:-MOST_DAMAGED]:
            path.unlink()
        self._find([path for path in paths if _NAME.fullmatch(path.name)])
        self._is_open = True

    def _find(self, paths: Sequence[Path]) -> None:
        """Enter what an earlier process left; a part whose large one is still there will be made anew."""
        large = {(place.number, place.part) for place in map(_place, paths)}
        for path in paths:
            number = _place(path).number
            self._number = max(self._number, number)
            try:
                stored = self._read(path)
            except OSError as error:
                self._note(error)
                continue
            if stored is None:
                continue
            if (number, stored.part_of) in large:
                path.unlink()
            else:
                self._enter({path: stored.batch})
        self._entries = dict(sorted(self._entries.items()))

    def _store(self, batches: Mapping[Path, Batch], *, part_of: int | None = None) -> None:
        """Write all of them, or none."""
        try:
            for path, batch in batches.items():
                write_batch(path, batch, part_of=part_of)
            sync_directory(self._directory)
        except OSError:
            for path in batches:
                _unlinked(path)
                _unlinked(path.with_suffix(".part"))
            raise
        self._enter(batches)

    def _hold(self, batches: Mapping[Path, Batch], error: OSError) -> None:
        if sum(len(batch.body) for batch in (*self._held.values(), *batches.values())) > self._in_memory:
            raise error
        self._enter(batches, in_memory=True)

    def _make_room(self) -> None:
        """Give the oldest up while there is too much; what is being sent is not known to be lost."""
        for path in list(self._entries):
            if self.bytes <= self._limit:
                return
            if path != self._in_hand:
                self._drop(path, "full")

    def _path(self, number: int, part: int, points: int) -> Path:
        return self._directory / f"{number:016d}-{part:04d}-{points}.batch"

    def _enter(self, batches: Mapping[Path, Batch], *, in_memory: bool = False) -> None:
        for path, batch in batches.items():
            self._forget(path)
            if in_memory:
                self._held[path] = batch
            size = len(batch.body) if in_memory else path.stat().st_size
            keep = self._keep if batch.keep is None else batch.keep
            self._entries[path] = _Entry(size, batch.points, batch.cut_at, batch.cut_at + keep)
            self.bytes += size
            self.points += batch.points

    def _forget(self, path: Path) -> None:
        self._held.pop(path, None)
        entry = self._entries.pop(path, None)
        if entry is not None:
            self.bytes -= entry.size
            self.points -= entry.points

    def _discard(self, path: Path) -> None:
        self._forget(path)
        if not _unlinked(path):
            log.error("a batch that is done with cannot be removed and may be sent again", file=path.name)

    def _drop(self, path: Path, reason: str) -> None:
        entry = self._entries.get(path)
        self.count(reason, entry.points if entry else 0)
        self._discard(path)

    def _read(self, path: Path) -> Stored | None:
        """The batch of a file; a damaged file is set aside under `.bad`, for a person to look at.

        Raises:
            OSError: the disk does not give it back now.
        """
        try:
            return read_batch(path)
        except FileNotFoundError:
            reason = "it is gone"
        except ValueError as error:
            reason = str(error)
            with suppress(OSError):
                path.rename(path.with_suffix(".bad"))
        entry = self._entries.get(path)
        self.count("damaged", entry.points if entry else _place(path).points)
        log.error("a batch cannot be read and is left out", file=path.name, reason=reason)
        return None

    def _note(self, error: OSError) -> None:
        reason = error.strerror or str(error)
        if reason != self.trouble:
            log.error("the spool cannot be written", directory=str(self._directory), reason=reason)
        self.trouble = reason

    def _recover(self) -> None:
        if self.trouble:
            log.info("the spool can be written again", directory=str(self._directory))
        self.trouble = ""


def _place(path: Path) -> _Place:
    named = _NAME.fullmatch(path.name)
    if named is None:
        raise ValueError(f"{path.name} is not the name of a batch")
    return _Place(int(named[1]), int(named[2]), int(named[3] or 0))


def _unlinked(path: Path) -> bool:
    """Remove a file that may be there; return whether it is gone. A disk that takes no writes refuses also to
    remove what never was on it.
    """
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return not os.path.lexists(path)
    return True
