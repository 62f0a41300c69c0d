"""PromQL for the boards, out of the catalogue's metrics only."""

from collections.abc import Mapping

from exporters.catalogue import CATALOGUE

INTERVAL = "$__rate_interval"
HEALTH_CODES: Mapping[str, int] = {
    "up": 1,
    "paused": 2,
    "unknown": 3,
    "degraded": 4,
    "throttled": 5,
    "unauthorized": 6,
    "down": 7,
}
"""A number for each health, the worst highest; 0 is left for no state at all."""
BREAKER_CODES: Mapping[str, int] = {
    "closed": 1,
    "disabled": 2,
    "shadow": 3,
    "half_open": 4,
    "forced_open": 5,
    "open": 6,
}
SENT = 'outcome!~"rejected|cancelled"'
"""Requests that reached out; the rest says nothing of the vendor."""
FAILED = 'outcome!~"ok|rejected|cancelled"'
NONE_SEEN = -9_999
"""Stands for `nothing seen yet` where a query would otherwise be empty; a value mapping says so in words."""


def select(metric: str, *matchers: str) -> str:
    """Return a selector of a metric, narrowed to the board's integration and vendor where it has the labels.

    Raises:
        LookupError: the catalogue has no such metric.
    """
    family = CATALOGUE[metric.removesuffix("_bucket")] if metric.endswith("_bucket") else CATALOGUE[metric]
    chosen = [f'{label}=~"${label}"' for label in ("integration", "vendor") if label in family.labels]
    inside = ",".join([*chosen, *matchers])
    return f"{metric}{{{inside}}}" if inside else metric


def rate(metric: str, *matchers: str) -> str:
    """Return the increase per second of a counter."""
    return f"rate({select(metric, *matchers)}[{INTERVAL}])"


def quantile(share: float, metric: str, *labels: str) -> str:
    """Return a quantile of a histogram, for each value of `labels`."""
    by = ", ".join(("le", *labels))
    return f"histogram_quantile({share}, sum by ({by}) ({rate(metric + '_bucket')}))"


def states(*names: str) -> str:
    """Return the matcher of a `state` label that is one of these."""
    either = "|".join(names)
    return f'state=~"{either}"'


def code(metric: str, codes: Mapping[str, int], by: str, *matchers: str) -> str:
    """Return the number of the state that a 0/1 metric with a `state` label is in."""
    products = [f"{select(metric, states(name), *matchers)} * {value}" for name, value in codes.items()]
    return f"max by ({by}) ({' or '.join(products)})"


def otherwise(query: str, value: float, **labels: str) -> str:
    """Return a query that gives one series with these labels where the first is empty."""
    series = f"vector({value})"
    for label, text in labels.items():
        series = f'label_replace({series}, "{label}", "{text}", "", "")'
    return f"{query} or on() {series}"
