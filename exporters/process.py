"""The process as readings, for exporters that cannot take what prometheus-client writes."""

from collections.abc import Mapping, Sequence

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.registry import Collector

from exporters.catalogue import Family
from exporters.catalogue.process import PROCESS_ROWS
from exporters.table import Reading

_ROWS: Mapping[str, Family] = {row.name: row for row in PROCESS_ROWS}


def process_registry() -> CollectorRegistry:
    """Return a registry of the process, the garbage collector and the platform, apart from the global one."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


def process_readings(collector: Collector) -> Sequence[Reading]:
    """What it collects now, as far as the catalogue knows it; reads files, so call it on a thread."""
    return [
        Reading(_ROWS[sample.name], _values(_ROWS[sample.name], sample.labels), sample.value)
        for metric in collector.collect()
        for sample in metric.samples
        if sample.name in _ROWS
    ]


def _values(row: Family, labels: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(labels.get(name, "") for name in row.labels)
