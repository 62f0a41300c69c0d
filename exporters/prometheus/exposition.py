"""A whole exposition: our readings, then what prometheus-client collects of the process."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Protocol

from prometheus_client.registry import Collector

from exporters.catalogue import CATALOGUE, Family
from exporters.prometheus.negotiation import Format
from exporters.prometheus.packing import Gzip, Piece, Plain, joined
from exporters.prometheus.protobuf import ProtobufForm
from exporters.prometheus.rendering import TextForm
from exporters.prometheus.selecting import EVERYTHING, Selection
from exporters.table import Reading

_SERIES = 128
"""Series that are written at a step."""
_PIECE = 64 * 1024
"""Bytes of a family that are packed at once, and of an answer that are sent at once; at least."""


class Form(Protocol):
    """How readings are written; nothing in it is a `_created` series."""

    def head(self, family: Family, size: int, /) -> bytes:
        """What stands before a family, whose series take so many bytes."""
        ...

    def series(self, family: Family, readings: Sequence[Reading]) -> bytes:
        """Some series of a family."""
        ...

    def tail(self, process: Collector) -> bytes:
        """What stands after all families."""
        ...


class Exposition:
    """An exposition in the making: readings may come in any order, a slice at a time, and are bytes at once,
    compressed where that is wanted. So little is held, however many there are: as readings, those of ten
    thousand integrations take 100 MB. It computes, so work on it on a thread.
    """

    def __init__(self, wanted: Format, *, compress: bool, selection: Selection = EVERYTHING) -> None:
        self._form: Form = ProtobufForm() if wanted is Format.PROTOBUF else TextForm(wanted, selection)
        self._packing = Gzip() if compress else Plain()
        self._written: dict[str, _Written] = {}

    def add(self, readings: Iterable[Reading]) -> Iterator[None]:
        """Write these, as the result is gone through: some at each step."""
        rows: dict[str, list[Reading]] = {}
        for reading in readings:
            rows.setdefault(reading.family.name, []).append(reading)
        for name, of_family in rows.items():
            family, left = CATALOGUE[name], iter(of_family)
            written = self._written.setdefault(name, _Written(family, self._packing))
            while some := list(islice(left, _SERIES)):
                written.add(self._form.series(family, some))
                yield

    def end(self, process: Collector) -> tuple[bytes, ...]:
        """Return all that was written, in the catalogue's order, and what `process` collects; in parts, for
        at a stroke it would hold up the loop and take as much memory again.
        """
        return tuple(joined(self._packing.whole(self._pieces(process)), size=_PIECE))

    def _pieces(self, process: Collector) -> Iterator[Piece]:
        for name in CATALOGUE:
            if (written := self._written.get(name)) is not None:
                yield from written.pieces(self._form)
        yield self._packing.pack(self._form.tail(process))


class _Written:
    """What is written of a family so far."""

    def __init__(self, family: Family, packing: Gzip | Plain) -> None:
        self._family = family
        self._packing = packing
        self._packed: list[Piece] = []
        self._waiting: list[bytes] = []
        self._size = 0

    def add(self, series: bytes) -> None:
        self._waiting.append(series)
        self._size += len(series)
        if self._size >= _PIECE:
            self._pack()

    def pieces(self, form: Form) -> Iterator[Piece]:
        self._pack()
        size = sum(piece.size for piece in self._packed)
        yield self._packing.pack(form.head(self._family, size))
        yield from self._packed

    def _pack(self) -> None:
        if self._size:
            self._packed.append(self._packing.pack(b"".join(self._waiting)))
        self._waiting, self._size = [], 0


def render(
    readings: Sequence[Reading],
    process: Collector,
    wanted: Format,
    *,
    compress: bool,
    selection: Selection = EVERYTHING,
) -> bytes:
    """Return the exposition of what is selected of these readings and of what `process` collects; blocks."""
    exposition = Exposition(wanted, compress=compress, selection=selection)
    for _ in exposition.add(selection.chosen(readings)):
        pass
    return b"".join(exposition.end(selection.of(process)))
