"""Every metric Dialtone has, declared once: name, kind, unit, help, labels and buckets.

Names follow Prometheus' practice (https://prometheus.io/docs/practices/naming): base units, which the name
ends in, and `_total` for counters. Label values come from configuration only. A module here holds the rows of
one subject. `python -m exporters.catalogue` prints docs/metrics.md.
"""

from collections.abc import Mapping

from exporters.catalogue.alerting import DELIVERIES, INCIDENTS, WEBHOOKS
from exporters.catalogue.calls import BREAKERS, CALLS, LIMITS
from exporters.catalogue.family import HTTP_SECONDS, UNITS, Family
from exporters.catalogue.health import EGRESS, HEALTH_ROWS, WATCHING
from exporters.catalogue.itself import EXPORTERS, ITSELF, STORES
from exporters.catalogue.process import PROCESS_ROWS

__all__ = ["CATALOGUE", "EXPOSED", "HTTP_SECONDS", "SECTIONS", "UNITS", "Family"]

SECTIONS: Mapping[str, tuple[Family, ...]] = {
    "Calls": CALLS,
    "Circuit breakers": BREAKERS,
    "Limits": LIMITS,
    "Checks and health": HEALTH_ROWS,
    "Incidents and alerts": INCIDENTS,
    "Is it us?": EGRESS,
    "Objectives and heartbeats": WATCHING,
    "Inbound webhooks": WEBHOOKS,
    "Deliveries": DELIVERIES,
    "Dialtone itself": ITSELF,
    "Analytics and storage": STORES,
    "Push exporters": EXPORTERS,
}
CATALOGUE: Mapping[str, Family] = {row.name: row for rows in SECTIONS.values() for row in rows}
EXPOSED: Mapping[str, Family] = {**CATALOGUE, **{row.name: row for row in PROCESS_ROWS}}
"""All that `/metrics` has: our own, and what prometheus-client adds of the process."""
