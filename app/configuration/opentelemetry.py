"""OpenTelemetry's own environment variables, read as if they stood in the file. What does stand there goes
before them.

Source: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ and
https://opentelemetry.io/docs/specs/otel/protocol/exporter/. An empty variable is the same as none.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple
from urllib.parse import unquote

from exporters.otlp.settings import LONGEST_TIMEOUT, check_url
from integrations.credentials.secret import Secret
from integrations.manifest.source import Problem

ENVIRONMENT = "the environment"
_PREFIX = "OTEL_EXPORTER_OTLP_"
_SIGNALS = ("metrics", "traces", "logs")
_UNSHOWN = ("HEADERS", "ENDPOINT", "ATTRIBUTES")
"""Ends of the names of variables that may hold secrets."""
_PROTOCOL = "http/protobuf"
_TEMPORALITIES = {"cumulative": "cumulative", "delta": "delta", "lowmemory": "delta"}
_HISTOGRAMS = {
    "explicit_bucket_histogram": "explicit",
    "base2_exponential_bucket_histogram": "exponential",
}
_SAMPLERS = (
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
)

Section = dict[str, object]


class _UnfitError(ValueError):
    """A variable whose value cannot be used: what is expected."""


class Found(NamedTuple):
    """The exporters of the file with what the environment adds, and what is wrong there."""

    exporters: object
    problems: tuple[Problem, ...]


def with_environment(exporters: object, environment: Mapping[str, str]) -> Found:
    """Add to the file's section `exporters` (None: it has none) what the environment says of OTLP.

    Without an endpoint in either there is no exporter: none is assumed.
    """
    given = exporters if isinstance(exporters, dict) else {}
    otlp = given.get("otlp")
    reading = _Reading(environment)
    is_off = reading.text("OTEL_SDK_DISABLED").lower() == "true"
    is_wrong = (exporters is not None and not isinstance(exporters, dict)) or (
        otlp is not None and not isinstance(otlp, dict)
    )
    if is_off or is_wrong or not (otlp is not None or reading.has_endpoint()):
        return Found(exporters, ())
    added = reading.otlp(is_in_file=otlp is not None)
    result: Section = {**given, "otlp": _under(otlp or {}, added)}
    if (interval := reading.interval()) is not None:
        result.setdefault("flush_interval", interval)
    return Found(result, tuple(reading.problems))


def _under(given: Section, added: Section) -> Section:
    """Both as one: what is given stays, section by section."""
    result = {**added, **given}
    for name, value in added.items():
        there = given.get(name)
        if isinstance(value, dict) and isinstance(there, dict) and name != "headers":
            result[name] = _under(there, value)
    return result


class _Reading:
    """The variables, and what is wrong with them."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.problems: list[Problem] = []

    def text(self, name: str) -> str:
        """A variable's value without blanks around it."""
        return self._environment.get(name, "").strip()

    def has_endpoint(self) -> bool:
        """Whether any says where to send to."""
        names = ("ENDPOINT", *(f"{signal.upper()}_ENDPOINT" for signal in _SIGNALS))
        return any(self.text(_PREFIX + name) for name in names)

    def otlp(self, *, is_in_file: bool) -> Section:
        """The section `exporters.otlp`, as far as the environment has it."""
        found: Section = {
            **dict(self._destination("")),
            **self._of_metrics(),
            "metrics": self._signal("metrics", is_in_file=is_in_file),
            "traces": {**self._signal("traces", is_in_file=is_in_file), **self._sampling()},
            "logs": self._signal("logs", is_in_file=is_in_file),
            "resource": self._resource(),
        }
        return {name: value for name, value in found.items() if value != {}}

    def interval(self) -> float | None:
        """Seconds between two windows."""
        found = self._read("OTEL_METRIC_EXPORT_INTERVAL", _milliseconds)
        return found if isinstance(found, float) else None

    def _signal(self, signal: str, *, is_in_file: bool) -> Section:
        own = self._destination(f"{signal.upper()}_")
        return {**dict(own), **dict(self._wanted(signal, is_in_file=is_in_file))}

    def _destination(self, prefix: str) -> Iterator[tuple[str, object]]:
        keys: tuple[tuple[str, str, Callable[[str], object]], ...] = (
            ("ENDPOINT", "endpoint", _address),
            ("HEADERS", "headers", _headers),
            ("TIMEOUT", "timeout", lambda text: min(_milliseconds(text), LONGEST_TIMEOUT)),
            ("COMPRESSION", "compression", _one_of("gzip", "none")),
            ("CERTIFICATE", "ca_file", str),
        )
        for variable, key, read in keys:
            if (value := self._read(f"{_PREFIX}{prefix}{variable}", read)) is not None:
                yield key, value
        self._read(f"{_PREFIX}{prefix}PROTOCOL", _one_of(_PROTOCOL))

    def _wanted(self, signal: str, *, is_in_file: bool) -> Iterator[tuple[str, object]]:
        """Whether a signal is sent: as its variable says, else where there is an address for it."""
        kinds = self.text(f"OTEL_{signal.upper()}_EXPORTER")
        if kinds:
            yield "enabled", "otlp" in [kind.strip() for kind in kinds.split(",")]
        elif not is_in_file:
            own = f"{_PREFIX}{signal.upper()}_ENDPOINT"
            yield "enabled", bool(self.text(f"{_PREFIX}ENDPOINT") or self.text(own))

    def _sampling(self) -> Section:
        sampler = self._read("OTEL_TRACES_SAMPLER", _one_of(*_SAMPLERS))
        ratio = self._read("OTEL_TRACES_SAMPLER_ARG", _ratio) if str(sampler).endswith("ratio") else None
        return {key: value for key, value in (("sampler", sampler), ("ratio", ratio)) if value is not None}

    def _of_metrics(self) -> Section:
        temporality = self._read(f"{_PREFIX}METRICS_TEMPORALITY_PREFERENCE", _word_of(_TEMPORALITIES))
        histograms = self._read(f"{_PREFIX}METRICS_DEFAULT_HISTOGRAM_AGGREGATION", _word_of(_HISTOGRAMS))
        found = (("temporality", temporality), ("histograms", histograms))
        return {key: value for key, value in found if value is not None}

    def _resource(self) -> Section:
        found = self._read("OTEL_RESOURCE_ATTRIBUTES", _pairs)
        attributes: Section = dict(found) if isinstance(found, dict) else {}
        if service := self.text("OTEL_SERVICE_NAME"):
            attributes["service.name"] = service
        return attributes

    def _read(self, name: str, read: Callable[[str], object]) -> object:
        text = self.text(name)
        if not text:
            return None
        try:
            return read(text)
        except _UnfitError as error:
            found = "a value that is none" if name.endswith(_UNSHOWN) else repr(text[:60])
            problem = Problem(file=ENVIRONMENT, line=0, key=name, found=found, expected=str(error))
            self.problems.append(problem)
            return None


