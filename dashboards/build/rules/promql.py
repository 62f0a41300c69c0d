"""PromQL for the rules, out of the catalogue's metrics only.

Rules keep the labels `job` and `instance`, and whatever else the scrape adds: they say what to leave out, not
what to keep. So one Prometheus may scrape several Dialtones.
"""

import re

from exporters.catalogue import CATALOGUE

INFO = "dialtone_integration_info"
OWNER = f"on (job, instance, integration) group_left (vendor, team, environment, tier) {INFO}"
SENT = 'outcome!~"rejected|cancelled"'
"""Requests that reached out; the rest says nothing of the vendor."""
FAILED = 'outcome!~"ok|rejected|cancelled"'
WHOLE = 'capability=""'


def pick(metric: str, *matchers: str) -> str:
    """Return a selector of one of Dialtone's metrics; of a histogram's series `_bucket`, `_sum` or `_count`.

    Raises:
        LookupError: the catalogue has no such metric, or it has no such label.
    """
    labels = _labels(metric)
    for matcher in matchers:
        name = re.split("[=!]", matcher, maxsplit=1)[0]
        if name not in labels:
            raise LookupError(f"{metric} has no label {name}: {matcher}")
    return f"{metric}{{{', '.join(matchers)}}}" if matchers else metric


def rate(metric: str, *matchers: str, over: str = "5m") -> str:
    """Return the increase per second of a counter."""
    return f"rate({pick(metric, *matchers)}[{over}])"


def grown(metric: str, *matchers: str, over: str) -> str:
    """Return the counters that have grown lately, with by how much.

    A counter that was not there before has grown by all it has: `increase` alone never sees the first step.
    It counts only where its instance was scraped before too.
    """
    series = pick(metric, *matchers)
    new = f"({series} unless {series} offset {over}) and on (job, instance) dialtone_build_info offset {over}"
    return f"(increase({series}[{over}]) > 0) or ({new}) > 0"


def owned(query: str) -> str:
    """Return the same series, each with the team, environment and tier of its integration."""
    return f"({query})\n* {OWNER}"


def _labels(metric: str) -> frozenset[str]:
    for suffix in ("_bucket", "_sum", "_count"):
        family = CATALOGUE.get(metric.removesuffix(suffix))
        if metric.endswith(suffix) and family is not None and family.kind == "histogram":
            return frozenset((*family.labels, "le") if suffix == "_bucket" else family.labels)
    return frozenset(CATALOGUE[metric].labels)
