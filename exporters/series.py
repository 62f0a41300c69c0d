"""The series of one metric: its cells by label values, and the limit on how many there may be."""

from bisect import bisect_left
from collections.abc import Callable, Collection, Mapping
from typing import Generic, TypeVar

import msgspec

from exporters.catalogue import Family
from exporters.native import Native, NativeHistogram

MOST_FRESH = 256
"""Values that wait for a reader before they are sorted in without one."""
OVERFLOW = "overflow"
"""The label value of the one series that takes what a full family refuses."""


class SeriesLimit:
    """How many series a metric may have: what the configuration needs, and then some."""

    __slots__ = ("value",)

    def __init__(self, value: int) -> None:
        self.value = value


class Number(msgspec.Struct, gc=False, eq=False):
    """The value of one counter or gauge. The garbage collector does not see it, nor a Distribution: of ten
    thousand integrations they are more than a hundred thousand, and none can be part of a ring.
    """

    value: float = 0.0


class TraceExemplar(msgspec.Struct, frozen=True, gc=False):
    """The last sampled trace whose value fell into a bucket; `at` is UTC seconds."""

    trace_id: str
    span_id: str
    value: float
    at: float


NO_EXEMPLARS: dict[int, TraceExemplar] = {}
"""Those of a histogram that has none, which are most: an empty dict of its own takes 64 bytes each."""


_NO_COUNTS: list[int] = []
"""Those of a histogram without a value; never changed, but replaced."""


class Distribution(msgspec.Struct, gc=False, eq=False):
    """The value of one histogram: `counts` for each bound and one for what is above the last, as far as the
    highest that is not 0. `observing` makes one.
    """

    bounds: tuple[float, ...]
    counts: list[int]
    total: float
    exemplars: dict[int, TraceExemplar]

    def observe(self, value: float) -> int:
        """Count one value, of 0 or above, and return its bucket; a bound belongs to the bucket below it."""
        # Of times in line nearly all are 0.
        bucket = bisect_left(self.bounds, value) if value else 0
        try:
            self.counts[bucket] += 1
        except IndexError:
            self._reach(bucket)
        self.total += value
        return bucket

    @property
    def all_counts(self) -> tuple[int, ...]:
        """The counts of all buckets."""
        counts = self.counts
        return (*counts, *[0] * (len(self.bounds) + 1 - len(counts)))

    def native(self, *, cut: bool) -> Native | None:  # noqa: ARG002 - where there are any
        """The native buckets of now, where they are wanted; `cut` begins a new window for the least and the
        greatest value.
        """
        return None

    def _reach(self, bucket: int) -> None:
        """Count the first value that fell into so high a bucket."""
        # Made anew in its size, for a list that grows takes room for more than it is asked for.
        counts = [0] * (bucket + 1)
        counts[: len(self.counts)] = self.counts
        counts[bucket] = 1
        self.counts = counts


class NativeDistribution(Distribution, gc=False, eq=False):
    """One with native buckets, too: `fresh` holds values that are not in them yet. Sorting them in is left to
    who reads, so that who counts does not pay for it. A class of its own, because ten thousand integrations
    have seventy thousand histograms, and few want this.
    """

    fresh: list[float]
    sorted_in: NativeHistogram

    def observe(self, value: float) -> int:
        """As for any."""
        self.fresh.append(value)
        if len(self.fresh) >= MOST_FRESH:
            self._sort_in()
        return Distribution.observe(self, value)

    def native(self, *, cut: bool) -> Native:
        """As for any."""
        self._sort_in()
        return self.sorted_in.copy(cut=cut)

    def _sort_in(self) -> None:
        self.sorted_in.add(self.fresh)
        self.fresh.clear()


def observing(bounds: tuple[float, ...], *, native: bool = False) -> Distribution:
    """A histogram that has no value yet."""
    if native:
        return NativeDistribution(bounds, _NO_COUNTS, 0.0, NO_EXEMPLARS, [], NativeHistogram())
    return Distribution(bounds, _NO_COUNTS, 0.0, NO_EXEMPLARS)


Cell = TypeVar("Cell", bound=Number | Distribution)


class Series(Generic[Cell]):
    """All series of one family. `refused` counts the values that met a full family; `limit` may move."""

    def __init__(self, family: Family, make: Callable[[], Cell], *, limit: SeriesLimit) -> None:
        self.family = family
        self.cells: dict[tuple[str, ...], Cell] = {}
        self.refused = 0
        self._make = make
        self._limit = limit
        self._overflow: Cell | None = None

    def cell(self, *labels: str) -> Cell:
        """Return the cell of these label values, made when new; the overflow cell when the family is full.

        Raises:
            ValueError: there are more or fewer values than the family has labels.
        """
        return self.at(labels)

    def at(self, labels: tuple[str, ...]) -> Cell:
        """As `cell`. Who has the same labels for several families gives all of them the same tuple, so that
        it is kept once.
        """
        found = self.cells.get(labels)
        return self._enter(labels) if found is None else found

    def is_overflow(self, cell: Cell) -> bool:
        """Whether this cell is the one that takes what the full family refuses."""
        return cell is self._overflow

    def remove(self, label: str, values: Collection[str]) -> Mapping[tuple[str, ...], Cell]:
        """Drop the series whose label has one of these values, and return them."""
        if label not in self.family.labels:
            return {}
        place = self.family.labels.index(label)
        gone = {labels: cell for labels, cell in self.cells.items() if labels[place] in values}
        if gone:
            self.cells = {labels: cell for labels, cell in self.cells.items() if labels not in gone}
        if self._overflow in gone.values():
            self._overflow = None
        return gone

    def _enter(self, labels: tuple[str, ...]) -> Cell:
        if len(labels) != len(self.family.labels):
            raise ValueError(f"{self.family.name} has the labels {self.family.labels}, not {labels}")
        written = writable_all(labels)
        found = self.cells.get(written)
        if found is not None:
            return found
        if len(self.cells) - (self._overflow is not None) >= self._limit.value:
            return self._refuse()
        cell = self.cells[written] = self._make()
        return cell

    def _refuse(self) -> Cell:
        self.refused += 1
        if self._overflow is None:
            self._overflow = self._make()
            self.cells[(OVERFLOW,) * len(self.family.labels)] = self._overflow
        return self._overflow


def writable(value: str) -> str:
    """Return the label value as text that UTF-8 can carry: what is half a surrogate pair becomes `?`.

    A value that is fine is returned itself: a copy for each of ten thousand series would cost megabytes.
    """
    return value if value.isascii() else value.encode("utf-8", "replace").decode()


def writable_all(labels: tuple[str, ...]) -> tuple[str, ...]:
    """Label values as text that UTF-8 can carry; those that are, which nearly all are, themselves."""
    return labels if "".join(labels).isascii() else tuple(map(writable, labels))
