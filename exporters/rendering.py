"""Our readings as text of both formats: what prometheus-client would write, to the byte, a tenth of the cost.

One template a family is filled by a single `%`; nothing is kept for a series. prometheus-client writes the
heads, so that they cannot differ, and is the oracle of the tests for all else.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import accumulate

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

from exporters.catalogue import CATALOGUE, Family
from exporters.negotiation import Format
from exporters.selecting import EVERYTHING, Selection
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
_BEFORE, _AFTER = "\n1\n", "\n2\n"


def families(readings: Iterable[Reading], wanted: Format, selection: Selection = EVERYTHING) -> Iterator[str]:
    """Yield one text a family that has a series, in the catalogue's order."""
    rows: dict[str, list[Reading]] = {}
    for reading in readings:
        rows.setdefault(reading.family.name, []).append(reading)
    escaped = _Escaped()
    for name in CATALOGUE:
        if name in rows:
            layout = _layout(CATALOGUE[name], wanted)
            lines = layout.lines(rows.pop(name), escaped)
            parts = selection.parts(CATALOGUE[name])
            yield "".join([layout.head, *(lines if parts is None else _only(parts, lines))])


def go_number(value: float) -> str:
    """A number as Go writes it."""
    return repr(float(value)) if -_EXPONENT < value < _EXPONENT else _LIBRARY_NUMBER(value)


class _Escaped(dict[str, str]):
    """Label values as they stand between quotes; integrations and vendors come back at every metric."""

    def __missing__(self, value: str) -> str:
        text = value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
        self[value] = text
        return text


class _Numbers:
    """How a counter or a gauge is written: `line` takes the label values in their order, and the number."""

    def __init__(self, family: Family, wanted: Format) -> None:
        kind = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
        self.head = _head(kind(family.name, family.help, unit=family.unit), wanted)
        self._order = _order(family.labels)
        pairs = ",".join(f'{family.labels[place]}="%s"' for place in self._order)
        self._line = f"{family.name}{{{pairs}}} %s\n" if pairs else f"{family.name} %s\n"

    def lines(self, readings: Sequence[Reading], escaped: _Escaped) -> Iterator[str]:
        """Yield one line a series."""
        line, order = self._line, self._order
        for _, labels, value in readings:
            if not isinstance(value, Buckets):
                yield line % (*[escaped[labels[place]] for place in order], go_number(value))


class _Histograms:
    """How a histogram is written. `le` stands among the labels in the alphabet's order: what is before and
    after it is made once a series, and takes the places of two marks. A mark begins with a line feed, which
    no label value holds once it is escaped.
    """

    def __init__(self, family: Family, wanted: Format) -> None:
        self.head = _head(HistogramMetricFamily(family.name, family.help, unit=family.unit), wanted)
        order = _order(family.labels)
        self._before = _half(family.labels, [place for place in order if family.labels[place] < "le"])
        self._after = _half(family.labels, [place for place in order if family.labels[place] > "le"])
        self._is_labelled = bool(family.labels)
        self._has_exemplars = wanted is Format.OPENMETRICS
        self._small = self._template(family, count="%d.0")
        self._large = self._template(family, count="%s")

    def lines(self, readings: Sequence[Reading], escaped: _Escaped) -> Iterator[str]:
        """Yield the buckets, the count and the sum of each series."""
        for _, labels, value in readings:
            if not isinstance(value, Buckets):
                continue
            before = _filled(self._before, labels, escaped)
            after = _filled(self._after, labels, escaped)
            text = self._filled(value).replace(_BEFORE, before).replace(_AFTER, after)
            yield self._marked(text, value) if value.exemplars and self._has_exemplars else text

    def _filled(self, value: Buckets) -> str:
        counts = tuple(accumulate(value.counts))
        total = go_number(value.total)
        if counts[-1] < _EXPONENT:
            return self._small % (*counts, counts[-1], total)
        return self._large % (*map(go_number, counts), go_number(counts[-1]), total)

    def _template(self, family: Family, *, count: str) -> str:
        before = _BEFORE + "," if self._before[1] else ""
        after = "," + _AFTER if self._after[1] else ""
        both = (before + _AFTER if after else _BEFORE) if before else _AFTER
        bare = f"{{{both}}}" if self._is_labelled else ""
        bounds = [*map(floatToGoString, family.buckets), "+Inf"]
        buckets = [f'{family.name}_bucket{{{before}le="{bound}"{after}}} {count}\n' for bound in bounds]
        return "".join([*buckets, f"{family.name}_count{bare} {count}\n", f"{family.name}_sum{bare} %s\n"])

    def _marked(self, text: str, value: Buckets) -> str:
        lines = text.split("\n")
        for place, found in value.exemplars.items():
            lines[place] += _exemplar(found)
        return "\n".join(lines)


def _only(parts: tuple[str, ...], texts: Iterable[str]) -> Iterator[str]:
    """The lines that begin so; a line ends with a line feed, which no label value holds."""
    for text in texts:
        for line in text.split("\n"):
            if line.startswith(parts):
                yield f"{line}\n"


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


def _head(metric: Metric, wanted: Format) -> str:
    """HELP, TYPE and UNIT, by prometheus-client itself."""
    return library_text(_One(metric), wanted).decode()


def library_text(collector: Collector, wanted: Format) -> bytes:
    """What prometheus-client writes of a collector, without the line that ends OpenMetrics."""
    return _LIBRARY_TEXT[wanted](collector).removesuffix(END)


class _One(Collector):
    """A collector of one family."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric

    def collect(self) -> Iterator[Metric]:
        yield self._metric
