"""A real Prometheus scrapes every format: protobuf with native histograms, OpenMetrics, text; exemplars."""

import json
import math
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import anyio
import httpx
import pytest

from exporters.catalogue.family import HTTP_SECONDS
from exporters.prometheus.scrape import PrometheusExporter, Scrape
from exporters.table import MetricTable
from integrations.clock import SystemClock
from tests.fakes.calls import call_record
from tests.real.servers import answers, eventually, free_port, program, running

TRACE = "5b8aa5a2d2c872e8321cf37308d69df2"
VALUES = 20_000
RANDOM = random.Random(7)
DRAWN: dict[str, Callable[[], float]] = {
    "lognormal": lambda: RANDOM.lognormvariate(-1.5, 0.9),
    "exponential": lambda: RANDOM.expovariate(4.0),
    "uniform": lambda: RANDOM.uniform(0.02, 1.7),
    "two-peaks": lambda: RANDOM.gauss(0.08, 0.008) if RANDOM.random() < 0.7 else RANDOM.gauss(1.2, 0.1),
    "long-tail": lambda: 0.05 * RANDOM.paretovariate(1.6),
}
DURATIONS = {name: sorted(draw() for _ in range(VALUES)) for name, draw in DRAWN.items()}
"""What each integration's calls took."""


class _Target:
    """A `/metrics` over a table of known calls, and what Prometheus asked it for. At `/text` it knows text
    only, as other programs do.
    """

    def __init__(self) -> None:
        table = MetricTable(native=True)
        for name, durations in DURATIONS.items():
            for number, duration in enumerate(durations):
                table.on_signal(
                    call_record(
                        integration=name,
                        duration=duration,
                        sampled=number == VALUES // 2,
                        trace_id=TRACE,
                        span_id="051581bf3cb55c13",
                        at=SystemClock.time(),
                    )
                )
        self.exporter = PrometheusExporter(table, clock=SystemClock())
        self._lock = threading.Lock()
        self.types: dict[str, set[str]] = {}
        self.encodings: set[str | None] = set()

    def scrape(self, path: str, accept: str, encoding: str) -> Scrape:
        wanted = "text/plain;version=0.0.4" if path == "/text" else accept
        with self._lock:
            scrape = anyio.run(lambda: self.exporter.scrape(accept=wanted, accept_encoding=encoding))
        self.types.setdefault(path, set()).add(scrape.content_type.partition(";")[0])
        self.encodings.add(scrape.content_encoding)
        return scrape


