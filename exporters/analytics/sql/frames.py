"""What Dialtone and a reader process say to each other, over the reader's stdin and stdout.

A frame is four bytes of length (big endian) and so many bytes of JSON. The reader begins with an empty Reply;
then it answers each Question with a Reply and `size` bytes of body behind it.
"""

import struct
from enum import StrEnum
from typing import BinaryIO, TypeVar

import msgspec

T = TypeVar("T")
HEAD = struct.Struct(">I")
LARGEST = 16 << 20
"""Bytes of a frame; a statement of 100,000 characters is a fraction of it."""


class Format(StrEnum):
    """The shape of an answer."""

    JSON = "json"
    RECORDS = "records"
    NDJSON = "ndjson"
    CSV = "csv"
    ARROW = "arrow"
    PARQUET = "parquet"


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A statement to answer from the file `snapshot` within `seconds`, by `rows` and `max_bytes` at most.

    With `file`, all of it goes as Parquet into a file of this name in the reader's directory instead.
    """

    sql: str
    format: Format
    snapshot: str
    rows: int
    max_bytes: int
    seconds: float
    file: str = ""


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """How it went. `error` is empty or one of refused, failed, timeout, too_large; `detail` says what to do.

    `cpu` is seconds, `size` the bytes of the body that follows.
    """

    error: str = ""
    detail: str = ""
    columns: tuple[str, ...] = ()
    rows: int = 0
    truncated: bool = False
    cpu: float = 0.0
    size: int = 0


def packed(message: msgspec.Struct) -> bytes:
    """Return a message as a frame."""
    content = msgspec.json.encode(message)
    return HEAD.pack(len(content)) + content


def read_frame(stream: BinaryIO, shape: type[T]) -> T | None:
    """Return the next message, or None at the end of the stream.

    Raises:
        ValueError: when it is none.
    """
    head = stream.read(HEAD.size)
    if len(head) < HEAD.size:
        return None
    (length,) = HEAD.unpack(head)
    if length > LARGEST:
        raise ValueError(f"a frame of {length} bytes")
    return msgspec.json.decode(stream.read(length), type=shape)
