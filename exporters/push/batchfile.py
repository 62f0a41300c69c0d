"""The file of one batch: a magic word, CRC-32 and lengths, a JSON head, the body.

It is written beside its name, synced, and renamed, so a torn one has no name.
"""

import os
import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

_MAGIC = b"DTX1"
_LEAD = struct.Struct(">4sIII")


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """What one request to an intake carries. `route` names which of the intake's addresses it is for, and
    `headers` describe the body; a key is never among them. `points` is how many data points it holds,
    `cut_at` when their window ended (UTC seconds). `keep` is for how many seconds it may be sent where that
    is less than for others of its intake.
    """

    route: str
    body: bytes
    headers: Mapping[str, str]
    points: int
    cut_at: float
    keep: float | None = None


class Stored(NamedTuple):
    """What a file holds; `part_of` is the place of the batch that was too large, if it is a part of one."""

    batch: Batch
    part_of: int | None


class _Head(msgspec.Struct, frozen=True, omit_defaults=True):
    route: str
    headers: dict[str, str]
    points: int
    cut_at: float
    part_of: int | None = None
    keep: float | None = None


def write_batch(path: Path, batch: Batch, *, part_of: int | None) -> None:
    """Write a batch; its bytes survive the machine then, and after `sync_directory` its name does too.

    Raises:
        OSError: the disk refuses.
    """
    partial = path.with_suffix(".part")
    with partial.open("wb") as file:
        file.writelines(_encoded(batch, part_of=part_of))
        file.flush()
        os.fsync(file.fileno())
    partial.rename(path)


def _encoded(batch: Batch, *, part_of: int | None) -> Iterator[bytes]:
    head = msgspec.json.encode(
        _Head(batch.route, dict(batch.headers), batch.points, batch.cut_at, part_of=part_of, keep=batch.keep)
    )
    check = zlib.crc32(batch.body, zlib.crc32(head))
    yield _LEAD.pack(_MAGIC, check, len(head), len(batch.body))
    yield head
    yield batch.body


def read_batch(path: Path) -> Stored:
    """Read a batch.

    Raises:
        OSError: the disk does not give it back.
        ValueError: it is damaged.
    """
    data = path.read_bytes()
    if len(data) < _LEAD.size:
        raise ValueError("it is too short")
    magic, check, head_length, body_length = _LEAD.unpack_from(data)
    head_end = _LEAD.size + head_length
    if magic != _MAGIC or len(data) != head_end + body_length:
        raise ValueError("it is no batch, or not a whole one")
    if zlib.crc32(data[_LEAD.size :]) != check:
        raise ValueError("its checksum does not hold")
    head = msgspec.json.decode(data[_LEAD.size : head_end], type=_Head)
    batch = Batch(
        route=head.route,
        body=data[head_end:],
        headers=head.headers,
        points=head.points,
        cut_at=head.cut_at,
        keep=head.keep,
    )
    return Stored(batch, head.part_of)


def sync_directory(directory: Path) -> None:
    """Make the names in a directory survive the machine.

    Raises:
        OSError: the disk refuses.
    """
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
