"""Unpacks compressed bodies piece by piece, so that a cap on the decoded size spares the memory."""

import zlib
from collections.abc import Iterator

_WBITS = {"gzip": 31, "x-gzip": 31, "deflate": 15}
_RAW_DEFLATE = -15
_MEMBER = b"\x1f\x8b"
_PIECE = 256 * 1024


class Inflater:
    """Unpacks gzip (several members too, RFC 1952) and deflate (zlib, or raw as some servers send it)."""

    def __init__(self, coding: str) -> None:
        """`coding` is the Content-Encoding; one that was not asked for matters only if there is a body."""
        self._is_known = coding in _WBITS
        self._wbits = _WBITS.get(coding, _RAW_DEFLATE)
        self._inflate = zlib.decompressobj(self._wbits)
        self._started = False

    @property
    def is_whole(self) -> bool:
        """Whether the compressed body came to its end, or never began."""
        return self._inflate.eof or not self._started

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """Unpack what came, at most 256 KiB at a time.

        Raises:
            zlib.error: when it is damaged, or its coding is none of those that are asked for.
        """
        if data and not self._is_known:
            raise zlib.error("the content coding is not one that was asked for")
        more = bool(data)
        while more:
            if self._inflate.eof:
                self._inflate = zlib.decompressobj(self._wbits)
            piece = self._unpack(data)
            yield piece
            data = self._left()
            more = bool(data) or (len(piece) == _PIECE and not self._inflate.eof)

    def _left(self) -> bytes:
        if not self._inflate.eof:
            return self._inflate.unconsumed_tail
        unused = self._inflate.unused_data
        return unused if unused.startswith(_MEMBER) else b""

    def _unpack(self, data: bytes) -> bytes:
        first, self._started = not self._started, True
        try:
            return self._inflate.decompress(data, _PIECE)
        except zlib.error:
            if not first or self._wbits != _WBITS["deflate"]:
                raise
        self._wbits = _RAW_DEFLATE
        self._inflate = zlib.decompressobj(_RAW_DEFLATE)
        return self._inflate.decompress(data, _PIECE)
