"""The oracle of the exposition: the same readings, written by prometheus-client."""

from collections.abc import Iterable, Iterator
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
from prometheus_client.samples import Exemplar
from prometheus_client.utils import floatToGoString

from exporters.catalogue import CATALOGUE, Family
from exporters.prometheus.negotiation import Format
from exporters.series import TraceExemplar
from exporters.table import Buckets, Reading


def written_by_library(readings: Iterable[Reading], wanted: Format) -> bytes:
    """The exposition of these readings as prometheus-client makes it."""
    generate = generate_openmetrics if wanted is Format.OPENMETRICS else generate_latest
    return bytes(generate(Oracle(readings)))


class Oracle(Collector):
    """The same readings as families of prometheus-client, in the catalogue's order."""

    def __init__(self, readings: Iterable[Reading]) -> None:
        self._rows: dict[str, list[Reading]] = {}
        for reading in readings:
            self._rows.setdefault(reading.family.name, []).append(reading)

    def collect(self) -> Iterator[Metric]:
        for name, family in CATALOGUE.items():
            if name in self._rows:
                yield _metric(family, self._rows.pop(name))


def _metric(family: Family, readings: list[Reading]) -> Metric:
    if family.kind == "histogram":
        return _histogram(family, readings)
    kind = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
    metric = kind(family.name, family.help, labels=family.labels, unit=family.unit)
    for reading in readings:
        if not isinstance(reading.value, Buckets):
            metric.add_metric(reading.labels, reading.value)
    return metric


def _histogram(family: Family, readings: list[Reading]) -> Metric:
    metric = HistogramMetricFamily(family.name, family.help, labels=family.labels, unit=family.unit)
    bounds = [*map(floatToGoString, family.buckets), "+Inf"]
    for reading in readings:
        if isinstance(reading.value, Buckets):
            metric.add_metric(reading.labels, list(_buckets(bounds, reading.value)), reading.value.total)
    return metric


def _buckets(bounds: list[str], value: Buckets) -> Iterator[tuple[str, float] | tuple[str, float, Exemplar]]:
    for place, (bound, count) in enumerate(zip(bounds, accumulate(value.counts), strict=True)):
        found = value.exemplars.get(place)
        yield (bound, count) if found is None else (bound, count, _exemplar(found))


def _exemplar(found: TraceExemplar) -> Exemplar:
    return Exemplar({"trace_id": found.trace_id, "span_id": found.span_id}, found.value, found.at)
