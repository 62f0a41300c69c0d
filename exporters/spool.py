"""The spool of one push exporter: requests that an intake has not taken yet, as files that survive kill -9.

A batch is one file `<number>-<part>.batch`: a magic word, CRC-32 and lengths, a JSON head, the body. It is
written beside, synced, and renamed, so a torn one has no name. Used by one thread at a time.
"""

import os
import re
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import structlog

from integrations.clock import Clock

_MAGIC = b"DTX1"
_LEAD = struct.Struct(">4sIII")
_NAME = re.compile(r"(\d{16})-(\d{4})\.batch")
_MAX_PARTS = 10_000

log = structlog.get_logger("dialtone.exporters")


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """What one request to an intake carries. `route` names which of the intake's addresses it is for, and
    `headers` describe the body; a key is never among them. `points` is how many data points it holds,
    `cut_at` when their window ended (UTC seconds).
    """

    route: str
    body: bytes
    headers: Mapping[str, str]
    points: int
    cut_at: float


class Kept(NamedTuple):
    """A batch in the spool."""

    path: Path
    batch: Batch


class _Head(msgspec.Struct, frozen=True):
    route: str
    headers: dict[str, str]
    points: int
    cut_at: float


class _Entry(NamedTuple):
    size: int
    points: int
    cut_at: float


class Spool:
    """Keeps batches in order, at most `limit` bytes of them and each for `keep` seconds.

    What is given up (the oldest when it is full, what is too old, what is damaged) is counted by its reason
    in `dropped`, in data points.
    """

    def __init__(self, directory: Path, *, limit: int, keep: float, clock: Clock) -> None:
        self._directory = directory
        self._limit = limit
        self._keep = keep
        self._clock = clock
        self._entries: dict[Path, _Entry] = {}
        self._next = 1
        self.bytes = 0
        self.dropped: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def oldest(self) -> float | None:
        """When the window of the oldest batch ended, as UTC seconds; None when nothing waits."""
        entry = next(iter(self._entries.values()), None)
        return entry.cut_at if entry else None

    def open(self) -> None:
        """Find what an earlier process left.

        Raises:
            OSError: when the directory cannot be used.
        """
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        for path in sorted(self._directory.iterdir()):
            named = _NAME.fullmatch(path.name)
            if named is None:
                if path.suffix == ".part":
                    path.unlink()
                continue
            self._next = max(self._next, int(named[1]) + 1)
            batch = self._read(path)
            if batch is not None:
                self._enter(path, batch)

    def append(self, batches: Sequence[Batch]) -> None:
        """Keep the batches of one window; when it returns, all of them survive the process and the machine.

        Raises:
            OSError: none of them is kept then.
        """
        self._store(batches, number=self._next)
        self._next += 1
        self._make_room()

    def first(self) -> Kept | None:
        """The oldest batch that can still be sent."""
        for path, entry in list(self._entries.items()):
            if entry.cut_at + self._keep <= self._clock.time():
                self._drop(path, "expired")
                continue
            batch = self._read(path)
            if batch is not None:
                return Kept(path, batch)
            self._forget(path)
        return None

    def remove(self, kept: Kept) -> None:
        """Forget a batch that the intake has taken."""
        self._forget(kept.path)
        kept.path.unlink(missing_ok=True)

    def drop(self, kept: Kept, reason: str) -> None:
        """Give a batch up, and count its points."""
        self._drop(kept.path, reason)

    def replace(self, kept: Kept, parts: Sequence[Batch]) -> None:
        """Put smaller batches in the place of one that is too large. A crash in between leaves both: the
        intake may then see points twice, and none is lost.

        Raises:
            OSError: the large one is kept then.
        """
        number, part = (int(text) for text in kept.path.stem.split("-"))
        places = [each for each in range(_MAX_PARTS) if not self._path(number, each).exists() and each > part]
        if len(places) < len(parts):
            self.drop(kept, "too_large")
            return
        self._store(parts, number=number, places=places[: len(parts)])
        self.remove(kept)
        self._entries = dict(sorted(self._entries.items()))

    def _store(self, batches: Sequence[Batch], *, number: int, places: Sequence[int] | None = None) -> None:
        stored: list[tuple[Path, Batch]] = []
        try:
            for place, batch in zip(places or range(len(batches)), batches, strict=True):
                path = self._path(number, place)
                stored.append((path, batch))
                _write(path, batch)
            _sync_directory(self._directory)
        except OSError:
            for path, _ in stored:
                path.unlink(missing_ok=True)
                path.with_suffix(".part").unlink(missing_ok=True)
            raise
        for path, batch in stored:
            self._enter(path, batch)

    def _make_room(self) -> None:
        for path in list(self._entries):
            if self.bytes <= self._limit:
                return
            self._drop(path, "full")

    def _path(self, number: int, place: int) -> Path:
        return self._directory / f"{number:016d}-{place:04d}.batch"

    def _enter(self, path: Path, batch: Batch) -> None:
        size = path.stat().st_size
        self._entries[path] = _Entry(size, batch.points, batch.cut_at)
        self.bytes += size

    def _forget(self, path: Path) -> None:
        entry = self._entries.pop(path, None)
        self.bytes -= entry.size if entry else 0

    def _drop(self, path: Path, reason: str) -> None:
        entry = self._entries.get(path)
        self.count(reason, entry.points if entry else 0)
        self._forget(path)
        path.unlink(missing_ok=True)

    def count(self, reason: str, points: int) -> None:
        """Count points that were given up."""
        self.dropped[reason] = self.dropped.get(reason, 0) + points

    def _read(self, path: Path) -> Batch | None:
        """The batch of a file; a damaged file is set aside under `.bad`, for a person to look at."""
        try:
            return _decoded(path.read_bytes())
        except FileNotFoundError:
            reason = "it is gone"
        except (OSError, ValueError, msgspec.DecodeError) as error:
            reason = str(error)
            path.rename(path.with_suffix(".bad"))
        entry = self._entries.get(path)
        self.count("damaged", entry.points if entry else 0)
        log.error("a batch cannot be read and is left out", file=path.name, reason=reason)
        return None


def _write(path: Path, batch: Batch) -> None:
    partial = path.with_suffix(".part")
    with partial.open("wb") as file:
        file.writelines(_encoded(batch))
        file.flush()
        os.fsync(file.fileno())
    partial.rename(path)


def _encoded(batch: Batch) -> Iterator[bytes]:
    head = msgspec.json.encode(_Head(batch.route, dict(batch.headers), batch.points, batch.cut_at))
    check = zlib.crc32(batch.body, zlib.crc32(head))
    yield _LEAD.pack(_MAGIC, check, len(head), len(batch.body))
    yield head
    yield batch.body


def _decoded(data: bytes) -> Batch:
    if len(data) < _LEAD.size:
        raise ValueError("it is too short")
    magic, check, head_length, body_length = _LEAD.unpack_from(data)
    head_end = _LEAD.size + head_length
    if magic != _MAGIC or len(data) != head_end + body_length:
        raise ValueError("it is no batch, or not a whole one")
    if zlib.crc32(data[_LEAD.size :]) != check:
        raise ValueError("its checksum does not hold")
    head = msgspec.json.decode(data[_LEAD.size : head_end], type=_Head)
    return Batch(
        route=head.route,
        body=data[head_end:],
        headers=head.headers,
        points=head.points,
        cut_at=head.cut_at,
    )


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
