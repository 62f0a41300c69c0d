"""Health as metrics."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from integrations.samples import Sample
from integrations.signals import Health

_STATES = tuple((state, state.value) for state in Health)


class Shown(NamedTuple):
    """How a capability (empty: the whole) is, since when (UTC seconds), and whether it flaps."""

    capability: str
    state: Health
    since: float
    flapping: bool


def gauges(integration: str, vendor: str, shown: Iterable[Shown]) -> Iterator[Sample]:
    """Each capability's state, as one gauge a possible state, since when, and flapping."""
    for capability, state, since, flapping in shown:
        labels = (integration, vendor, capability)
        for each, value in _STATES:
            yield Sample("dialtone_health", (*labels, value), 1.0 if each is state else 0.0)
        yield Sample("dialtone_health_since_timestamp_seconds", labels, since)
        yield Sample("dialtone_health_flapping", labels, float(flapping))
