"""Our readings as text of both formats: what prometheus-client would write, to the byte, a tenth of the cost.

The lines of a hundred series are put together at a stroke; nothing is kept for a series. prometheus-client
writes the heads, so that they cannot differ, and is the oracle of the tests for all else.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import accumulate
from math import isnan
from typing import cast

from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from exporters.catalogue import Family
from exporters.prometheus.negotiation import Format
from exporters.prometheus.selecting import EVERYTHING, Selection
from exporters.series import TraceExemplar
from exporters.table import Buckets, Reading

END = b"# EOF\n"
"""The last line of OpenMetrics."""
_EXPONENT = 1_000_000
"""From here on Go writes an exponent."""
_LIBRARY_NUMBER: Callable[[float], str] = floatToGoString
_LIBRARY_TEXT: Mapping[Format, Callable[[Collector], bytes]] = {
    Format.TEXT: generate_latest,
    Format.OPENMETRICS: generate_openmetrics,
}


class TextForm:
    """Readings as text; of what is selected in part, the lines that are wanted."""

    def __init__(self, wanted: Format, selection: Selection = EVERYTHING) -> None:
        self._wanted = wanted
        self._selection = selection
        self._escaped = _Escaped()

    def head(self, family: Family, _: int) -> bytes:
        """HELP, TYPE and UNIT."""
        return _layout(family, self._wanted).head

    def series(self, family: Family, readings: Sequence[Reading]) -> bytes:
        """The lines of some series of a family, in their order."""
        text = _layout(family, self._wanted).lines(readings, self._escaped)
        parts = self._selection.parts(family)
        return (text if parts is None else _only(parts, text)).encode()

    def tail(self, process: Collector) -> bytes:
        """What prometheus-client writes of the process, and the end."""
        return _library_text(process, self._wanted) + (END if self._wanted is Format.OPENMETRICS else b"")


def go_number(value: float) -> str:
    """A number as Go writes it."""
    return repr(float(value)) if -_EXPONENT < value < _EXPONENT else _LIBRARY_NUMBER(value)


def _go_numbers(values: Iterable[float]) -> Iterable[str]:
    """Numbers as Go writes them. The sum tells whether one is none (NaN), which the largest does not."""
    numbers = list(map(float, values))
    is_plain = max(numbers) < _EXPONENT and min(numbers) > -_EXPONENT and not isnan(sum(numbers))
    return map(repr if is_plain else go_number, numbers)


class _Escaped(dict[str, str]):
    """Label values as they stand between quotes; integrations and vendors come back at every metric."""

    def __missing__(self, value: str) -> str:
        text = value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
        self[value] = text
        return text


class _Counts(dict[int, str]):
    """Counts as they end a line; most buckets hold a count that another one has too."""

    def __missing__(self, value: int) -> str:
        text = self[value] = f"{go_number(value)}\n"
        return text


class _Numbers:
    """How counters or gauges are written: a line is of parts, of which each second one is the same in all
    lines. A label is put into all lines at a stroke, and so are the numbers.
    """

    def __init__(self, family: Family, wanted: Format) -> None:
        kind = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
        self.head = _head(kind(family.name, family.help, unit=family.unit), wanted)
        self._order = _order(family.labels)
        pairs = ",".join(f'{family.labels[place]}="\0"' for place in self._order)
        line = f"{family.name}{{{pairs}}} \0\n" if pairs else f"{family.name} \0\n"
        self._frame = [part for fixed in line.split("\0") for part in (fixed, "")][:-1]

    def lines(self, readings: Sequence[Reading], escaped: _Escaped) -> str:
        """Return one line a series."""
        width = len(self._frame)
        parts = self._frame * len(readings)
        columns = list(zip(*[reading.labels for reading in readings], strict=True))
        for number, place in enumerate(self._order):
            parts[2 * number + 1 :: width] = map(escaped.__getitem__, columns[place])
        values = cast("list[float]", [reading.value for reading in readings])
        parts[width - 2 :: width] = _go_numbers(values)
        return "".join(parts)


class _Histograms:
    """How a histogram is written. `le` stands among the labels in the alphabet's order: what is before and
    what is after its bound is made once a series, and put around all bounds at a stroke.
    """

    def __init__(self, family: Family, wanted: Format) -> None:
        self.head = _head(HistogramMetricFamily(family.name, family.help, unit=family.unit), wanted)
        self._name = family.name
        order = _order(family.labels)
        self._before = _half(family.labels, [place for place in order if family.labels[place] < "le"])
        self._after = _half(family.labels, [place for place in order if family.labels[place] > "le"])
        self._has_exemplars = wanted is Format.OPENMETRICS
        bounds = [*map(floatToGoString, family.buckets), "+Inf"]
        self._lines = len(bounds)
        self._frame = [""] * (4 * len(bounds))
        self._frame[1::4] = bounds

    def lines(self, readings: Sequence[Reading], escaped: _Escaped) -> str:
        """Return the buckets, the count and the sum of each series."""
        return "".join(self._each(readings, escaped))

    def _each(self, readings: Sequence[Reading], escaped: _Escaped) -> Iterator[str]:
        counted = _Counts()
        for reading in readings:
            labels, value = reading.labels, reading.value
            if not isinstance(value, Buckets):
                continue
            before = _filled(self._before, labels, escaped)
            after = _filled(self._after, labels, escaped)
            counts = list(map(counted.__getitem__, accumulate(value.counts)))
            text = self._buckets(before, after, counts) + self._ends(
                before, after, count=counts[-1], total=value.total
            )
            yield self._marked(text, value) if value.exemplars and self._has_exemplars else text

    def _buckets(self, before: str, after: str, counts: Sequence[str]) -> str:
        """A line a bucket, of four parts: up to the bound, the bound, up to the count, the count."""
        parts = self._frame.copy()
        parts[0::4] = [f'{self._name}_bucket{{{before}{"," if before else ""}le="'] * self._lines
        parts[2::4] = [f'"{"," if after else ""}{after}}} '] * self._lines
        parts[3::4] = counts
        return "".join(parts)

    def _ends(self, before: str, after: str, *, count: str, total: float) -> str:
        labels = f"{before},{after}" if before and after else before or after
        bare = f"{{{labels}}}" if labels else ""
        return f"{self._name}_count{bare} {count}{self._name}_sum{bare} {go_number(total)}\n"

    def _marked(self, text: str, value: Buckets) -> str:
        lines = text.split("\n")
        for place, found in value.exemplars.items():
            lines[place] += _exemplar(found)
        return "\n".join(lines)


def _only(parts: tuple[str, ...], text: str) -> str:
    """The lines that begin so; a line ends with a line feed, which no label value holds."""
    return "".join(f"{line}\n" for line in text.split("\n") if line.startswith(parts))


def _order(labels: Sequence[str]) -> list[int]:
    """The places of the labels in the alphabet's order, which is prometheus-client's."""
    return sorted(range(len(labels)), key=labels.__getitem__)


def _half(labels: Sequence[str], places: list[int]) -> tuple[str, list[int]]:
    return ",".join(f'{labels[place]}="%s"' for place in places), places


def _filled(half: tuple[str, list[int]], labels: Sequence[str], escaped: _Escaped) -> str:
    template, places = half
    return template % tuple([escaped[labels[place]] for place in places])


def _exemplar(found: TraceExemplar) -> str:
    labels = f'span_id="{found.span_id}",trace_id="{found.trace_id}"'
    return f" # {{{labels}}} {go_number(found.value)} {found.at}"


@cache
def _layout(family: Family, wanted: Format) -> _Numbers | _Histograms:
    return _Histograms(family, wanted) if family.kind == "histogram" else _Numbers(family, wanted)


def _head(metric: Metric, wanted: Format) -> bytes:
    """HELP, TYPE and UNIT, by prometheus-client itself."""
    return _library_text(_One(metric), wanted)


def _library_text(collector: Collector, wanted: Format) -> bytes:
    """What prometheus-client writes of a collector, without the line that ends OpenMetrics."""
    return _LIBRARY_TEXT[wanted](collector).removesuffix(END)


class _One(Collector):
    """A collector of one family."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric

    def collect(self) -> Iterator[Metric]:
        yield self._metric
