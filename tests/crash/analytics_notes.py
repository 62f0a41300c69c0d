"""What a process that is killed has told of itself, in memory that the kernel keeps when it is gone."""

import mmap
import struct
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

Range = tuple[int, int]
"""Numbers from the first to the last."""

_NUMBER, _TIME, _RANGE = struct.Struct("<Q"), struct.Struct("<d"), struct.Struct("<QQ")
_PUBLISHED, _LOGGED, _ANSWERED, _RANGES, _FIRST = 0, 8, 16, 24, 32
_SIZE = 1 << 20


class Notes:
    """How many rows were published and which were acknowledged, how long the log of stored signals is, and
    when a query was last answered.

    A number stands only once what it says is true, so a kill in between makes it say less, never more.
    """

    def __init__(self, memory: mmap.mmap) -> None:
        self._memory = memory

    @property
    def published(self) -> int:
        """The highest number that was given to the store."""
        return self._read(_PUBLISHED)

    @published.setter
    def published(self, number: int) -> None:
        _NUMBER.pack_into(self._memory, _PUBLISHED, number)

    @property
    def logged(self) -> int:
        """The end of the log of stored signals."""
        return self._read(_LOGGED)

    @logged.setter
    def logged(self, number: int) -> None:
        _NUMBER.pack_into(self._memory, _LOGGED, number)

    @property
    def answered(self) -> float:
        """When a query was last answered while nothing was wrong (the machine's monotonic seconds)."""
        seconds: float = _TIME.unpack_from(self._memory, _ANSWERED)[0]
        return seconds

    @answered.setter
    def answered(self, seconds: float) -> None:
        _TIME.pack_into(self._memory, _ANSWERED, seconds)

    def acknowledge(self, numbers: Iterable[int]) -> None:
        """Take rising numbers of rows that were acknowledged."""
        for first, last in runs(numbers):
            count = self._read(_RANGES)
            before = self._range(count - 1) if count else (0, 0)
            if count and before[1] + 1 == first:
                _NUMBER.pack_into(self._memory, _place(count - 1) + _NUMBER.size, last)
            else:
                _RANGE.pack_into(self._memory, _place(count), first, last)
                _NUMBER.pack_into(self._memory, _RANGES, count + 1)

    def acknowledged(self) -> list[Range]:
        """Return the rows that were acknowledged, as ranges."""
        return [self._range(index) for index in range(self._read(_RANGES))]

    def _read(self, place: int) -> int:
        number: int = _NUMBER.unpack_from(self._memory, place)[0]
        return number

    def _range(self, index: int) -> Range:
        first, last = _RANGE.unpack_from(self._memory, _place(index))
        return first, last


@contextmanager
def notes(path: Path) -> Iterator[Notes]:
    """Open the notes that a file holds, or begin them."""
    # Whoever comes first makes the file; to make it longer twice does nothing.
    with path.open("ab") as file:
        file.truncate(_SIZE)
    with path.open("r+b") as file, mmap.mmap(file.fileno(), _SIZE) as memory:
        yield Notes(memory)


def runs(numbers: Iterable[int]) -> Iterator[Range]:
    """Join rising numbers that follow one another into ranges."""
    first = last = -1
    for number in numbers:
        if number != last + 1 or first < 0:
            if first >= 0:
                yield first, last
            first = number
        last = number
    if first >= 0:
        yield first, last


def missing(wanted: Sequence[Range], found: Sequence[Range]) -> int:
    """Count the numbers of `wanted` that are not in `found`; both are in order."""
    return sum(last - first + 1 - _shared(first, last, found) for first, last in wanted)


def _shared(first: int, last: int, found: Sequence[Range]) -> int:
    return sum(max(0, min(last, end) - max(first, begin) + 1) for begin, end in found)


def _place(index: int) -> int:
    place = _FIRST + index * _RANGE.size
    assert place + _RANGE.size <= _SIZE, "more ranges than there is room for"
    return place
