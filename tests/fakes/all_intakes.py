"""The three intakes of metrics behind one address, which may lose, refuse, delay and doubt what comes."""

import json
import random
import threading
import zlib
from collections.abc import Callable, Coroutine

import httpx

from tests.fakes.newrelic_intake import NewRelicIntake
from tests.fakes.otlp_intake import OTLPIntake
from tests.fakes.receiver_server import Received, Reply

_NEWRELIC = "https://metric-api.newrelic.com"


class DatadogStore:
    """Keeps the last value of each metric, its tags and second, as Datadog does."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._values: dict[tuple[str, tuple[str, ...], int], float] = {}
        self.faults: list[str] = []

    def take(self, request: httpx.Request) -> httpx.Response:
        """Take one request, or refuse it."""
        if request.headers.get("dd-api-key") != self._key:
            return httpx.Response(403)
        try:
            body = json.loads(zlib.decompress(request.content))
        except (zlib.error, ValueError) as error:
            self.faults.append(repr(error))
            return httpx.Response(400)
        if request.url.path == "/api/v2/series":
            for item in body["series"]:
                (point,) = item["points"]
                self._store(item, point["timestamp"], point["value"])
        elif request.url.path == "/api/v1/distribution_points":
            for item in body["series"]:
                ((second, values),) = item["points"]
                self._store(item, second, len(values))
        return httpx.Response(202, json={})

    def _store(self, item: dict[str, object], second: int, value: float) -> None:
        tags = item["tags"]
        assert isinstance(tags, list)
        self._values[str(item["metric"]), tuple(sorted(tags)), second] = value

    def total(self, name: str, **labels: str) -> float:
        """What a counter, or the number of a distribution's values, has come to."""
        wanted = {f"{label}:{value}" for label, value in labels.items()}
        return sum(
            value
            for (metric, tags, _), value in self._values.items()
            if metric == name and wanted <= set(tags)
        )


def intake_of(path: str) -> str:
    """Whose path it is."""
    return {"/v1/metrics": "otlp", "/metric/v1": "newrelic"}.get(path, "datadog")


class AllIntakes:
    """Takes requests of a ReceiverServer. While `is_troubled`, one in four goes wrong in one of six ways."""

    def __init__(
        self, *, otlp: OTLPIntake, datadog: DatadogStore, newrelic: NewRelicIntake, seed: int
    ) -> None:
        self.otlp, self.datadog, self.newrelic = otlp, datadog, newrelic
        self.is_troubled = True
        self.requests = 0
        self.troubles: dict[str, int] = {}
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._bodies: set[bytes] = set()

    def take(self, received: Received) -> Reply:
        """Answer one request."""
        with self._lock:
            self.requests += 1
            trouble = self._trouble(received.body)
            if trouble == "cut before":
                return 0, 0.0
            if trouble in {"413", "429", "503"}:
                return int(trouble), 0.0
            self._bodies.add(received.body)
            status = self._taken(received).status_code
            return (0, 0.0) if trouble == "cut after" else (status, 0.3 if trouble == "late" else 0.0)

    def totals(self, name: str, **labels: str) -> dict[str, float]:
        """What each intake was told of a counter."""
        told = self.newrelic.totals.items()
        newrelic = sum(
            value
            for (metric, attributes), value in told
            if metric == name and labels.items() <= dict(attributes).items()
        )
        return {
            "otlp": self.otlp.total(name, **labels),
            "datadog": self.datadog.total(name, **labels),
            "newrelic": float(newrelic),
        }

    def faults(self) -> list[str]:
        """All that an intake found wrong."""
        return [*self.otlp.faults, *self.datadog.faults, *self.newrelic.errors]

    def _trouble(self, body: bytes) -> str:
        kinds = ("cut before", "cut after", "late", "413", "429", "503")
        if not self.is_troubled or self._random.random() > 0.25:
            return ""
        # Nobody takes a body, and finds it too large when it comes again.
        kind = self._random.choice([each for each in kinds if each != "413" or body not in self._bodies])
        self.troubles[kind] = self.troubles.get(kind, 0) + 1
        return kind

    def _taken(self, received: Received) -> httpx.Response:
        headers = {name: value for name, value in received.headers.items() if name != "host"}
        return self.answer(
            httpx.Request("POST", f"{_NEWRELIC}{received.path}", headers=headers, content=received.body)
        )

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Answer one request to any of them, without trouble."""
        request.url = httpx.URL(_NEWRELIC).join(request.url.path)
        takers: dict[str, Callable[[httpx.Request], httpx.Response]] = {
            "/v1/metrics": self.otlp.take,
            "/metric/v1": lambda request: _at_once(self.newrelic(request)),
        }
        return takers.get(request.url.path, self.datadog.take)(request)


def _at_once(answer: Coroutine[None, None, httpx.Response]) -> httpx.Response:
    """What a coroutine returns that waits for nothing."""
    try:
        answer.send(None)
    except StopIteration as done:
        response = done.value
        assert isinstance(response, httpx.Response)
        return response
    raise AssertionError("it waits")
