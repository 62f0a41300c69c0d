"""Datadog's intakes as strict as they are. What they would refuse is refused at once; what they would take
and then leave out, such as a point that is too old, stands in `errors`.

Written after Datadog's OpenAPI descriptions (v1, v2) and its pages on tags. A value is known by its metric,
tags, host and second, and the last one written stays, as Datadog's store has it; a value that replaces
another one stands in `overwritten`, because that would be a loss.
"""

import gzip
import json
import math
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import httpx

from exporters.datadog.sketches import PAYLOAD
from exporters.push.compression import decompressed

LARGEST, LARGEST_PLAIN = 512_000, 5_242_880
_HOUR, _MINUTES = 3_600, 600
_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_.]{0,199}")
_TAG = re.compile(r"[^\W\d_][\w\-:./]{0,199}")

Tree = dict[str, object]
Answer = httpx.Response | Exception


class Identity(NamedTuple):
    """What Datadog knows a value by."""

    metric: str
    tags: tuple[str, ...]
    host: str
    second: int


class LostError(httpx.ReadError):
    """The data was taken, and the answer was lost."""


class DatadogIntake:
    """One account. `answers` come first, one a request; what they say is all that happens, but for a
    LostError, which takes the data and then breaks.
    """

    def __init__(self, *, key: str, now: Callable[[], float], site: str = "datadoghq.com") -> None:
        self.key = key
        self.answers: list[Answer] = []
        self.errors: list[str] = []
        self.overwritten: list[Identity] = []
        self.values: dict[Identity, float] = {}
        self.distributions: dict[Identity, list[float]] = {}
        self.sketches: dict[Identity, Mapping[str, object]] = {}
        self.checks: list[Tree] = []
        self.events: list[Tree] = []
        self.routes: list[str] = []
        self._now = now
        self._site = site
        self._routes: Mapping[str, tuple[Callable[[object], Iterator[str]], frozenset[str]]] = {
            "/api/v2/series": (self._series, frozenset({"deflate", "gzip", "zstd1", ""})),
            "/api/v1/distribution_points": (self._distribution_points, frozenset({"deflate", ""})),
            "/api/v1/check_run": (self._check_run, frozenset({"deflate", ""})),
            "/api/v1/events": (self._event, frozenset({""})),
            "/api/beta/sketches": (self._sketch_payload, frozenset({"deflate"})),
        }

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, httpx.Response):
            return answer
        if answer is not None and not isinstance(answer, LostError):
            raise answer
        taken = self._take(request)
        if isinstance(answer, LostError):
            raise answer
        return taken

    def total(self, metric: str, tag: str) -> float:
        """The sum of a count over all seconds."""
        return math.fsum(
            value for known, value in self.values.items() if known.metric == metric and tag in known.tags
        )

    def _take(self, request: httpx.Request) -> httpx.Response:
        self.routes.append(request.url.path)
        if request.url.host != f"api.{self._site}":
            return httpx.Response(404)
        if request.headers.get("dd-api-key") != self.key:
            return httpx.Response(403, json={"errors": ["Forbidden"]})
        if request.url.path == "/api/v1/validate":
            return httpx.Response(200 if request.method == "GET" else 405, json={"valid": True})
        if request.url.path not in self._routes:
            return httpx.Response(404)
        return self._opened(request)

    def _opened(self, request: httpx.Request) -> httpx.Response:
        take, encodings = self._routes[request.url.path]
        encoding = request.headers.get("content-encoding", "")
        plain = _unpacked(request.content, encoding)
        is_protobuf = request.url.path == "/api/beta/sketches"
        wanted = "application/x-protobuf" if is_protobuf else "application/json"
        wrongs = {
            405: request.method != "POST",
            415: encoding not in encodings or request.headers.get("content-type") != wanted,
            400: plain is None,
            413: len(request.content) > LARGEST or len(plain or b"") > LARGEST_PLAIN,
        }
        if wrong := next((status for status, is_wrong in wrongs.items() if is_wrong), 0):
            return httpx.Response(wrong, json={"errors": ["refused"]})
        try:
            body = plain if is_protobuf else json.loads(plain or b"", parse_constant=_refuse)
            self.errors += take(body)
        except (ValueError, KeyError, TypeError, AssertionError) as error:
            return httpx.Response(400, json={"errors": [repr(error)]})
        return httpx.Response(202, json={"errors": []})

    def _series(self, body: object) -> Iterator[str]:
        for item in _items(body):
            _known(item, "metric type points tags interval resources unit")
            assert item["type"] in {1, 3}
            assert item["type"] == 3 or _is_whole(item["interval"])
            (resource,) = _list(item["resources"])
            assert set(_tree(resource)) == {"type", "name"}
            for point in _list(item["points"]):
                value = _tree(point)
                _known(value, "timestamp value")
                identity = self._identity(item, str(_tree(resource)["name"]), value["timestamp"])
                fault = self._fault(identity)
                if fault:
                    yield fault
                    continue
                self._note(identity, self.values.get(identity), value["value"])
                self.values[identity] = float(value["value"])  # type: ignore[arg-type]  # A JSON tree.

    def _distribution_points(self, body: object) -> Iterator[str]:
        for item in _items(body):
            _known(item, "metric type points tags host")
            assert item["type"] == "distribution"
            for second, values in _list(item["points"]):  # type: ignore[misc]  # A JSON tree.
                identity = self._identity(item, str(item["host"]), second)
                fault = self._fault(identity)
                if fault:
                    yield fault
                    continue
                self._note(identity, self.distributions.get(identity), values)
                self.distributions[identity] = [float(value) for value in values]

    def _sketch_payload(self, body: object) -> Iterator[str]:
        assert isinstance(body, bytes)
        for sketch in PAYLOAD.FromString(body).sketches:  # type: ignore[attr-defined]  # Made from a schema.
            for one in sketch.dogsketches:
                assert sum(one.n) == one.cnt > 0
                assert len(one.n) == len(one.k)
                assert list(one.k) == sorted(one.k)
                item: Tree = {"metric": sketch.metric, "tags": list(sketch.tags)}
                identity = self._identity(item, sketch.host, one.ts)
                told = {"cnt": one.cnt, "sum": one.sum, "min": one.min, "max": one.max, "k": list(one.k)}
                fault = self._fault(identity)
                if fault:
                    yield fault
                    continue
                self._note(identity, self.sketches.get(identity), told)
                self.sketches[identity] = told

    def _check_run(self, body: object) -> Iterator[str]:
        for check in map(_tree, _list(body)):
            _known(check, "check host_name status tags timestamp message")
            assert check["status"] in {0, 1, 2, 3}
            if not self._now() - _MINUTES <= float(str(check["timestamp"])) <= self._now() + _MINUTES:
                yield f"{check} is too old or too new"
            self.checks.append(check)

    def _event(self, body: object) -> Iterator[str]:
        event = _tree(body)
        _known(event, "title text date_happened aggregation_key alert_type priority tags host")
        assert event["title"]
        assert event["text"]
        assert len(str(event["text"])) <= 4_000
        assert len(str(event["aggregation_key"])) <= 100
        if float(str(event["date_happened"])) < self._now() - 18 * _HOUR:
            yield f"{event} is too old"
        self.events.append(event)

    def _identity(self, item: Tree, host: str, second: object) -> Identity:
        assert _NAME.fullmatch(str(item["metric"])), item["metric"]
        tags = tuple(str(tag) for tag in _list(item["tags"]))
        for tag in tags:
            assert _TAG.fullmatch(tag), tag
            assert tag == tag.lower(), tag
        assert host
        assert _is_whole(second)
        return Identity(str(item["metric"]), tuple(sorted(tags)), host, int(str(second)))

    def _fault(self, identity: Identity) -> str:
        is_timely = self._now() - _HOUR <= identity.second <= self._now() + _MINUTES
        return "" if is_timely else f"{identity} is too old or too new"

    def _note(self, identity: Identity, before: object, now: object) -> None:
        if before is not None and before != now:
            self.overwritten.append(identity)


def _unpacked(body: bytes, encoding: str) -> bytes | None:
    try:
        if encoding == "zstd1":
            return decompressed(body, encoding)
        return {"gzip": gzip.decompress, "deflate": zlib.decompress, "": bytes}[encoding](body)
    except (KeyError, OSError, EOFError, zlib.error):
        return None


def _items(body: object) -> list[Tree]:
    tree = _tree(body)
    _known(tree, "series")
    return [_tree(item) for item in _list(tree["series"])]


def _tree(value: object) -> Tree:
    assert isinstance(value, dict)
    return value


def _list(value: object) -> list[object]:
    assert isinstance(value, list)
    return value


def _known(tree: Tree, names: str) -> None:
    unknown = set(tree) - set(names.split())
    assert not unknown, unknown


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and value > 0


def _refuse(constant: str) -> None:
    raise ValueError(constant)
