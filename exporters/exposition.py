"""A whole exposition: our readings, then what prometheus-client collects of the process."""

from collections.abc import Iterator, Sequence

from isal import igzip
from prometheus_client.registry import Collector

from exporters.negotiation import Format
from exporters.protobuf import render_protobuf
from exporters.rendering import END, families, library_text
from exporters.selecting import EVERYTHING, Selection
from exporters.table import Reading

GZIP_LEVEL = 1
"""Of ISA-L's 0 to 3: the third takes seven times the CPU for 2 % fewer bytes."""


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
        body = render_protobuf(readings, process)
    else:
        body = b"".join(_parts(readings, process, wanted, selection))
    return igzip.compress(body, GZIP_LEVEL, mtime=0) if compress else body


def _parts(
    readings: Sequence[Reading], process: Collector, wanted: Format, selection: Selection
) -> Iterator[bytes]:
    for text in families(readings, wanted, selection):
        yield text.encode()
    yield library_text(process, wanted)
    if wanted is Format.OPENMETRICS:
        yield END
