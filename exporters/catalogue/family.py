"""What a metric is: the row that declares it, and how rows are written."""

from typing import Literal

import msgspec

Kind = Literal["counter", "gauge", "histogram"]
UNITS = ("seconds", "bytes", "ratio")
"""Base units a name may end in; anything else is a plain count."""

HTTP_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""OpenTelemetry's advice for http.client.request.duration (semantic conventions, HTTP metrics)."""
AGE_SECONDS = (0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 14400.0, 86400.0)
LAG_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0)


class Convention(msgspec.Struct, frozen=True, kw_only=True):
    """What OpenTelemetry's semantic conventions make of a metric: its name and unit there, `attributes` as
    pairs of a label and what it is called, and `constants`, which are the same for every series. `is_level`:
    it is no gauge there but an UpDownCounter, whose series add up. `has_place`: method and server of the
    action are attributes too. `only`: it holds where a label has one of these values, and not elsewhere.

    Source: https://opentelemetry.io/docs/specs/semconv/general/metrics; a test holds it against the package
    opentelemetry-semantic-conventions.
    """

    name: str
    unit: str
    attributes: tuple[tuple[str, str], ...] = ()
    has_place: bool = False
    constants: tuple[tuple[str, str], ...] = ()
    is_level: bool = False
    only: tuple[str, tuple[str, ...]] | None = None


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """One metric: `labels` in the order that label values are given in; `buckets` are a histogram's inclusive
    upper bounds, rising, without infinity. `convention` is there where OpenTelemetry has a name for it.
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    convention: Convention | None = None

    @property
    def unit(self) -> str:
        """The base unit the name ends in; empty for a count, a state or a stamp of information."""
        last = self.name.removesuffix("_total").rsplit("_", 1)[-1]
        return last if last in UNITS else ""


def counter(
    name: str, labels: tuple[str, ...], help_text: str, *, convention: Convention | None = None
) -> Family:
    """Declare `dialtone_<name>_total`."""
    name = f"dialtone_{name}_total"
    return Family(name=name, kind="counter", help=help_text, labels=labels, convention=convention)


def gauge(
    name: str, labels: tuple[str, ...], help_text: str, *, convention: Convention | None = None
) -> Family:
    """Declare `dialtone_<name>`, which may fall."""
    name = f"dialtone_{name}"
    return Family(name=name, kind="gauge", help=help_text, labels=labels, convention=convention)


def histogram(
    name: str,
    labels: tuple[str, ...],
    help_text: str,
    *,
    buckets: tuple[float, ...] = HTTP_SECONDS,
    convention: Convention | None = None,
) -> Family:
    """Declare `dialtone_<name>`, a distribution over `buckets`."""
    return Family(
        name=f"dialtone_{name}",
        kind="histogram",
        help=help_text,
        labels=labels,
        buckets=buckets,
        convention=convention,
    )


ONE = ("integration",)
LINE = ("integration", "vendor")
CALL = ("integration", "vendor", "action", "origin")
CAPABILITY = ("integration", "capability")
HEALTH = ("integration", "vendor", "capability")
BUCKET = ("integration", "bucket")
