"""An answer put together from pieces: as they are, or as one gzip stream (RFC 1952).

Pieces are compressed as they come and ordered later. None of them refers to another: each ends with a full
flush, after which deflate has forgotten what was before (RFC 1951), and their checksums can be combined.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from isal import isal_zlib

GZIP_LEVEL = 1
"""Of ISA-L's 0 to 3: the third takes seven times the CPU for 2 % fewer bytes."""
_DEFLATE = -15
"""The window's bits that ask for deflate alone, with its largest window."""
_HEAD = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
"""Deflate, without a name or a time, of a system that is not told."""
_LAST = b"\x03\0"
"""A last block of deflate, with nothing in it."""


class Piece(NamedTuple):
    """Some of an answer; `size` and `checksum` are of what is in `packed`."""

    packed: bytes
    size: int
    checksum: int = 0


class Plain:
    """Pieces as they are."""

    def pack(self, text: bytes) -> Piece:
        """Make a piece."""
        return Piece(text, len(text))

    def whole(self, pieces: Iterable[Piece]) -> Sequence[bytes]:
        """The parts of an answer of pieces in this order."""
        return [piece.packed for piece in pieces]


class Gzip:
    """Pieces of one gzip stream."""

    def __init__(self) -> None:
        self._deflate = isal_zlib.compressobj(GZIP_LEVEL, wbits=_DEFLATE)

    def pack(self, text: bytes) -> Piece:
        """Compress a piece."""
        packed = self._deflate.compress(text) + self._deflate.flush(isal_zlib.Z_FULL_FLUSH)
        return Piece(packed, len(text), isal_zlib.crc32(text))

    def whole(self, pieces: Iterable[Piece]) -> Sequence[bytes]:
        """The parts of an answer of pieces in this order."""
        parts, size, checksum = [_HEAD], 0, 0
        for piece in pieces:
            parts.append(piece.packed)
            size += piece.size
            checksum = isal_zlib.crc32_combine(checksum, piece.checksum, piece.size)
        return [*parts, _LAST, struct.pack("<II", checksum, size & 0xFFFFFFFF)]


def joined(parts: Iterable[bytes], *, size: int) -> Iterator[bytes]:
    """As many bytes in parts that have at least this size, but for the last. Those that have it are not
    copied.
    """
    waiting: list[bytes] = []
    for part in parts:
        waiting.append(part)
        if sum(map(len, waiting)) >= size:
            yield b"".join(waiting)
            waiting = []
    yield b"".join(waiting)
