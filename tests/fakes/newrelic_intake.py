"""New Relic's Metric and Event API as strict as they are: what they would refuse is refused at once, and what
they would find wrong after their 202 or 200 stands in `errors`, as NrIntegrationError shows it.

Written after New Relic's OpenAPI descriptions and its pages on limits and restricted attributes.
"""

import gzip
import json
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from uuid import UUID

import anyio
import httpx

from exporters.newrelic.words import is_kept

LARGEST = 1_000_000
_PAST, _FUTURE = 48 * 3600, 24 * 3600
_ATTRIBUTE = re.compile(r"[A-Za-z0-9_.:]{1,255}")
_EVENT_TYPE = re.compile(r"[A-Za-z0-9_:]{1,255}")

Tree = dict[str, object]
Answer = httpx.Response | Exception
SLOW = TimeoutError("never")


class NewRelicIntake:
    """Both APIs of one account. `answers` come first, one a request; what they say is all that happens, but
    for a LostError, which takes the data and then breaks; `SLOW` never answers. `knows_ids`: a request id met
    before counts once.
    """

    def __init__(self, *, key: str, now: Callable[[], float], account: str = "42") -> None:
        self.key = key
        self.knows_ids = False
        self.answers: list[Answer] = []
        self.errors: list[str] = []
        self.totals: Counter[tuple[str, tuple[tuple[str, str], ...]]] = Counter()
        self.summaries: list[Tree] = []
        self.gauges: dict[str, float] = {}
        self.events: list[Tree] = []
        self.request_ids: list[str] = []
        self.sizes: list[int] = []
        self._account = account
        self._now = now

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        answer = self.answers.pop(0) if self.answers else None
        if answer is SLOW:
            await anyio.sleep_forever()
        if isinstance(answer, httpx.Response):
            return answer
        if answer is not None and not isinstance(answer, LostError):
            raise answer
        taken = self._take(request)
        if isinstance(answer, LostError):
            raise answer
        return taken

    def calls(self, integration: str) -> float:
        """How many calls of an integration were counted."""
        return sum(
            value
            for (name, attributes), value in self.totals.items()
            if name == "dialtone.calls" and dict(attributes)["integration"] == integration
        )

    def _take(self, request: httpx.Request) -> httpx.Response:
        takers = {
            "metric-api.newrelic.com/metric/v1": self._metrics,
            f"insights-collector.newrelic.com/v1/accounts/{self._account}/events": self._events,
        }
        refusal = self._refusal(request)
        if refusal:
            return httpx.Response(refusal, json={"error": {"message": "refused"}})
        take = takers.get(f"{request.url.host}{request.url.path}")
        if take is None:
            return httpx.Response(404)
        if request.method != "POST":
            return httpx.Response(405)
        return self._opened(request, take)

    def _refusal(self, request: httpx.Request) -> int:
        body, headers = request.content, request.headers
        plain_length = len(_unpacked(request) or b"")
        wrongs = {
            403: headers.get("api-key") != self.key,
            415: headers.get("content-type") != "application/json",
            413: max(len(body), plain_length) > LARGEST,
            411: not headers.get("content-length", "").isdigit(),
            400: not body or _unpacked(request) is None,
        }
        return next((status for status, is_wrong in wrongs.items() if is_wrong), 0)

    def _opened(self, request: httpx.Request, take: Callable[[object], int]) -> httpx.Response:
        request_id = str(UUID(request.headers["x-request-id"], version=4))
        is_known = self.knows_ids and request_id in self.request_ids
        self.request_ids.append(request_id)
        self.sizes.append(len(request.content))
        status = 202 if take == self._metrics else 200
        try:
            body = json.loads(_unpacked(request) or b"", parse_constant=_refuse)
        except ValueError:
            self.errors.append("Error parsing JSON payload")
            return _accepted(status, request_id)
        return _accepted(status if is_known else take(body), request_id)

    def _metrics(self, body: object) -> int:
        assert isinstance(body, list)
        for block in body:
            common = block.get("common", {})
            if fault := self._common_fault(common):
                self.errors.append(fault)
                continue
            for metric in block["metrics"]:
                self._metric({**common, **metric, "attributes": _both(common, metric)})
        return 202

    def _common_fault(self, common: Tree) -> str:
        known = {"timestamp", "interval.ms", "attributes"}
        return f"the common block holds {common}" if set(common) - known else ""

    def _metric(self, metric: Tree) -> None:
        faults = [*_metric_faults(metric), *self._age_faults(metric["timestamp"])]
        if faults:
            self.errors.append(f"{metric}: {faults[0]}")
            return
        name, value, attributes = str(metric["name"]), metric["value"], metric["attributes"]
        assert isinstance(attributes, dict)
        if metric["type"] == "count":
            self.totals[(name, tuple(sorted(attributes.items())))] += value  # type: ignore[operator,assignment]  # A JSON tree.
        elif metric["type"] == "summary":
            self.summaries.append(metric)
        else:
            self.gauges[name] = float(value)  # type: ignore[arg-type]  # A JSON tree.

    def _events(self, body: object) -> int:
        assert isinstance(body, list)
        if len(body) > 2_000:
            self.errors.append("more than 2000 events")
            return 200
        for event in body:
            faults = [*_event_faults(event), *self._age_faults(event["timestamp"])]
            if faults:
                self.errors.append(f"{event}: {faults[0]}")
            else:
                self.events.append(event)
        return 200

    def _age_faults(self, timestamp: object) -> Iterator[str]:
        if not isinstance(timestamp, int):
            yield "the timestamp is no whole number"
            return
        if not self._now() - _PAST <= timestamp / 1000 <= self._now() + _FUTURE:
            yield "the timestamp is too old or too new"


