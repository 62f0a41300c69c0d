"""`name[]` of a scrape: which metrics, or series of them, a client wants.

A name is that of a metric, or of one of its series, such as `…_bucket`, which is all that prometheus-client's
own restriction knows. One that nothing has selects nothing.
"""

from collections.abc import Iterable, Iterator, Sequence

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from exporters.catalogue import Family
from exporters.table import Reading

_PARTS = ("_bucket", "_count", "_sum")


class Selection:
    """The names that are wanted; without any, everything is."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self.names = frozenset(names)

    def chosen(self, readings: Sequence[Reading]) -> Sequence[Reading]:
        """The readings that are wanted, in whole or in part."""
        if not self.names:
            return readings
        return [reading for reading in readings if self._has(reading.family)]

    def parts(self, family: Family) -> tuple[str, ...] | None:
        """The beginnings of the lines that are wanted of a histogram; None for all of them."""
        if family.kind != "histogram" or not self.names or family.name in self.names:
            return None
        return tuple(name for name in _series(family) if name in self.names)

    def of(self, collector: Collector) -> Collector:
        """What is wanted of what prometheus-client collects."""
        return _Chosen(collector, self.names) if self.names else collector

    def _has(self, family: Family) -> bool:
        return not self.names.isdisjoint((family.name, *_series(family)))


EVERYTHING = Selection()


def _series(family: Family) -> tuple[str, ...]:
    """The other names that select a metric: a histogram's series, and a counter as OpenMetrics calls it."""
    if family.kind == "histogram":
        return tuple(family.name + part for part in _PARTS)
    return (family.name.removesuffix("_total"),)


class _Chosen(Collector):
    """What is wanted of a collector."""

    def __init__(self, collector: Collector, names: frozenset[str]) -> None:
        self._collector = collector
        self._names = names

    def collect(self) -> Iterator[Metric]:
        for metric in self._collector.collect():
            samples = [
                sample for sample in metric.samples if not self._names.isdisjoint((sample.name, metric.name))
            ]
            if samples:
                chosen = Metric(metric.name, metric.documentation, metric.type, metric.unit)
                chosen.samples = samples
                yield chosen
