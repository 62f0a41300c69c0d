"""Datadog's metric intakes: counts and gauges as series (API v2), histograms as distribution points (v1), the
health of integrations as service checks (v1).

Sources: Datadog's OpenAPI descriptions (v1, v2) and docs.datadoghq.com/api. A value is known by its metric,
tags and second, and the last one written wins: so a request may be sent twice, and no two windows may end in
the same second.
"""

import math
from collections.abc import Iterator, Mapping, Sequence

import msgspec
from isal import isal_zlib

from exporters.judging import judge
from exporters.naming import datadog_unit, dotted
from exporters.packing import Limits, halves, packed
from exporters.push import Address, Reply, Verdict
from exporters.representatives import values_of
from exporters.settings import MAX_TAG, DatadogSettings
from exporters.spool import Batch
from exporters.window import Point, Spread, Window, labelled

LIMITS = Limits(items=10_000, plain_bytes=5_000_000, bytes=500_000)
"""Datadog takes 512,000 bytes, and 5,242,880 once they are unpacked."""
_COUNT, _GAUGE = 1, 3
_ROUTES: Mapping[str, str] = {
    "series": "/api/v2/series",
    "distributions": "/api/v1/distribution_points",
    "checks": "/api/v1/check_run",
}
_STATUS: Mapping[str, int] = {"up": 0, "degraded": 1, "throttled": 1, "down": 2, "unauthorized": 2}
"""OK, WARNING and CRITICAL by the state of health; the others are UNKNOWN."""
_UNKNOWN = 3
_WORTHLESS = frozenset({400, 404, 405, 415, 422})

Item = dict[str, object]


class Datadog:
    """Datadog as an intake."""

    name = "datadog"
    keep = 55 * 60.0

    def __init__(self, settings: DatadogSettings) -> None:
        self._settings = settings
        self.secrets = (settings.api_key,)
        self._tags_of_all = [f"{name}:{value}" for name, value in settings.tags.items()]
        self._base = settings.url.rstrip("/") or f"https://api.{settings.site}"
        self._second = 0

    def encode(self, window: Window) -> Sequence[Batch]:
        """The requests that carry a window."""
        self._second = max(int(window.ended), self._second + 1)
        interval = max(1, round(window.ended - window.began))
        series = [self._series(point, interval) for point in window.points if _is_number(point)]
        spreads = [self._distribution(point) for point in window.points if isinstance(point.value, Spread)]
        checks = list(self._checks(window.points))
        return [
            batch
            for route, items in (("series", series), ("distributions", spreads), ("checks", checks))
            for batch in self._packed(route, items, window.ended)
        ]

    def split(self, batch: Batch) -> Sequence[Batch]:
        """A batch as two."""
        body = msgspec.json.decode(isal_zlib.decompress(batch.body))
        items = body if batch.route == "checks" else body["series"]
        return [
            _sealed(_encoded(batch.route, half), len(half), route=batch.route, cut_at=batch.cut_at)
            for half in halves(items)
        ]

    def address(self, batch: Batch) -> Address:
        """Where a batch goes, with the key."""
        return Address(self._base + _ROUTES[batch.route], {"dd-api-key": self._settings.api_key.reveal()})

    def judge(self, reply: Reply) -> Verdict:
        """What a reply means."""
        return judge(
            reply, vendor="Datadog", worthless=_WORTHLESS, key_hint="is it an API key, and `site` right?"
        )

    def _packed(self, route: str, items: Sequence[Item], cut_at: float) -> Iterator[Batch]:
        return packed(
            items,
            encode=lambda part: _encoded(route, part),
            seal=lambda plain, points: _sealed(plain, points, route=route, cut_at=cut_at),
            limits=LIMITS,
        )

    def _series(self, point: Point, interval: int) -> Item:
        item: Item = {
            "metric": dotted(point.family),
            "type": _GAUGE if point.family.kind == "gauge" else _COUNT,
            "points": [{"timestamp": self._second, "value": point.value}],
            "tags": self._tags(point),
        }
        if point.family.kind != "gauge":
            item["interval"] = interval
        if self._settings.host:
            item["resources"] = [{"type": "host", "name": self._settings.host}]
        if unit := datadog_unit(point.family):
            item["unit"] = unit
        return item

    def _distribution(self, point: Point) -> Item:
        values = values_of(point) if isinstance(point.value, Spread) else []
        item: Item = {
            "metric": dotted(point.family),
            "points": [[self._second, values]],
            "tags": self._tags(point),
            "type": "distribution",
        }
        return item | ({"host": self._settings.host} if self._settings.host else {})

    def _checks(self, points: Sequence[Point]) -> Iterator[Item]:
        """One service check an integration, by its health as a whole."""
        for point in points:
            if point.family.name != "dialtone_health" or point.value != 1:
                continue
            labels = labelled(point)
            if "capability" not in labels:
                state = labels.get("state", "")
                yield {
                    "check": "dialtone.integration",
                    "host_name": self._settings.host or "dialtone",
                    "status": _STATUS.get(state, _UNKNOWN),
                    "tags": [tag for tag in self._tags(point) if not tag.startswith("state:")],
                    "timestamp": self._second,
                    "message": f"{labels.get('integration', '')} is {state}",
                }

    def _tags(self, point: Point) -> list[str]:
        own = [f"{name}:{value}"[:MAX_TAG] for name, value in labelled(point).items()]
        return [*own, *self._tags_of_all]


def _is_number(point: Point) -> bool:
    """Whether it is a counter or a gauge that JSON can carry."""
    return not isinstance(point.value, Spread) and math.isfinite(point.value)


def _encoded(route: str, items: Sequence[Item]) -> bytes:
    return msgspec.json.encode(items if route == "checks" else {"series": items})


def _sealed(plain: bytes, points: int, *, route: str, cut_at: float) -> Batch:
    return Batch(
        route=route,
        body=isal_zlib.compress(plain, 2),
        headers={"content-type": "application/json", "content-encoding": "deflate"},
        points=points,
        cut_at=cut_at,
    )
