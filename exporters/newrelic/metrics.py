"""New Relic's Metric API: counts, gauges and summaries with true least and greatest values.

Sources: New Relic's OpenAPI description of the Metric API, its page on limits and restricted attributes, and
its telemetry SDK specification (which statuses are worth another try, `x-request-id`). A request whose answer
was lost is sent again under the same id; New Relic reserves that id and does not say whether it counts such a
request once.
"""

import gzip
import math
import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from hashlib import blake2b

import msgspec
from isal import igzip

from exporters.catalogue import Family
from exporters.naming import dotted
from exporters.newrelic.key import foreign, misplaced
from exporters.newrelic.words import MAX_NAME, MAX_VALUE
from exporters.push.batchfile import Batch
from exporters.push.exporter import Address, Reply, Verdict
from exporters.push.judging import judge
from exporters.push.packing import Limits, halves, packed
from exporters.push.representatives import values_of
from exporters.push.window import Point, Spread, Window
from exporters.settings import NewRelicSettings

LIMITS = Limits(items=4_000, plain_bytes=1_000_000, bytes=900_000)
"""New Relic takes 1,000,000 bytes, and does not say whether compressed; both are kept to."""
LONGEST_WINDOW = 3_600.0
"""Seconds. Data is as old as its window's beginning, so the counts of a machine that slept for days are told
of the last hour.
"""
_HOSTS: Mapping[str, str] = {
    "us": "metric-api.newrelic.com",
    "eu": "metric-api.eu.newrelic.com",
    "gov": "gov-metric-api.newrelic.com",
}
_WORTHLESS = frozenset({400, 404, 405, 409, 410, 411})
_LEVEL = 2
"""How hard igzip tries: a quarter fewer bytes than level 0, in the same time."""


class _Common(msgspec.Struct):
    """What all metrics of a request share: when their window began and how long it was, in milliseconds."""

    timestamp: int
    interval: int = msgspec.field(name="interval.ms")
    attributes: dict[str, str] = {}


class _Summary(msgspec.Struct, gc=False):
    count: int
    sum: float
    min: float
    max: float


class _Metric(msgspec.Struct, gc=False):
    name: str
    type: str
    value: float | _Summary
    attributes: dict[str, str]


class NewRelic:
    """New Relic as an intake of metrics."""

    name = "newrelic"
    keep = 47 * 3600.0

    def __init__(
        self, settings: NewRelicSettings, *, version: str, new_id: Callable[[], str] | None = None
    ) -> None:
        self._settings = settings
        self.secrets = (settings.license_key,)
        self._version = version
        self._new_id = new_id or fresh_id
        self._url = settings.url or f"https://{_HOSTS[settings.region]}/metric/v1"
        self._attributes = settings.attributes

    def encode(self, window: Window, /) -> Sequence[Batch]:
        """The requests that carry a window."""
        began = max(window.began, window.ended - LONGEST_WINDOW)
        common = _Common(
            timestamp=int(began * 1000),
            interval=max(1, round((window.ended - began) * 1000)),
            attributes=self._attributes,
        )
        parts = packed(
            _metrics(window.points),
            encode=partial(_encoded, common),
            seal=lambda plain, points: self._sealed(plain, points, cut_at=window.ended),
            limits=LIMITS,
        )
        return list(parts)

    def split(self, batch: Batch) -> Sequence[Batch]:
        """A batch as two, each under an id of its own."""
        (body,) = msgspec.json.decode(gzip.decompress(batch.body))
        common = msgspec.convert(body["common"], _Common)
        return resealed(batch, [(_encoded(common, half), len(half)) for half in halves(body["metrics"])])

    def address(self, _: Batch) -> Address:
        """Where batches go, with the key."""
        return address(self._url, self._settings, version=self._version)

    def judge(self, reply: Reply) -> Verdict:
        """What a reply means."""
        hint = key_hint(self._settings) or "is it a license key, and `region` right?"
        return judge(reply, vendor="New Relic", worthless=_WORTHLESS, key_hint=hint)

    def _sealed(self, plain: bytes, points: int, *, cut_at: float) -> Batch:
        return sealed(plain, points, route="metrics", cut_at=cut_at, request_id=self._new_id())


