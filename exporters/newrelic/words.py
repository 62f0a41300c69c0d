"""Words that New Relic keeps for itself, and what attributes may be called.

Sources: New Relic's pages "Metric API limits and restricted attributes" and "Data requirements and limits for
custom event data".
"""

import re
from collections.abc import Mapping

MAX_NAME, MAX_VALUE = 255, 4_096
MAX_ATTRIBUTES = 80
"""An operator's; with ours they stay below the 100 that a metric may have."""
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.:]*")
_KEPT = frozenset(
    {
        "accountId",
        "appId",
        "eventType",
        "timestamp",
        "type",
        "newrelic.source",
        "metricName",
        "endTimestamp",
        "entity.guid",
        "entity.name",
        "entity.type",
        "hostname",
        "log",
        "plugin.type",
        "fb.input",
        "interval.ms",
        "value",
        "common",
        "min",
        "max",
        "count",
        "sum",
        "metrics",
    }
)
"""Dropped, overwritten, or the cause that a whole point is dropped."""
_SPOKEN = frozenset(
    {
        "ago",
        "and",
        "as",
        "auto",
        "begin",
        "begintime",
        "compare",
        "day",
        "days",
        "end",
        "endtime",
        "explain",
        "facet",
        "from",
        "hour",
        "hours",
        "in",
        "is",
        "like",
        "limit",
        "minute",
        "minutes",
        "month",
        "months",
        "not",
        "null",
        "offset",
        "or",
        "raw",
        "second",
        "seconds",
        "select",
        "since",
        "timeseries",
        "until",
        "week",
        "weeks",
        "where",
        "with",
    }
)
"""NRQL's own, which a query can name between backticks only."""


def is_kept(name: str) -> bool:
    """Whether New Relic keeps a name for itself."""
    return name in _KEPT or name.lower() in _SPOKEN or name.startswith("nr.")


def check_attributes(attributes: Mapping[str, str]) -> None:
    """Refuse attributes that New Relic would change or drop.

    Raises:
        ValueError: with the key and what it must be.
    """
    where = "exporters.newrelic.attributes"
    if len(attributes) > MAX_ATTRIBUTES:
        raise ValueError(f"{where} may be {MAX_ATTRIBUTES} at most, and are {len(attributes)}")
    for name, value in attributes.items():
        if is_kept(name):
            raise ValueError(f"{where}: New Relic keeps the name {name} for itself; choose another")
        if not _NAME.fullmatch(name) or len(name) > MAX_NAME:
            raise ValueError(
                f"{where}: {name[:MAX_NAME]!r} must begin with a letter, then letters, digits, . _ :"
            )
        if len(value) > MAX_VALUE:
            raise ValueError(f"{where}: {name} must be {MAX_VALUE} characters or shorter")
