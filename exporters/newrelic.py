"""New Relic's Metric API: counts, gauges and summaries with true least and greatest values.

Sources: New Relic's OpenAPI description of the Metric API and its telemetry SDK specification (which statuses
are worth another try, `x-request-id`). Whether a request whose answer was lost is counted twice is not
documented; the same id is sent again.
"""

import gzip
import math
import uuid
from collections.abc import Iterator, Mapping, Sequence

import msgspec
from isal import igzip

from exporters.judging import judge
from exporters.naming import dotted
from exporters.packing import Limits, halves, packed
from exporters.push import Address, Reply, Verdict
from exporters.representatives import values_of
from exporters.settings import NewRelicSettings
from exporters.spool import Batch
from exporters.window import Point, Spread, Window, labelled

LIMITS = Limits(items=4_000, plain_bytes=1_000_000, bytes=900_000)
"""New Relic takes 1,000,000 bytes, and does not say whether compressed; both are kept to."""
MAX_NAME, MAX_VALUE = 255, 4_096
_HOSTS: Mapping[str, str] = {"us": "metric-api.newrelic.com", "eu": "metric-api.eu.newrelic.com"}
_WORTHLESS = frozenset({400, 404, 405, 409, 410, 411})

Item = dict[str, object]


class _Common(msgspec.Struct):
    """What all metrics of a request share: when their window began and how long it was, in milliseconds."""

    timestamp: int
    interval: int = msgspec.field(name="interval.ms")
    attributes: dict[str, str] = {}


class NewRelic:
    """New Relic as an intake."""

    name = "newrelic"
    keep = 47 * 3600.0

    def __init__(self, settings: NewRelicSettings, *, version: str) -> None:
        self._settings = settings
        self.secrets = (settings.license_key,)
        self._version = version
        self._url = settings.url or f"https://{_HOSTS[settings.region]}/metric/v1"
        self._attributes = {name: value[:MAX_VALUE] for name, value in settings.attributes.items()}

    def encode(self, window: Window) -> Sequence[Batch]:
        """The requests that carry a window."""
        common = _Common(
            timestamp=int(window.began * 1000),
            interval=max(1, round((window.ended - window.began) * 1000)),
            attributes=self._attributes,
        )
        parts = packed(
            list(_metrics(window.points)),
            encode=lambda part: _encoded(common, part),
            seal=lambda plain, points: _sealed(plain, points, cut_at=window.ended),
            limits=LIMITS,
        )
        return list(parts)

    def split(self, batch: Batch) -> Sequence[Batch]:
        """A batch as two, each under an id of its own."""
        (body,) = msgspec.json.decode(gzip.decompress(batch.body))
        common = msgspec.convert(body["common"], _Common)
        parts = halves(body["metrics"])
        return [_sealed(_encoded(common, half), len(half), cut_at=batch.cut_at) for half in parts]

    def address(self, _: Batch) -> Address:
        """Where batches go, with the key."""
        agent = f"NewRelic-Python-TelemetrySDK/0 Dialtone/{self._version}"
        return Address(self._url, {"api-key": self._settings.license_key.reveal(), "user-agent": agent})

    def judge(self, reply: Reply) -> Verdict:
        """What a reply means."""
        return judge(
            reply,
            vendor="New Relic",
            worthless=_WORTHLESS,
            key_hint="is it for ingest, and `region` right?",
        )


def _encoded(common: _Common, metrics: Sequence[Item]) -> bytes:
    return msgspec.json.encode([{"common": common, "metrics": metrics}])


def _sealed(plain: bytes, points: int, *, cut_at: float) -> Batch:
    return Batch(
        route="metrics",
        body=igzip.compress(plain, 2, mtime=0),
        headers={
            "content-type": "application/json",
            "content-encoding": "gzip",
            "x-request-id": str(uuid.uuid4()),
        },
        points=points,
        cut_at=cut_at,
    )


def _metrics(points: Sequence[Point]) -> Iterator[Item]:
    """One metric a point; a number that JSON cannot carry has none."""
    for point in points:
        name, attributes = dotted(point.family)[:MAX_NAME], _attributes(point)
        if isinstance(point.value, Spread):
            yield {
                "name": name,
                "type": "summary",
                "value": _summary(point, point.value),
                "attributes": attributes,
            }
        elif math.isfinite(point.value):
            kind = "gauge" if point.family.kind == "gauge" else "count"
            yield {"name": name, "type": kind, "value": point.value, "attributes": attributes}


def _summary(point: Point, spread: Spread) -> Item:
    if spread.native is not None:
        low, high = spread.native.low, spread.native.high
    else:
        values = values_of(point)
        low, high = values[0], values[-1]
    return {"count": spread.observations, "sum": spread.total, "min": low, "max": high}


def _attributes(point: Point) -> dict[str, str]:
    return {name[:MAX_NAME]: value[:MAX_VALUE] for name, value in labelled(point).items()}
