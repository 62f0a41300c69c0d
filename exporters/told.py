"""Which series a reading of all samples has told of, for each is told of once."""

from collections.abc import Iterator, Mapping
from typing import Self

import anyio
import anyio.lowlevel

from exporters.series import Number, Series

_FREED = 5_000
"""Series that are let go of at a stroke, which takes half a millisecond."""


MOST_FLAGS = 64
"""Sets of flags of a metric; nearly all metrics have fewer than ten."""

_FIRST_FLAGS = 1_024


class Line:
    """A metric that samples are read of; `counted` is what the table itself counts of it, `count` how many
    series of it were told of.

    Those are remembered by flags, a byte each: labels that differ in the first one only, which nearly always
    is the integration, have theirs in one row, at the `places` of that first label. Labels were measured to
    take a hundred megabytes with ten thousand integrations, their hashes 25, and flags take less than one.
    Where labels beyond the first differ much, their hashes are kept, of 64 bits. The garbage collector walks
    neither these nor a dict that holds numbers; a set it does, which took 10 ms.
    """

    __slots__ = ("_flags", "_places", "count", "counted", "family", "hashes", "width")

    def __init__(self, counted: Series[Number], places: dict[str, int]) -> None:
        self.counted = counted
        self.family = counted.family
        self.width = len(counted.family.labels)
        self.count = 0
        self.hashes: dict[int, None] = {}
        self._flags: dict[tuple[str, ...], bytearray] = {}
        self._places = places

    def tell(self, labels: tuple[str, ...]) -> bool:
        """Tell of a series, and whether it is told of for the first time."""
        flags = self._flags.get(labels[1:])
        if flags is None:
            flags = self._begin(labels)
            if flags is None:
                return self._tell_hash(hash(labels))
        place = self._places.get(labels[0]) if labels else 0
        if place is None:
            place = self._places[labels[0]] = len(self._places)
        try:
            is_new = not flags[place]
        except IndexError:
            flags.extend(bytes(len(flags) + place))
            is_new = True
        flags[place] = 1
        self.count += is_new
        return is_new

    def _begin(self, labels: tuple[str, ...]) -> bytearray | None:
        """A row of flags, while there may be more."""
        if len(self._flags) >= MOST_FLAGS:
            return None
        flags = self._flags[labels[1:]] = bytearray(_FIRST_FLAGS)
        return flags

    def _tell_hash(self, hashed: int) -> bool:
        if hashed in self.hashes:
            return False
        self.hashes[hashed] = None
        self.count += 1
        return True


class Told:
    """The lines of one reading, by metric. As a context it lets go of them in steps, however it ends: of
    hashes it takes 15 ms at a stroke where there are a third of a million, and the event loop waits.
    """

    def __init__(self) -> None:
        self.lines: dict[str, Line] = {}
        self._places: dict[str, int] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        with anyio.CancelScope(shield=True):
            for _step in self.let_go():
                await anyio.lowlevel.checkpoint()

    def begin(self, metric: str, numbers: Mapping[str, Series[Number]]) -> Line | None:
        """The line of a metric that was not told of yet; None for one that is none of these."""
        counted = numbers.get(metric)
        if counted is None:
            return None
        line = self.lines[metric] = Line(counted, self._places)
        return line

    def let_go(self) -> Iterator[None]:
        """Let go of all, as the result is gone through: some at each step."""
        left = _FREED
        for line in self.lines.values():
            hashes = line.hashes
            while hashes:
                some = min(left, len(hashes))
                for _ in range(some):
                    hashes.popitem()
                left -= some
                if not left:
                    yield
                    left = _FREED
