"""What an operator may set for each signal of OTLP: metrics, traces, logs."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

import msgspec

from integrations.credentials.secret import Secret
from integrations.execution.tracing import Sampler, TracedChecks

SHORTEST_TIMEOUT, LONGEST_TIMEOUT = 0.1, 30.0


class Compression(StrEnum):
    """How requests are compressed."""

    GZIP = "gzip"
    NONE = "none"


class SamplerName(StrEnum):
    """OpenTelemetry's names of samplers (OTEL_TRACES_SAMPLER)."""

    ALWAYS_ON = "always_on"
    ALWAYS_OFF = "always_off"
    TRACEIDRATIO = "traceidratio"
    PARENTBASED_ALWAYS_ON = "parentbased_always_on"
    PARENTBASED_ALWAYS_OFF = "parentbased_always_off"
    PARENTBASED_TRACEIDRATIO = "parentbased_traceidratio"


_RATIOS = {
    SamplerName.ALWAYS_ON: 1.0,
    SamplerName.PARENTBASED_ALWAYS_ON: 1.0,
    SamplerName.ALWAYS_OFF: 0.0,
    SamplerName.PARENTBASED_ALWAYS_OFF: 0.0,
}


class Destination(NamedTuple):
    """Where the requests of one signal go, and how."""

    url: str
    headers: Mapping[str, Secret]
    timeout: float
    compression: Compression
    ca_file: str | None


class OTLPSignal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One signal: what is not set is that of all signals. `endpoint` is taken as it is, without `/v1/…`
    added, and `headers` stand in place of the common ones, as the environment's variables are.
    """

    enabled: bool = False
    endpoint: str = ""
    headers: dict[str, Secret] = {}
    timeout: float | None = None
    compression: Compression | None = None
    ca_file: str | None = None


class MetricSignal(OTLPSignal, frozen=True, kw_only=True):
    """Metrics: sent unless that is turned off."""

    enabled: bool = True


class TraceSignal(OTLPSignal, frozen=True, kw_only=True):
    """Traces: which are kept, and which checks are among them."""

    sampler: SamplerName = SamplerName.PARENTBASED_ALWAYS_ON
    ratio: float = 1.0
    checks: TracedChecks = TracedChecks.FAILED

    def sampled_by(self) -> Sampler:
        """What decides which traces are kept."""
        return Sampler(
            ratio=_RATIOS.get(self.sampler, self.ratio), follows_parent=self.sampler.startswith("parentbased")
        )


class LogSignal(OTLPSignal, frozen=True, kw_only=True):
    """Logs: the lines that are written anyway, from `level` on."""

    level: Literal["debug", "info", "warning", "error"] = "info"


def check_signal(key: str, signal: OTLPSignal) -> None:
    """Refuse what no request could be sent to.

    Raises:
        ValueError: with the key and what it must be.
    """
    if signal.endpoint:
        check_url(f"{key}.endpoint", signal.endpoint)
    if signal.timeout is not None:
        check_timeout(f"{key}.timeout", signal.timeout)
    if isinstance(signal, TraceSignal) and not 0 <= signal.ratio <= 1:
        raise ValueError(f"{key}.ratio must be from 0 to 1")


def check_timeout(key: str, seconds: float) -> None:
    """Refuse a time that is none.

    Raises:
        ValueError: with the key and what it must be.
    """
    if not SHORTEST_TIMEOUT <= seconds <= LONGEST_TIMEOUT:
        raise ValueError(f"{key} must be from {SHORTEST_TIMEOUT:g} to {LONGEST_TIMEOUT:g} seconds")


def check_url(key: str, url: str) -> None:
    """Refuse an address that no request could be sent to, or that holds a secret.

    Raises:
        ValueError: with the key and what it must be.
    """
    if not _is_address(url):
        raise ValueError(f"{key} must be an address such as https://otlp.example.com, without user or query")


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        is_reachable = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    is_bare = not (parts.username or parts.query or parts.fragment)
    return is_reachable and is_bare and parts.scheme in {"http", "https"}
