"""Where metrics are pushed to: what an operator may set."""

from enum import StrEnum
from pathlib import Path
from typing import Literal

import msgspec

from exporters.datadog.sites import SITES, check_agent, check_site
from exporters.newrelic.key import foreign
from exporters.newrelic.words import check_attributes
from exporters.otlp.settings import (
    Compression,
    Destination,
    LogSignal,
    MetricSignal,
    OTLPSignal,
    TraceSignal,
    check_signal,
    check_timeout,
    check_url,
)
from exporters.push.compression import Encoding
from integrations.credentials.secret import Secret

SHORTEST_INTERVAL, LONGEST_INTERVAL = 1.0, 300.0
LEAST_SPOOL = 1 << 20
MAX_TAG = 200
"""Characters of a Datadog tag, its name and colon among them."""


SignalName = Literal["metrics", "traces", "logs"]
SIGNALS: tuple[SignalName, ...] = ("metrics", "traces", "logs")


_NO_SECRET = Secret("")


class Temporality(StrEnum):
    """Whether counts are since the last window or since the start."""

    DELTA = "delta"
    CUMULATIVE = "cumulative"


class Histograms(StrEnum):
    """Which buckets a histogram is sent with: those of its row in the catalogue, or exponential ones."""

    EXPLICIT = "explicit"
    EXPONENTIAL = "exponential"


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of the configuration file."""


class OTLPSettings(_Section, frozen=True, kw_only=True):
    """An endpoint that takes OTLP over HTTP. `endpoint` is its base, to which `/v1/metrics`, `/v1/traces` and
    `/v1/logs` are added, as with OTEL_EXPORTER_OTLP_ENDPOINT; it may be missing where each signal has one of
    its own. `resource` are attributes beside service.name and the like. No request is over `max_bytes`,
    compressed; `timeout` is seconds for one.
    """

    endpoint: str = ""
    headers: dict[str, Secret] = {}
    timeout: float = 10.0
    compression: Compression = Compression.GZIP
    ca_file: str | None = None
    metrics: MetricSignal = MetricSignal()
    traces: TraceSignal = TraceSignal()
    logs: LogSignal = LogSignal()
    temporality: Temporality = Temporality.CUMULATIVE
    histograms: Histograms = Histograms.EXPLICIT
    resource: dict[str, str] = {}
    max_bytes: int = 1_000_000

    def __post_init__(self) -> None:
        """Refuse what no request could be sent to.

        Raises:
            ValueError: with the key and what it must be.
        """
        check_timeout("exporters.otlp.timeout", self.timeout)
        for name in SIGNALS:
            signal = self._signal(name)
            check_signal(f"exporters.otlp.{name}", signal)
            if signal.enabled and not signal.endpoint:
                check_url("exporters.otlp.endpoint", self.endpoint)
        if self.max_bytes < 1_000:
            raise ValueError("exporters.otlp.max_bytes must be 1000 or more")

    def destination(self, name: SignalName) -> Destination:
        """Where the requests of a signal go, and how."""
        signal = self._signal(name)
        return Destination(
            url=signal.endpoint or f"{self.endpoint.rstrip('/')}/v1/{name}",
            headers=signal.headers or self.headers,
            timeout=self.timeout if signal.timeout is None else signal.timeout,
            compression=signal.compression or self.compression,
            ca_file=signal.ca_file or self.ca_file,
        )

    def located(self, folder: Path) -> "OTLPSettings":
        """With its files as absolute paths; relative ones begin at this folder."""

        def place(file: str | None) -> str | None:
            return None if file is None else str(folder / file)

        return msgspec.structs.replace(
            self,
            ca_file=place(self.ca_file),
            metrics=msgspec.structs.replace(self.metrics, ca_file=place(self.metrics.ca_file)),
            traces=msgspec.structs.replace(self.traces, ca_file=place(self.traces.ca_file)),
            logs=msgspec.structs.replace(self.logs, ca_file=place(self.logs.ca_file)),
        )

    def _signal(self, name: SignalName) -> OTLPSignal:
        signals: dict[SignalName, OTLPSignal] = {
            "metrics": self.metrics,
            "traces": self.traces,
            "logs": self.logs,
        }
        return signals[name]


class Distributions(StrEnum):
    """How Datadog gets histograms: as values, or as the sketches that its Agent sends."""

    POINTS = "points"
    SKETCHES = "sketches"


class DatadogEventChoice(StrEnum):
    """Which events Datadog is told of: incidents, or breaker transitions and changes of health as well."""

    INCIDENTS = "incidents"
    ALL = "all"
    NONE = "none"


class DatadogSettings(_Section, frozen=True, kw_only=True):
    """A Datadog account: `site` such as `datadoghq.eu`, or `url` for a proxy in its place. `host` (by default
    this machine's name) and `tags` are on all that is sent; `compression` is of counts and gauges. Where
    `dogstatsd` is the address of an Agent, that takes everything in the account's place.
    """

    api_key: Secret = _NO_SECRET
    site: str = SITES[0]
    url: str = ""
    host: str = ""
    tags: dict[str, str] = {}
    compression: Encoding = Encoding.DEFLATE
    distributions: Distributions = Distributions.POINTS
    events: DatadogEventChoice = DatadogEventChoice.INCIDENTS
    dogstatsd: str = ""

    def __post_init__(self) -> None:
        """Refuse two ways or none, an address that is none, and tags that Datadog would cut.

        Raises:
            ValueError: with the key and what it must be.
        """
        if bool(self.api_key.reveal()) is bool(self.dogstatsd):
            raise ValueError("exporters.datadog needs either api_key or dogstatsd, the address of an Agent")
        if self.dogstatsd:
            check_agent(self.dogstatsd)
        if self.url:
            check_url("exporters.datadog.url", self.url)
        else:
            check_site(self.site)
        if long := [name for name, value in self.tags.items() if len(name) + len(value) >= MAX_TAG]:
            raise ValueError(f"exporters.datadog.tags: {long[0]} must be shorter than {MAX_TAG} characters")


class NewRelicSettings(_Section, frozen=True, kw_only=True):
    """A New Relic account: its license key and region, or `url` for a proxy in its place. `attributes` are on
    all that is sent. With `account_id` it is told of incidents, breaker transitions and changes of health as
    events, at `events_url` where a proxy takes them.
    """

    license_key: Secret
    region: Literal["us", "eu", "gov"] = "us"
    url: str = ""
    attributes: dict[str, str] = {}
    account_id: int | str = ""
    events_url: str = ""

    def __post_init__(self) -> None:
        """Refuse a key that may send nothing, an address or account that is none, and attributes that New
        Relic would change or drop.

        Raises:
            ValueError: with the key and what it must be.
        """
        if what := foreign(self.license_key.reveal()):
            raise ValueError(f"exporters.newrelic.license_key is {what}")
        check_url("exporters.newrelic.url", self.url or "https://newrelic.com")
        check_url("exporters.newrelic.events_url", self.events_url or "https://newrelic.com")
        if self.account_id != "" and not (self.account.isascii() and self.account.isdigit()):
            raise ValueError("exporters.newrelic.account_id must be the account's number, such as 1234567")
        if self.events_url and not self.account:
            raise ValueError("exporters.newrelic.events_url needs exporters.newrelic.account_id beside it")
        check_attributes(self.attributes)

    @property
    def account(self) -> str:
        """The account's number; empty when it is told of no events."""
        return str(self.account_id)


class ExporterSettings(_Section, frozen=True, kw_only=True):
    """All push exporters. Every `flush_interval` seconds what changed is sent; what an intake has not taken
    waits in files, at most `spool_bytes` for each exporter.
    """

    otlp: OTLPSettings | None = None
    datadog: DatadogSettings | None = None
    newrelic: NewRelicSettings | None = None
    flush_interval: float = 10.0
    spool_bytes: int = 256 << 20

    def __post_init__(self) -> None:
        """Refuse limits that make no sense.

        Raises:
            ValueError: with the key and what it must be.
        """
        if not SHORTEST_INTERVAL <= self.flush_interval <= LONGEST_INTERVAL:
            limits = f"from {SHORTEST_INTERVAL:g} to {LONGEST_INTERVAL:g} seconds"
            raise ValueError(f"exporters.flush_interval must be {limits}")
        if self.spool_bytes < LEAST_SPOOL:
            raise ValueError(f"exporters.spool_bytes must be {LEAST_SPOOL} or more")

    @property
    def is_pushing(self) -> bool:
        """Whether metrics are pushed anywhere."""
        by_otlp = self.otlp is not None and self.otlp.metrics.enabled
        return by_otlp or self.datadog is not None or self.newrelic is not None

    @property
    def is_cumulative(self) -> bool:
        """Whether metrics are pushed to one who takes counts since the start."""
        otlp = self.otlp
        return otlp is not None and otlp.metrics.enabled and otlp.temporality is Temporality.CUMULATIVE
