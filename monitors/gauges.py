"""Health as metrics."""

from collections.abc import Iterable, Iterator

from integrations.samples import Sample
from integrations.signals import Health


def gauges(integration: str, vendor: str, states: Iterable[tuple[str, Health, float]]) -> Iterator[Sample]:
    """Each capability's state, as one gauge a possible state, and since when (UTC seconds)."""
    for capability, state, since in states:
        labels = (integration, vendor, capability)
        for each in Health:
            yield Sample("dialtone_health", (*labels, each.value), float(each is state))
        yield Sample("dialtone_health_since_timestamp_seconds", labels, since)