def _milliseconds(text: str) -> float:
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise _UnfitError("a whole number of milliseconds")
    return int(text) / 1000


def _address(text: str) -> str:
    try:
        check_url("", text)
    except ValueError:
        raise _UnfitError("an address such as http://collector:4318, without user or query") from None
    return text


def _ratio(text: str) -> float:
    try:
        ratio = float(text)
    except ValueError:
        ratio = -1.0
    if not 0 <= ratio <= 1:
        raise _UnfitError("a number from 0 to 1")
    return ratio


def _pairs(text: str) -> dict[str, str]:
    """`key=value,key=value`, with values percent-encoded (W3C Baggage, as the specification has it)."""
    found: dict[str, str] = {}
    for member in filter(None, (each.strip() for each in text.split(","))):
        key, equals, value = member.partition("=")
        if not equals or not key.strip():
            raise _UnfitError("key=value, with commas between several")
        found[unquote(key.strip())] = unquote(value.strip())
    return found


def _headers(text: str) -> dict[str, Secret]:
    return {name: Secret(value) for name, value in _pairs(text).items()}


def _one_of(*words: str) -> Callable[[str], object]:
    def read(text: str) -> object:
        if text not in words:
            raise _UnfitError(f"one of {', '.join(words)}" if len(words) > 1 else words[0])
        return text

    return read


def _word_of(words: Mapping[str, str]) -> Callable[[str], object]:
    def read(text: str) -> object:
        if text.lower() not in words:
            raise _UnfitError(f"one of {', '.join(words)}")
        return words[text.lower()]

    return read
