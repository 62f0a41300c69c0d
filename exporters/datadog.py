"""Datadog's metric intakes: counts and gauges as series (API v2), histograms as distribution points (v1) or
sketches, the health of integrations as service checks (v1).

Sources: Datadog's OpenAPI descriptions (v1, v2) and docs.datadoghq.com/api. A value is known by its metric,
tags and second, and the last one written wins: so a request may be sent twice, no two windows may end in the
same second, and no two series of a window may have the same tags.

Ten thousand series are written each window, so their JSON is put together from pieces that were written once.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial

import msgspec

from exporters.batchfile import Batch
from exporters.catalogue import Family
from exporters.compression import Encoding, compressed, decompressed
from exporters.datadog_address import DatadogAddress
from exporters.datadog_checks import service_checks
from exporters.datadog_tags import Tags, numbers, spreads
from exporters.naming import datadog_unit, dotted
from exporters.packing import Limits, halves, packed
from exporters.push import Address, Reply, Verdict
from exporters.representatives import Weighted
from exporters.settings import DatadogSettings
from exporters.window import Point, Window

LIMITS = Limits(items=20_000, plain_bytes=5_000_000, bytes=500_000)
"""Datadog takes 512,000 bytes, and 5,242,880 once they are unpacked."""
CHECKS_KEPT = 9 * 60.0
"""Datadog takes service checks that are up to ten minutes old."""
_COUNT, _GAUGE = 1, 3


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
        self._second = max(int(window.ended), self._second + 1)
        interval = max(1, round(window.ended - window.began))
        parts = {
            "series": self._series(window.points, interval),
            "distributions": self._distributions(window.points),
            "checks": self._checks(window.points),
        }
        return [
            batch
            for route, items in parts.items()
            for batch in self._packed(route, list(items), cut_at=window.ended)
        ]

    def split(self, batch: Batch) -> Sequence[Batch]:
        """A batch as two."""
        return [
            self._sealed(
                _encoded(batch.route, part), points=len(part), route=batch.route, cut_at=batch.cut_at
            )
            for part in halves(_items(batch))
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

    def _packed(self, route: str, items: Sequence[str], *, cut_at: float) -> Iterator[Batch]:
        return packed(
            items,
            encode=partial(_encoded, route),
            seal=lambda plain, points: self._sealed(plain, points=points, route=route, cut_at=cut_at),
            limits=LIMITS,
        )

    def _sealed(self, plain: bytes, *, points: int, route: str, cut_at: float) -> Batch:
        encoding = self._settings.compression if route == "series" else Encoding.DEFLATE
        return Batch(
            route=route,
            body=compressed(plain, encoding),
            headers={"content-type": "application/json", "content-encoding": encoding.value},
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

        lead = f'{{"points":[[{self._second},['
        found = spreads(points, head_of=head_of, tags=self._tags)
        return (f"{lead}{_written(values)}{text}]}}" for text, values in found.items())

    def _checks(self, points: Sequence[Point]) -> Iterator[str]:
        """One service check an integration, by its health as a whole."""
        host = self._settings.host or "dialtone"
        for check in service_checks(points, at=self._second, host=host, tags=self._settings.tags):
            yield msgspec.json.encode(check).decode()


def _written(values: Sequence[Weighted]) -> str:
    return "".join([f"{value!r}," * times for value, times in values])[:-1]


def _items(batch: Batch) -> list[str]:
    """The items of a body, each as it was written."""
    plain = decompressed(batch.body, batch.headers["content-encoding"])
    if batch.route == "checks":
        items = msgspec.json.decode(plain, type=list[msgspec.Raw])
    else:
        items = msgspec.json.decode(plain, type=_Body).series
    return [bytes(item).decode() for item in items]


def _inner(fields: Mapping[str, object]) -> str:
    """The fields as JSON without the braces."""
    return msgspec.json.encode(fields).decode()[1:-1]


def _encoded(route: str, items: Sequence[str]) -> bytes:
    joined = ",".join(items)
    return (f"[{joined}]" if route == "checks" else f'{{"series":[{joined}]}}').encode()
