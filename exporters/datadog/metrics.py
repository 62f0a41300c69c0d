"""Datadog's metric intakes: counts and gauges as series (API v2), histograms as distribution points (v1) or
sketches, the health of integrations as service checks (v1).

Sources: Datadog's OpenAPI descriptions (v1, v2) and docs.datadoghq.com/api. A value is known by its metric,
tags and second, and the last one written wins: so a request may be sent twice, no two windows may end in the
same second, and no two series of a window may have the same tags.

Ten thousand series are written each window, so their JSON is put together from pieces that were written once.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

import msgspec

from exporters.catalogue import Family
from exporters.datadog.address import DatadogAddress
from exporters.datadog.checks import service_checks
from exporters.datadog.sketches import dogsketch, encode_sketch, split_sketches
from exporters.datadog.tags import Tags, numbers, second_of, spreads
from exporters.naming import datadog_unit, dotted
from exporters.push.batchfile import Batch
from exporters.push.compression import Encoding, compressed, decompressed
from exporters.push.exporter import Address, Reply, Verdict
from exporters.push.packing import Limits, halves, packed
from exporters.push.representatives import weighted_of
from exporters.push.window import Point, Window
from exporters.settings import DatadogSettings, Distributions

LIMITS = Limits(items=20_000, plain_bytes=5_000_000, bytes=500_000)
"""Datadog takes 512,000 bytes, and 5,242,880 once they are unpacked."""
MOST_VALUES = 50_000
"""Values of one series in one second: so many are far within the limits. A window that has more of them, such
as one that grew while no disk took it, is long enough to tell them for several of its seconds.
"""
CHECKS_KEPT = 9 * 60.0
"""Datadog takes service checks that are up to ten minutes old."""
_COUNT, _GAUGE = 1, 3
_WRITTEN = {Encoding.DEFLATE: "deflate", Encoding.GZIP: "gzip", Encoding.ZSTD: "zstd1"}
"""Content-Encoding as Datadog's description has it."""
_JSON_CONTENT = {"content-type": "application/json"}
_CONTENT: Mapping[str, Mapping[str, str]] = {
    "sketches": {"content-type": "application/x-protobuf", "dd-agent-payload": "4.87.0"}
}
"""The Agent's header names the version of the schema; Vector sends the same one."""

Item = TypeVar("Item", str, bytes)


class _Body(msgspec.Struct):
    """A body of series or distributions, whose items are left as they are."""

    series: list[msgspec.Raw]