class LostError(httpx.ReadError):
    """The data was taken, and the answer was lost."""


def _unpacked(request: httpx.Request) -> bytes | None:
    encoding = request.headers.get("content-encoding", "identity").lower()
    try:
        return {"gzip": gzip.decompress, "identity": bytes}[encoding](request.content)
    except (KeyError, OSError, EOFError, zlib.error):
        return None


def _accepted(status: int, request_id: str) -> httpx.Response:
    body = {"requestId": request_id} if status == 202 else {"success": True, "uuid": request_id}
    return httpx.Response(status, json=body)


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _both(common: Tree, metric: Tree) -> dict[str, object]:
    shared, own = common.get("attributes", {}), metric.get("attributes", {})
    assert isinstance(shared, dict)
    assert isinstance(own, dict)
    return {**shared, **own}


def _metric_faults(metric: Tree) -> Iterator[str]:
    allowed = {"name", "type", "value", "timestamp", "interval.ms", "attributes"}
    if set(metric) - allowed:
        yield f"unknown keys {set(metric) - allowed}"
    if not 0 < len(str(metric["name"])) < 255:
        yield "the name's length"
    if metric["type"] not in {"count", "gauge", "summary"}:
        yield "the type"
    if metric["type"] != "gauge" and not _is_positive(metric.get("interval.ms")):
        yield "the interval"
    yield from _value_faults(metric)
    attributes = metric["attributes"]
    assert isinstance(attributes, dict)
    if metric["name"] in attributes:
        yield "an attribute has the metric's name"
    yield from _attribute_faults(attributes, most=100)


def _value_faults(metric: Tree) -> Iterator[str]:
    value = metric["value"]
    if metric["type"] != "summary":
        if not _is_number(value):
            yield "the value is no number"
        return
    if not isinstance(value, dict) or set(value) != {"count", "sum", "min", "max"}:
        yield "the summary's keys"
    elif not all(map(_is_number, value.values())):
        yield "a summary's value is no number"
    elif value["min"] > value["max"] or value["count"] < 1:
        yield "the summary's values"


def _event_faults(event: Mapping[str, object]) -> Iterator[str]:
    if not _EVENT_TYPE.fullmatch(str(event.get("eventType", ""))):
        yield "the eventType"
    own = {name: value for name, value in event.items() if name not in {"eventType", "timestamp"}}
    if any(isinstance(value, bool) for value in own.values()):
        yield "a boolean"
    yield from _attribute_faults(own, most=254)


def _attribute_faults(attributes: Mapping[str, object], *, most: int) -> Iterator[str]:
    if len(attributes) > most:
        yield "too many attributes"
    for name, value in attributes.items():
        if not _ATTRIBUTE.fullmatch(name) or is_kept(name):
            yield f"the attribute {name}"
        if not isinstance(value, str) and not _is_number(value):
            yield f"the attribute {name} is neither text nor number"
        if value == "" or len(str(value)) > 4_096:
            yield f"the length of {name}"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_positive(value: object) -> bool:
    return isinstance(value, int) and value > 0
