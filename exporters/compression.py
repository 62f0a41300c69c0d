"""Bodies of requests, compressed as an intake wants them."""

import gzip
import zlib
from enum import StrEnum

from isal import igzip, isal_zlib

_LEVEL = 2


class Encoding(StrEnum):
    """A Content-Encoding."""

    DEFLATE = "deflate"
    GZIP = "gzip"


def compressed(plain: bytes, encoding: Encoding) -> bytes:
    """The body; equal bodies give equal bytes."""
    if encoding is Encoding.GZIP:
        return bytes(igzip.compress(plain, _LEVEL, mtime=0))
    return bytes(isal_zlib.compress(plain, _LEVEL))


def decompressed(body: bytes, encoding: str) -> bytes:
    """What a body was made of; an empty `encoding` is none."""
    if encoding == Encoding.GZIP:
        return gzip.decompress(body)
    return zlib.decompress(body) if encoding == Encoding.DEFLATE else body
