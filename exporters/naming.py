"""What metrics are called where names have dots: OpenTelemetry, Datadog and New Relic.

`dialtone_call_duration_seconds` is `dialtone.call_duration` in seconds there, because those intakes carry the
unit beside the name.
"""

from collections.abc import Mapping
from functools import cache

from exporters.catalogue import Family

_PREFIX = "dialtone_"
_OPENTELEMETRY: Mapping[str, str] = {"seconds": "s", "bytes": "By", "ratio": "1", "": "1"}
_DATADOG: Mapping[str, str] = {"seconds": "second", "bytes": "byte", "ratio": "fraction", "": ""}


@cache
def dotted(family: Family) -> str:
    """The name with dots: without the unit and without `_total`."""
    bare = family.name.removeprefix(_PREFIX).removesuffix("_total")
    return f"dialtone.{bare.removesuffix(f'_{family.unit}') if family.unit else bare}"


def opentelemetry_unit(family: Family) -> str:
    """The unit as UCUM writes it, which OpenTelemetry asks for."""
    return _OPENTELEMETRY[family.unit]


def datadog_unit(family: Family) -> str:
    """The unit as Datadog names it; empty for a plain count."""
    return _DATADOG[family.unit]