@pytest.fixture(scope="module")
def target() -> Iterator[tuple[_Target, int]]:
    made = _Target()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            scrape = made.scrape(
                self.path, self.headers.get("Accept", ""), self.headers.get("Accept-Encoding", "")
            )
            self.send_response(200)
            self.send_header("Content-Type", scrape.content_type)
            if scrape.content_encoding:
                self.send_header("Content-Encoding", scrape.content_encoding)
            self.send_header("Content-Length", str(len(scrape.body)))
            self.end_headers()
            self.wfile.write(scrape.body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield made, server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


@contextmanager
def scraping(folder: Path, port: int, *paths: str, features: str) -> Iterator[str]:
    """A Prometheus that scrapes these paths of the target, each as a job of its name."""
    own = free_port()
    jobs = [
        {
            "job_name": path.removeprefix("/"),
            "metrics_path": path,
            "static_configs": [{"targets": [f"127.0.0.1:{port}"]}],
        }
        for path in paths
    ]
    file = folder / "prometheus.yml"
    file.write_text(json.dumps({"global": {"scrape_interval": "1s"}, "scrape_configs": jobs}))
    command = [
        program("prometheus"),
        f"--config.file={file}",
        f"--storage.tsdb.path={folder}/tsdb",
        f"--web.listen-address=127.0.0.1:{own}",
        f"--enable-feature={features}",
    ]
    url = f"http://127.0.0.1:{own}"
    with running(command, log=folder / "prometheus.log"):
        eventually("Prometheus answers", lambda: answers(f"{url}/-/ready"))
        eventually("the target is up", lambda: len(asked(url, "up == 1")) == len(paths))
        yield url


@pytest.fixture(scope="module")
def native(target: tuple[_Target, int], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("native")
    with scraping(folder, target[1], "/metrics", features="native-histograms,exemplar-storage") as url:
        yield url


@pytest.fixture(scope="module")
def classic(target: tuple[_Target, int], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("classic")
    with scraping(folder, target[1], "/openmetrics", "/text", features="exemplar-storage") as url:
        yield url


def asked(url: str, query: str) -> list[dict[str, list[str]]]:
    answer = httpx.get(f"{url}/api/v1/query", params={"query": query}, timeout=10).json()
    assert answer["status"] == "success", answer
    result: list[dict[str, list[str]]] = answer["data"]["result"]
    return result


def number(url: str, query: str) -> float:
    """The one value of a query; a scrape that took too long leaves a gap for a moment."""
    found = eventually(f"a value of {query}", lambda: asked(url, query))
    assert isinstance(found, list)
    (one,) = found
    return float(one["value"][1])


def at(durations: list[float], quantile: float) -> float:
    return durations[math.ceil(quantile * len(durations)) - 1]


def test_each_way_is_the_one_that_it_is_meant_to_be_and_compressed(
    target: tuple[_Target, int], native: str, classic: str
) -> None:
    assert asked(native, "up")
    assert asked(classic, "up")
    assert target[0].types == {
        "/metrics": {"application/vnd.google.protobuf"},
        "/openmetrics": {"application/openmetrics-text"},
        "/text": {"text/plain"},
    }
    assert target[0].encodings == {"gzip"}


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.parametrize("quantile", [0.5, 0.9, 0.95, 0.99])
def test_a_quantile_read_back_is_within_one_percent(native: str, name: str, quantile: float) -> None:
    query = f'histogram_quantile({quantile}, dialtone_call_duration_seconds{{integration="{name}"}})'

    assert number(native, query) == pytest.approx(at(DURATIONS[name], quantile), rel=0.01)


@pytest.mark.parametrize("name", DRAWN)
def test_count_and_sum_are_exact_in_every_format(native: str, classic: str, name: str) -> None:
    series = f'dialtone_call_duration_seconds{{integration="{name}"}}'
    counts = [number(native, f"histogram_count({series})")]
    sums = [number(native, f"histogram_sum({series})")]
    for job in ("openmetrics", "text"):
        of = f'{{integration="{name}",job="{job}"}}'
        counts.append(number(classic, f"dialtone_call_duration_seconds_count{of}"))
        sums.append(number(classic, f"dialtone_call_duration_seconds_sum{of}"))

    assert counts == [VALUES] * 3
    assert sums == [pytest.approx(sum(DURATIONS[name]))] * 3


@pytest.mark.parametrize("job", ["openmetrics", "text"])
def test_every_bucket_holds_what_fell_into_it(classic: str, job: str) -> None:
    found = asked(classic, f'dialtone_call_duration_seconds_bucket{{integration="uniform",job="{job}"}}')
    told = {float(one["metric"]["le"]): float(one["value"][1]) for one in found}  # type: ignore[call-overload]

    assert told == {
        bound: sum(duration <= bound for duration in DURATIONS["uniform"])
        for bound in (*HTTP_SECONDS, math.inf)
    }


def test_counters_and_gauges_come_too(native: str, classic: str) -> None:
    for url in (native, classic):
        calls = asked(url, "dialtone_calls_total")
        assert {float(one["value"][1]) for one in calls} == {VALUES}
        assert asked(url, "process_resident_memory_bytes > 0")
        assert asked(url, "python_info")


@pytest.mark.parametrize("way", ["native", "classic"])
def test_the_trace_of_an_exemplar_is_read_back(way: str, request: pytest.FixtureRequest) -> None:
    url = str(request.getfixturevalue(way))
    found = eventually("the exemplar is there", lambda: exemplars(url))

    assert isinstance(found, list)
    labels = [one["labels"] for series in found for one in series["exemplars"]]
    assert {"trace_id": TRACE, "span_id": "051581bf3cb55c13"} in labels


def exemplars(url: str) -> list[dict[str, list[dict[str, dict[str, str]]]]]:
    now = SystemClock.time()
    query = {
        "query": '{__name__=~"dialtone_call_duration_seconds(_bucket)?"}',
        "start": now - 600,
        "end": now + 600,
    }
    answer = httpx.get(f"{url}/api/v1/query_exemplars", params=query, timeout=10).json()
    result: list[dict[str, list[dict[str, dict[str, str]]]]] = answer["data"]
    return result
