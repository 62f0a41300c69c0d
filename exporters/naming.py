"""What metrics and their labels are called where names have dots: OpenTelemetry, Datadog and New Relic.

`dialtone_call_duration_seconds` is `dialtone.call_duration` in seconds there, because those intakes carry the
unit beside the name. OpenTelemetry has names of its own for some; the rows of the catalogue say which.
"""

from collections.abc import Mapping, Sequence
from functools import cache

from exporters.catalogue import Family

_PREFIX = "dialtone_"
_OPENTELEMETRY: Mapping[str, str] = {"seconds": "s", "bytes": "By", "ratio": "1", "": "1"}
_DATADOG: Mapping[str, str] = {"seconds": "second", "bytes": "byte", "ratio": "fraction", "": ""}
_WHOLE_NUMBERS = frozenset({"http.response.status_code", "server.port", "cpython.gc.generation"})
"""Attributes that are integers by OpenTelemetry's registry; all others that stand for labels are text."""
_OTHER_WORDS: Mapping[tuple[str, str], str] = {
    ("error.type", "ok"): "",
    ("http.request.method", "other"): "_OTHER",
}


def dotted(family: Family) -> str:
    """The name with dots, which Datadog and New Relic get: without the unit and without `_total`."""
    return _dotted(family.name, family.unit)


@cache
def _dotted(name: str, unit: str) -> str:
    bare = name.removeprefix(_PREFIX).removesuffix("_total")
    return f"dialtone.{bare.removesuffix(f'_{unit}') if unit else bare}"


def opentelemetry_name(family: Family) -> str:
    """The name by OpenTelemetry's semantic conventions where they have one, else the one with dots."""
    return dotted(family) if family.convention is None else family.convention.name


def opentelemetry_unit(family: Family) -> str:
    """The unit as UCUM writes it, which OpenTelemetry asks for."""
    return _OPENTELEMETRY[family.unit] if family.convention is None else family.convention.unit


def opentelemetry_attributes(family: Family) -> Sequence[str]:
    """What the labels of a metric are called there, in their order."""
    named = {} if family.convention is None else dict(family.convention.attributes)
    return [named.get(label, label) for label in family.labels]


def attribute_value(attribute: str, value: str) -> str | int:
    """A label's value as the attribute wants it; empty for an attribute that is to be left out."""
    if attribute in _WHOLE_NUMBERS:
        return int(value) if value.isascii() and value.isdigit() else ""
    return _OTHER_WORDS.get((attribute, value), value)


def datadog_unit(family: Family) -> str:
    """The unit as Datadog names it; empty for a plain count."""
    return _DATADOG[family.unit]
