"""Which exposition format and encoding a client wants: its Accept and Accept-Encoding headers (RFC 9110)."""

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import NamedTuple

_QUALITY = re.compile(r"(?:0(?:\.\d*)?|1(?:\.0*)?)")


class Format(StrEnum):
    """An exposition format; the value is the label of its metric."""

    TEXT = "text"
    OPENMETRICS = "openmetrics"
    PROTOBUF = "protobuf"


CONTENT_TYPES: Mapping[Format, str] = {
    Format.TEXT: "text/plain; version=0.0.4; charset=utf-8",
    Format.OPENMETRICS: "application/openmetrics-text; version=1.0.0; charset=utf-8",
    Format.PROTOBUF: (
        "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
    ),
}
_MEDIA = {
    Format.TEXT: ("text", "text/plain", "0.0.4"),
    Format.OPENMETRICS: ("application", "application/openmetrics-text", "1.0.0"),
    Format.PROTOBUF: ("application", "application/vnd.google.protobuf", "delimited"),
}
_NAMED = 2
"""From this specificity on a range names the format itself."""


class _Range(NamedTuple):
    """One entry. `version` is that of a text format, or how messages of protobuf are parted."""

    name: str
    version: str
    quality: float


def choose_format(accept: str, *, protobuf: bool = False) -> Format:
    """Return the format this Accept header prefers; `protobuf` says whether that one is offered.

    The most specific range that matches a format gives its quality. Text answers `*/*`, a header that accepts
    none, and one that is not readable; the others win a tie only where they are named.
    """
    ranges = list(_ranges(accept))
    best, (quality, _) = Format.TEXT, _preference(Format.TEXT, ranges)
    for wanted in (Format.OPENMETRICS, Format.PROTOBUF)[: 1 + protobuf]:
        preferred, specificity = _preference(wanted, ranges)
        if preferred > quality or (specificity >= _NAMED and preferred == quality > 0):
            best, quality = wanted, preferred
    return best


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether gzip is acceptable and at least as welcome as no encoding."""
    codings = {item.name: item.quality for item in _ranges(accept_encoding)}
    gzip = codings.get("gzip", codings.get("x-gzip", codings.get("*", 0.0)))
    return gzip > 0 and gzip >= codings.get("identity", 0.0)


def _preference(wanted: Format, ranges: list[_Range]) -> tuple[float, int]:
    kind, media, version = _MEDIA[wanted]
    rank = {("*/*", ""): 0, (f"{kind}/*", ""): 1, (media, ""): 2, (media, version): 3}
    matches = [(rank[item[:2]], item.quality) for item in ranges if item[:2] in rank]
    specificity, quality = max(matches, default=(-1, 0.0))
    return quality, specificity


def _ranges(header: str) -> Iterator[_Range]:
    """Yield the entries of a header; one whose quality is not readable is passed over."""
    for entry in header.split(","):
        name, *rest = (part.strip().lower() for part in entry.split(";"))
        parameters = dict(_parameter(part) for part in rest)
        quality = parameters.get("q", "1")
        if name and _QUALITY.fullmatch(quality):
            version = parameters.get("version", parameters.get("encoding", ""))
            yield _Range(name, version, float(quality))


def _parameter(text: str) -> tuple[str, str]:
    key, _, value = text.partition("=")
    return key.strip(), value.strip().strip('"')
