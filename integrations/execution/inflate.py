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
        self._is_over = False
        self._held = b""

    @property
    def is_whole(self) -> bool:
        """Whether the compressed body came to its end, or never began."""
        return self._inflate.eof or not (self._started or self._held)

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """Unpack what came, at most 256 KiB at a time.

        Raises:
            zlib.error: when it is damaged, or its coding is none of those that are asked for.
        """
        if data and not self._is_known:
            raise zlib.error("the content coding is not one that was asked for")
        data, self._held = self._held + data, b""
        if len(data) == 1 and not self._started:
            # Whether it is zlib or raw shows in two.
            self._held = data
            return
        more = bool(data)
        while more:
            if self._inflate.eof and not self._begins_again(data):
                return
            piece = self._unpack(data)
            yield piece
            data = self._inflate.unused_data if self._inflate.eof else self._inflate.unconsumed_tail
            more = bool(data) or (len(piece) == _PIECE and not self._inflate.eof)

    def _begins_again(self, data: bytes) -> bool:
        """Whether another member begins behind the one before. Whatever else comes there is passed over, and
        so is all behind it, in how many pieces it may come.
        """
        if self._is_over or self._wbits != _WBITS["gzip"]:
            return False
        if data == _MEMBER[:1]:
            self._held = data
            return False
        if not data.startswith(_MEMBER):
            self._is_over = True
            return False
        self._inflate = zlib.decompressobj(self._wbits)
        return True

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
