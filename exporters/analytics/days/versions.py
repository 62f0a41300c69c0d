"""Versions of a Parquet file under one name, each of which is right for those who still read an earlier one.

DuckDB opens a file twice, first for its footer and then for its data; others remember how long it was when
they listed it. So it is not enough to replace a file in one step. Here a new version holds, in the same
places, all bytes that the versions before it were read from; its own stand where nothing else does, with its
footer at the end. What nobody reads any more becomes a hole, which takes no space on the disk.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec

from exporters.analytics.days.footers import MAGIC, Span, footer_of, moved

_CHUNK = 1 << 20


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """Where a version's data stands in the file, and its footer, with which the version ends."""

    data: Span
    footer: Span


def version_of(path: Path) -> Version:
    """Return the version that a file is which is nothing else.

    Raises:
        OSError, ValueError: as footer_of.
    """
    footer = footer_of(path)
    return Version(data=Span(0, footer.start), footer=footer)


def write_version(new: Path, old: Path, part: Path, *, keep: Sequence[Version]) -> Version:
    """Write to `part` the file that is to take the place of `old`: what is in `new`, and what those read who
    know the versions to keep.

    Raises:
        OSError, ValueError: `part` is of no use; ValueError says that `new` is no Parquet file.
    """
    plain = version_of(new)
    start = _room(plain.data.end, keep)
    end = max((start + plain.data.end, *(version.footer.end for version in keep)))
    with part.open("wb") as made, new.open("rb") as source, old.open("rb") as before:
        for version in keep:
            _copy(before, made, version.data)
            _copy(before, made, version.footer)
        made.seek(0)
        made.write(MAGIC)
        _copy(source, made, plain.data, to=start)
        source.seek(plain.footer.start)
        footer = source.read()
        made.seek(end)
        made.write(moved(footer, start) if start else footer)
        length = made.tell()
        made.flush()
        os.fsync(made.fileno())
    return Version(data=Span(start, start + plain.data.end), footer=Span(end, length))


def _room(size: int, keep: Iterable[Version]) -> int:
    """Return the first place where so many bytes are free; the magic at 0 is everybody's."""
    start = 0
    for span in sorted(_spans(keep)):
        if start + size <= span.start:
            return start
        start = max(start, span.end)
    return start


def _spans(versions: Iterable[Version]) -> Iterator[Span]:
    for version in versions:
        yield version.data
        yield version.footer


def _copy(source: BinaryIO, made: BinaryIO, span: Span, *, to: int | None = None) -> None:
    source.seek(span.start)
    made.seek(span.start if to is None else to)
    left = span.end - span.start
    while left and (chunk := source.read(min(_CHUNK, left))):
        made.write(chunk)
        left -= len(chunk)