class Datadog:
    """Datadog as an intake."""

    name = "datadog"
    keep = 55 * 60.0

    def __init__(self, settings: DatadogSettings) -> None:
        self._settings = settings
        self.secrets = (settings.api_key,)
        self._tags = Tags(settings.tags, write=json.dumps)
        self._address = DatadogAddress(settings)
        self._second = 0

    def encode(self, window: Window, /) -> Sequence[Batch]:
        """The requests that carry a window."""
        self._second = second_of(window, after=self._second)
        interval = max(1, round(window.ended - window.began))
        points = window.points
        parts: dict[str, Iterable[str]] = {"series": self._series(points, interval)}
        if self._settings.distributions is Distributions.POINTS:
            parts["distributions"] = self._distributions(points)
        parts["checks"] = self._checks(points)
        batches = [
            batch
            for route, items in parts.items()
            for batch in self._packed(list(items), route=route, encode=_JSON[route], cut_at=window.ended)
        ]
        if self._settings.distributions is Distributions.SKETCHES:
            sketches = list(self._sketches(points))
            batches += self._packed(sketches, route="sketches", encode=b"".join, cut_at=window.ended)
        return batches

    def split(self, batch: Batch) -> Sequence[Batch]:
        """A batch as two."""
        plain = decompressed(batch.body, batch.headers["content-encoding"])
        if batch.route == "sketches":
            parts = [(b"".join(half), len(half)) for half in halves(split_sketches(plain))]
        else:
            encode, items = _JSON[batch.route], _items(plain, is_list=batch.route == "checks")
            parts = [(encode(half), len(half)) for half in halves(items)]
        return [
            self._sealed(body, points=count, route=batch.route, cut_at=batch.cut_at) for body, count in parts
        ]

    def address(self, batch: Batch) -> Address:
        """Where a batch goes, with the key."""
        return self._address.of(batch.route)

    def key_question(self) -> Batch:
        """The request that asks Datadog whether it knows the key."""
        return Batch(route="validate", body=b"", headers={}, points=0, cut_at=0.0)

    def judge(self, reply: Reply) -> Verdict:
        """What a reply means."""
        return self._address.judge(reply)

    def _packed(
        self, items: Sequence[Item], *, route: str, encode: Callable[[Sequence[Item]], bytes], cut_at: float
    ) -> Iterator[Batch]:
        return packed(
            items,
            encode=encode,
            seal=lambda plain, points: self._sealed(plain, points=points, route=route, cut_at=cut_at),
            limits=LIMITS,
        )

    def _sealed(self, plain: bytes, *, points: int, route: str, cut_at: float) -> Batch:
        encoding = self._settings.compression if route == "series" else Encoding.DEFLATE
        return Batch(
            route=route,
            body=compressed(plain, encoding),
            headers={**_CONTENT.get(route, _JSON_CONTENT), "content-encoding": _WRITTEN[encoding]},
            points=points,
            cut_at=cut_at,
            keep=CHECKS_KEPT if route == "checks" else None,
        )

    def _series(self, points: Iterable[Point], interval: int) -> Iterator[str]:
        """One item a series: `{"points": …` first, so that only the value stands between ready pieces."""

        def head_of(family: Family) -> str:
            is_gauge = family.kind == "gauge"
            fields: dict[str, object] = {"metric": dotted(family), "type": _GAUGE if is_gauge else _COUNT}
            if not is_gauge:
                fields["interval"] = interval
            if self._settings.host:
                fields["resources"] = [{"type": "host", "name": self._settings.host}]
            if unit := datadog_unit(family):
                fields["unit"] = unit
            return f'}}],{_inner(fields)},"tags":['

        lead = f'{{"points":[{{"timestamp":{self._second},"value":'
        found = numbers(points, head_of=head_of, tags=self._tags)
        return (f"{lead}{value!r}{text}]}}" for text, value in found.items())

    def _distributions(self, points: Iterable[Point]) -> Iterator[str]:
        def head_of(family: Family) -> str:
            fields = {"metric": dotted(family), "type": "distribution"}
            if self._settings.host:
                fields["host"] = self._settings.host
            return f']]],{_inner(fields)},"tags":['

        found = spreads(points, head_of=head_of, tags=self._tags)
        return (
            f'{{"points":[[{self._second - place},[{values}{text}]}}'
            for text, same in found.items()
            for place, values in enumerate(_written(same))
        )

    def _sketches(self, points: Iterable[Point]) -> Iterator[bytes]:
        tags = Tags(self._settings.tags)
        found = spreads(points, head_of=lambda family: f"{dotted(family)}\n", tags=tags)
        for text, same in found.items():
            metric, written = text.split("\n")
            yield encode_sketch(
                {
                    "metric": metric,
                    "host": self._settings.host,
                    "tags": written.split(",") if written else [],
                    "dogsketches": [dogsketch(same, second=self._second)],
                }
            )

    def _checks(self, points: Sequence[Point]) -> Iterator[str]:
        """One service check an integration, by its health as a whole."""
        host = self._settings.host or "dialtone"
        for check in service_checks(points, at=self._second, host=host, tags=self._settings.tags):
            yield msgspec.json.encode(check).decode()


def _written(same: Sequence[Point]) -> list[str]:
    """The values of histograms, joined by commas; as many texts as it takes to keep to MOST_VALUES each."""
    values = [pair for point in same for pair in weighted_of(point)]
    text = "".join([f"{value!r}," * times for value, times in values])[:-1]
    if len(text) <= MOST_VALUES:
        return [text]
    each = text.split(",")
    return [",".join(each[start : start + MOST_VALUES]) for start in range(0, len(each), MOST_VALUES)]


def _inner(fields: Mapping[str, object]) -> str:
    """The fields as JSON without the braces."""
    return msgspec.json.encode(fields).decode()[1:-1]


def _items(plain: bytes, *, is_list: bool) -> list[str]:
    """The items of a body, each as it was written."""
    if is_list:
        items = msgspec.json.decode(plain, type=list[msgspec.Raw])
    else:
        items = msgspec.json.decode(plain, type=_Body).series
    return [bytes(item).decode() for item in items]


def _as_list(items: Sequence[str]) -> bytes:
    return f"[{','.join(items)}]".encode()


def _as_series(items: Sequence[str]) -> bytes:
    return f'{{"series":[{",".join(items)}]}}'.encode()


_JSON: Mapping[str, Callable[[Sequence[str]], bytes]] = {
    "series": _as_series,
    "distributions": _as_series,
    "checks": _as_list,
}