def fresh_id() -> str:
    """An id for one request, kept however often it is sent."""
    return str(uuid.uuid4())


def resealed(whole: Batch, parts: Sequence[tuple[bytes, int]]) -> list[Batch]:
    """Bodies, with how many points each has, in the place of a batch that was too large. Their ids follow
    from its own: who parts it again, because the machine lost its power meanwhile, sends the same requests.
    """
    return [
        sealed(plain, points, route=whole.route, cut_at=whole.cut_at, request_id=_id_of_part(whole, place))
        for place, (plain, points) in enumerate(parts)
    ]


def _id_of_part(whole: Batch, place: int) -> str:
    told = f"{whole.headers['x-request-id']}/{place}".encode()
    return str(uuid.UUID(bytes=blake2b(told, digest_size=16).digest(), version=4))


def address(url: str, settings: NewRelicSettings, *, version: str) -> Address:
    """Where a request goes, with the key and the name that New Relic asks its clients for."""
    agent = f"NewRelic-Python-TelemetrySDK/0 Dialtone/{version}"
    return Address(url, {"api-key": settings.license_key.reveal(), "user-agent": agent})


def key_hint(settings: NewRelicSettings) -> str:
    """Why the key may be refused, as far as its first characters tell."""
    key = settings.license_key.reveal()
    if what := foreign(key):
        return f"it is {what}"
    return "" if settings.url else misplaced(key, region=settings.region)


def sealed(plain: bytes, points: int, *, route: str, cut_at: float, request_id: str) -> Batch:
    """A body, compressed, as a request."""
    return Batch(
        route=route,
        body=igzip.compress(plain, _LEVEL, mtime=0),
        headers={
            "content-type": "application/json",
            "content-encoding": "gzip",
            "x-request-id": request_id,
        },
        points=points,
        cut_at=cut_at,
    )


def _encoded(common: _Common, metrics: Sequence[object]) -> bytes:
    return msgspec.json.encode([{"common": common, "metrics": metrics}])


def _metrics(points: Sequence[Point]) -> list[_Metric]:
    """One metric a point; a number that JSON cannot carry has none."""
    metrics: list[_Metric] = []
    kinds: dict[str, tuple[str, str]] = {}
    for point in points:
        family, labels, value, _ = point
        name, kind = kinds.get(family.name) or kinds.setdefault(family.name, _kind(family))
        if isinstance(value, Spread):
            if math.isfinite(value.total):
                metrics.append(_Metric(name, "summary", _summary(point, value), _attributes(family, labels)))
        elif math.isfinite(value):
            metrics.append(_Metric(name, kind, value, _attributes(family, labels)))
    return metrics


def _kind(family: Family) -> tuple[str, str]:
    """A family's name and type, as New Relic says them."""
    return dotted(family)[:MAX_NAME], "gauge" if family.kind == "gauge" else "count"


def _summary(point: Point, spread: Spread) -> _Summary:
    low, high = _extremes(point, spread)
    return _Summary(spread.observations, spread.total, low, high)


def _extremes(point: Point, spread: Spread) -> tuple[float, float]:
    """The least and the greatest value: the true ones where the table keeps them, else the middles of the
    buckets they fell into.
    """
    if spread.native is not None and spread.native.low <= spread.native.high:
        return spread.native.low, spread.native.high
    values = values_of(point._replace(value=spread._replace(native=None)))
    return values[0], values[-1]


def _attributes(family: Family, labels: tuple[str, ...]) -> dict[str, str]:
    """The labels by name; those without a value are left out, as Prometheus means them."""
    attributes = dict(zip(family.labels, labels, strict=True))
    if "" in labels or len("".join(labels)) > MAX_VALUE:
        return {name: value[:MAX_VALUE] for name, value in attributes.items() if value}
    return attributes
