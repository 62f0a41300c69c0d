"""Bodies of requests, compressed as an intake wants them."""

import gzip
import sys
import zlib
from enum import StrEnum

from isal import igzip, isal_zlib

_LEVEL = 2
_ZSTD_LEVEL = 1
"""Zstandard's quickest, which is still denser than deflate at `_LEVEL`."""


class Encoding(StrEnum):
    """How a body is compressed."""

    DEFLATE = "deflate"
    GZIP = "gzip"
    ZSTD = "zstd"


def compressed(plain: bytes, encoding: Encoding) -> bytes:
    """The body; equal bodies give equal bytes."""
    if encoding is Encoding.GZIP:
        return bytes(igzip.compress(plain, _LEVEL, mtime=0))
    return _zstd(plain) if encoding is Encoding.ZSTD else bytes(isal_zlib.compress(plain, _LEVEL))


def decompressed(body: bytes, encoding: str) -> bytes:
    """What a body was made of, by its Content-Encoding; an empty one is none."""
    if encoding.startswith(Encoding.ZSTD):
        return _unzstd(body)
    if encoding == Encoding.GZIP:
        return gzip.decompress(body)
    return zlib.decompress(body) if encoding == Encoding.DEFLATE else body


# Only who chose Zstandard needs the module in memory.
if sys.version_info >= (3, 14):

    def _zstd(plain: bytes) -> bytes:
        from compression import zstd

        return zstd.compress(plain, _ZSTD_LEVEL)

    def _unzstd(body: bytes) -> bytes:
        from compression import zstd

        return zstd.decompress(body)

else:

    def _zstd(plain: bytes) -> bytes:
        from backports import zstd

        return bytes(zstd.compress(plain, _ZSTD_LEVEL))

    def _unzstd(body: bytes) -> bytes:
        from backports import zstd

        return bytes(zstd.decompress(body))
