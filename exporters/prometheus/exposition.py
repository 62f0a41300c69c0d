"""A whole exposition: our readings, then what prometheus-client collects of the process."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from isal import isal_zlib
from prometheus_client.registry import Collector

from exporters.prometheus.negotiation import Format
from exporters.prometheus.protobuf import render_protobuf
from exporters.prometheus.rendering import END, families, library_text
from exporters.prometheus.selecting import EVERYTHING, Selection
from exporters.table import Reading

GZIP_LEVEL = 1
"""Of ISA-L's 0 to 3: the third takes seven times the CPU for 2 % fewer bytes."""
_GZIP = 31
"""The window's bits that ask for gzip, with its largest window."""
_SERIES = 256
"""Series in a piece."""


def render(
    readings: Sequence[Reading],
    process: Collector,
    wanted: Format,
    *,
    compress: bool,
    selection: Selection = EVERYTHING,
) -> bytes:
    """Return the exposition of what is selected of these readings and of what `process` collects; blocks, so
    call it on a thread.

    Nothing in it is a `_created` series.
    """
    readings, process = selection.chosen(readings), selection.of(process)
    if wanted is Format.PROTOBUF:
        pieces: Iterable[bytes] = [render_protobuf(readings, process)]
    else:
        pieces = _pieces(readings, process=process, wanted=wanted, selection=selection)
    return b"".join(_compressed(pieces) if compress else pieces)


def _compressed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces as one gzip stream; a piece at a time, so that the event loop gets its turn in between."""
    packer = isal_zlib.compressobj(GZIP_LEVEL, wbits=_GZIP)
    for piece in pieces:
        yield packer.compress(piece)
    yield packer.flush()


def _pieces(
    readings: Sequence[Reading], *, process: Collector, wanted: Format, selection: Selection
) -> Iterator[bytes]:
    texts = families(readings, wanted, selection)
    while piece := list(islice(texts, _SERIES)):
        yield "".join(piece).encode()
    yield library_text(process, wanted)
    if wanted is Format.OPENMETRICS:
        yield END
