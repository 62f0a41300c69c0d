"""PromQL for the boards, out of the catalogue's metrics and what the rules record of them only."""

from collections.abc import Mapping, Sequence

from dashboards.build.rules.recording import groups
from exporters.catalogue import CATALOGUE

INTERVAL = "$__rate_interval"
SENT = 'outcome!~"rejected|cancelled"'
"""Requests that reached out; the rest says nothing of the vendor."""
FAILED = 'outcome!~"ok|rejected|cancelled"'
WHOLE = 'capability=""'
"""An integration as a whole, not one of its capabilities."""
RECORDED = frozenset(rule.record for group in groups() for rule in group.rules)
SCRAPED = ("job", "instance")
CHOSEN = ("integration", "vendor", "slo", "receiver")
"""Labels that a board's reader may choose by a variable of the same name."""
SUFFIXES = ("_bucket", "_sum", "_count")
PROCESS = frozenset(
    {
        "process_cpu_seconds_total",
        "process_max_fds",
        "process_open_fds",
        "process_resident_memory_bytes",
        "process_start_time_seconds",
    }
)
"""What prometheus-client tells of the process on each scrape; the catalogue does not hold it."""


def labels_of(series: str) -> tuple[str, ...]:
    """Return the labels a series has by the catalogue.

    Raises:
        LookupError: the catalogue has no such series.
    """
    for suffix in SUFFIXES:
        family = CATALOGUE.get(series.removesuffix(suffix))
        if series.endswith(suffix) and family is not None and family.kind == "histogram":
            return (*family.labels, "le") if suffix == "_bucket" else family.labels
    return () if series in PROCESS else CATALOGUE[series].labels


def select(series: str, *matchers: str, by: Sequence[str] = CHOSEN) -> str:
    """Return a selector of a series, narrowed to what the board's reader chose, as far as it has the labels;
    `by` says less where a board hides a variable, because a choice made elsewhere comes along unseen.

    Raises:
        LookupError: the catalogue has no such series.
    """
    return _narrowed(series, [label for label in labels_of(series) if label in by], matchers)


def recorded(series: str, *matchers: str) -> str:
    """Return a selector of a recorded series, narrowed as by `select`; its level, the part before the first
    colon, names its labels.

    Raises:
        LookupError: no rule records it.
    """
    if series not in RECORDED:
        raise LookupError(f"no rule records {series}")
    level = series.split(":", 1)[0]
    return _narrowed(series, tuple(level.split("_")), matchers)


def _narrowed(series: str, labels: Sequence[str], matchers: Sequence[str]) -> str:
    chosen = [f'{label}=~"${label}"' for label in (*SCRAPED, *(one for one in CHOSEN if one in labels))]
    return f"{series}{{{','.join([*chosen, *matchers])}}}"


def rate(series: str, *matchers: str, over: str = INTERVAL) -> str:
    """Return the increase per second of a counter."""
    return f"rate({select(series, *matchers)}[{over}])"


def increase(series: str, *matchers: str, by: Sequence[str] = CHOSEN) -> str:
    """Return how much a counter grew in the time the board shows; of one born in it, all that it has,
    because `increase` alone would leave out the event it was born with.
    """
    chosen = select(series, *matchers, by=by)
    return f"(({chosen} unless {chosen} offset $__range) or increase({chosen}[$__range]))"


def total(query: str, *labels: str) -> str:
    """Return the sum of a query, for each value of the labels."""
    return f"sum by ({', '.join(labels)}) ({query})" if labels else f"sum({query})"


def quantile(share: float, histogram: str, *labels: str, matchers: tuple[str, ...] = ()) -> str:
    """Return a quantile of a histogram, for each value of `labels`."""
    return f"histogram_quantile({share}, {total(rate(f'{histogram}_bucket', *matchers), 'le', *labels)})"


def mean(histogram: str, *labels: str) -> str:
    """Return the mean of a histogram, for each value of `labels`; nothing where nothing was measured."""
    amount, count = (total(rate(f"{histogram}{suffix}"), *labels) for suffix in ("_sum", "_count"))
    return f"{amount} / ({count} > 0)"


def ratio(part: str, whole: str) -> str:
    """Return a part's share of the whole: 0 where the part is missing, nothing where the whole is 0."""
    return f"({part} or 0 * {whole}) / ({whole} > 0)"


def states(*names: str) -> str:
    """Return the matcher of a `state` label that is one of these."""
    return f'state=~"{"|".join(names)}"'


def code(series: str, codes: Mapping[str, int], by: str, *matchers: str) -> str:
    """Return the number of the state that a 0/1 series with a `state` label is in."""
    products = [f"{select(series, states(name), *matchers)} * {value}" for name, value in codes.items()]
    return f"max by ({by}) ({' or '.join(products)})"


KNOWN = f"count({select('dialtone_build_info')})"
ZERO = f"0 * {KNOWN}"
"""0 while Dialtone is scraped, and nothing while it is not: what is not known is not well."""


HEALTH_CODE = "integration:dialtone_health:code"
BREAKER_CODE = "integration:dialtone_breaker_state:code"


def otherwise(query: str, value: float, **labels: str) -> str:
    """Return a query that gives one series with these labels where the first is empty and Dialtone is not."""
    series = f"{ZERO} + {value}" if value else ZERO
    for label, text in labels.items():
        series = f'label_replace({series}, "{label}", "{text}", "", "")'
    return f"{query} or on() {series}"


def days_until(series: str, *matchers: str) -> str:
    """Return the days until a time stamp; below 0 when it is past."""
    return f"({select(series, *matchers)} - time()) / 86400"


def filled(query: str, like: str, value: float = 0) -> str:
    """Return a query that has this value where it lacks a series that the other one has."""
    return f"({query}) or 0 * ({like})" + (f" + {value}" if value else "")


def worst(query: str, count: int = 10) -> str:
    """Return the largest few, so that a thousand integrations fit on a board."""
    return f"topk({count}, {query})"
