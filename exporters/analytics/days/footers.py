"""The footer of a Parquet file, moved: what stands where in the file, when all of it stands further behind.

A footer is Thrift's compact protocol, and the places in it are fields of four of its structs
(https://github.com/apache/parquet-format, parquet.thrift; https://github.com/apache/thrift,
doc/specs/thrift-compact-protocol.md). All else is passed on byte by byte.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

MAGIC = b"PAR1"
_TAIL = 8
"""Bytes behind a footer: its length, and the magic."""

_PLACE: Final = "place"
_Fields = Mapping[int, "_Fields | str"]

_COLUMN_META: _Fields = {9: _PLACE, 10: _PLACE, 11: _PLACE, 14: _PLACE}
_COLUMN: _Fields = {2: _PLACE, 3: _COLUMN_META, 4: _PLACE, 6: _PLACE}
_ROW_GROUP: _Fields = {1: _COLUMN, 5: _PLACE}
_FILE: _Fields = {4: _ROW_GROUP}

_BOOLEANS, _NUMBERS, _LISTS = (1, 2), (4, 5, 6), (9, 10)
_BINARY, _MAP, _STRUCT = 8, 11, 12
_SIZES = {1: 1, 2: 1, 3: 1, 7: 8}
"""Bytes of kinds that have always as many: booleans, bytes and doubles."""


class Span(NamedTuple):
    """Bytes of a file, from the first to before the last."""

    start: int
    end: int


def footer_of(path: Path) -> Span:
    """Return where a file's footer stands, with its length and the magic behind it.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no Parquet file.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _TAIL))
        tail = file.read(_TAIL)
        length = int.from_bytes(tail[:4], "little")
        start = size - _TAIL - length
        file.seek(0)
        if tail[4:] != MAGIC or start < len(MAGIC) or file.read(len(MAGIC)) != MAGIC:
            raise ValueError(f"{path.name} is no Parquet file")
    return Span(start, size)


def moved(footer: bytes, by: int) -> bytes:
    """Return a footer, with its length and the magic behind it, of a file whose data stands `by` bytes
    further behind.

    Raises:
        ValueError: it is no footer.
    """
    try:
        content = _Mover(footer[:-_TAIL], by).all()
    except (IndexError, RecursionError) as error:
        raise ValueError("a footer that cannot be read") from error
    return content + len(content).to_bytes(4, "little") + MAGIC


class _Mover:
    """Reads a footer from its beginning, and writes it with its places moved."""

    def __init__(self, footer: bytes, by: int) -> None:
        self._footer = footer
        self._by = by
        self._at = 0
        self._made = bytearray()

    def all(self) -> bytes:
        """Return all of it."""
        self._struct(_FILE)
        if self._at != len(self._footer):
            raise ValueError("a footer with something behind it")
        return bytes(self._made)

    def _struct(self, fields: "_Fields") -> None:
        field = 0
        while head := self._pass_byte():
            step = head >> 4
            field = field + step if step else _unzigzag(self._pass_varint())
            self._value(head & 15, fields.get(field, {}), is_field=True)

    def _value(self, kind: int, fields: "_Fields | str", *, is_field: bool = False) -> None:
        if kind == _STRUCT:
            self._struct({} if isinstance(fields, str) else fields)
        elif kind in _NUMBERS:
            self._number(is_place=fields == _PLACE)
        elif kind in _LISTS:
            self._list(fields)
        elif kind == _MAP:
            self._map()
        elif kind == _BINARY:
            self._pass(self._pass_varint())
        elif kind in _SIZES:
            # A boolean that is a field stands in the field's own head.
            self._pass(0 if is_field and kind in _BOOLEANS else _SIZES[kind])
        else:
            raise ValueError(f"a footer with values of the unknown kind {kind}")

    def _number(self, *, is_place: bool) -> None:
        start = len(self._made)
        value = _unzigzag(self._pass_varint())
        # Nothing stands at 0, where the magic is: it says that there is no such place.
        if is_place and value > 0:
            del self._made[start:]
            self._made += _varint((value + self._by) << 1)

    def _list(self, fields: "_Fields | str") -> None:
        head = self._pass_byte()
        size = head >> 4 if head >> 4 < 15 else self._pass_varint()
        for _ in range(size):
            self._value(head & 15, fields)

    def _map(self) -> None:
        if size := self._pass_varint():
            kinds = self._pass_byte()
            for _ in range(size):
                self._value(kinds >> 4, {})
                self._value(kinds & 15, {})

    def _pass(self, count: int) -> None:
        if self._at + count > len(self._footer):
            raise IndexError
        self._made += self._footer[self._at : self._at + count]
        self._at += count

    def _pass_byte(self) -> int:
        self._pass(1)
        return self._made[-1]

    def _pass_varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._pass_byte()
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value


def _unzigzag(number: int) -> int:
    return (number >> 1) ^ -(number & 1)


def _varint(number: int) -> bytes:
    made = bytearray()
    while number > 127:
        made.append(number & 127 | 128)
        number >>= 7
    made.append(number)
    return bytes(made)
