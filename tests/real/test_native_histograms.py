"""A real Prometheus scrapes the protobuf exposition: native histograms, their quantiles, exemplars."""

import json
import math
import random
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import anyio
import httpx
import pytest

from exporters.prometheus import PrometheusExporter, Scrape
from exporters.table import MetricTable
from integrations.clock import SystemClock
from tests.fakes.calls import call_record
from tests.real.servers import answers, eventually, free_port, program, running

TRACE = "5b8aa5a2d2c872e8321cf37308d69df2"
DURATIONS = sorted(random.Random(7).lognormvariate(-1.5, 0.9) for _ in range(20_000))


class _Target:
    """A `/metrics` over a table of known calls, and what Prometheus asked it for."""

    def __init__(self) -> None:
        table = MetricTable(native=True)
        for number, duration in enumerate(DURATIONS):
            is_last = number == len(DURATIONS) - 1
            table.on_signal(
                call_record(
                    duration=duration,
                    sampled=is_last,
                    trace_id=TRACE,
                    span_id="051581bf3cb55c13",
                    at=SystemClock.time(),
                )
            )
        self.exporter = PrometheusExporter(table, clock=SystemClock())
        self.accepted: list[str] = []
        self.types: list[str] = []

    def scrape(self, accept: str, encoding: str) -> Scrape:
        self.accepted.append(accept)
        scrape = anyio.run(lambda: self.exporter.scrape(accept=accept, accept_encoding=encoding))
        self.types.append(scrape.content_type)
        return scrape


@pytest.fixture(scope="module")
def target() -> Iterator[tuple[_Target, int]]:
    made = _Target()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            scrape = made.scrape(self.headers.get("Accept", ""), self.headers.get("Accept-Encoding", ""))
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


@pytest.fixture(scope="module")
def prometheus(target: tuple[_Target, int], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder, port = tmp_path_factory.mktemp("native"), free_port()
    config = {
        "global": {"scrape_interval": "1s"},
        "scrape_configs": [
            {"job_name": "dialtone", "static_configs": [{"targets": [f"127.0.0.1:{target[1]}"]}]}
        ],
    }
    file = Path(folder / "prometheus.yml")
    file.write_text(json.dumps(config))
    command = [
        program("prometheus"),
        f"--config.file={file}",
        f"--storage.tsdb.path={folder}/tsdb",
        f"--web.listen-address=127.0.0.1:{port}",
        "--enable-feature=native-histograms,exemplar-storage",
    ]
    url = f"http://127.0.0.1:{port}"
    with running(command, log=folder / "prometheus.log"):
        eventually("Prometheus answers", lambda: answers(f"{url}/-/ready"))
        eventually("the target is up", lambda: asked(url, "up == 1"))
        yield url


def asked(url: str, query: str) -> list[dict[str, list[str]]]:
    answer = httpx.get(f"{url}/api/v1/query", params={"query": query}, timeout=10).json()
    assert answer["status"] == "success", answer
    result: list[dict[str, list[str]]] = answer["data"]["result"]
    return result


def test_prometheus_takes_protobuf(target: tuple[_Target, int], prometheus: str) -> None:
    assert asked(prometheus, "up")
    assert "vnd.google.protobuf" in target[0].types[-1], target[0].accepted


@pytest.mark.parametrize("quantile", [0.5, 0.9, 0.95, 0.99])
def test_a_quantile_read_back_is_within_one_percent(prometheus: str, quantile: float) -> None:
    query = f"histogram_quantile({quantile}, dialtone_call_duration_seconds)"
    result = eventually("the histogram is there", lambda: asked(prometheus, query))

    assert isinstance(result, list)
    expected = DURATIONS[math.ceil(quantile * len(DURATIONS)) - 1]
    assert float(result[0]["value"][1]) == pytest.approx(expected, rel=0.01)


def test_count_and_sum_are_exact(prometheus: str) -> None:
    (count,) = asked(prometheus, "histogram_count(dialtone_call_duration_seconds)")
    (total,) = asked(prometheus, "histogram_sum(dialtone_call_duration_seconds)")

    assert float(count["value"][1]) == len(DURATIONS)
    assert float(total["value"][1]) == pytest.approx(sum(DURATIONS))


def test_counters_and_gauges_come_too(prometheus: str) -> None:
    (calls,) = asked(prometheus, "dialtone_calls_total")

    assert float(calls["value"][1]) == len(DURATIONS)
    assert asked(prometheus, "process_resident_memory_bytes > 0")
    assert asked(prometheus, "python_info")


def test_classic_histograms_come_from_a_text_scrape_with_exemplars(
    target: tuple[_Target, int], tmp_path: Path
) -> None:
    port = free_port()
    config = {
        "global": {"scrape_interval": "1s"},
        "scrape_configs": [{"job_name": "d", "static_configs": [{"targets": [f"127.0.0.1:{target[1]}"]}]}],
    }
    (tmp_path / "prometheus.yml").write_text(json.dumps(config))
    command = [
        program("prometheus"),
        f"--config.file={tmp_path}/prometheus.yml",
        f"--storage.tsdb.path={tmp_path}/tsdb",
        f"--web.listen-address=127.0.0.1:{port}",
        "--enable-feature=exemplar-storage",
    ]
    url = f"http://127.0.0.1:{port}"
    with running(command, log=tmp_path / "prometheus.log"):
        eventually("Prometheus answers", lambda: answers(f"{url}/-/ready"))
        eventually("buckets are there", lambda: asked(url, "dialtone_call_duration_seconds_bucket"))
        found = eventually("the exemplar is there", lambda: exemplars(url))

    assert isinstance(found, list)
    assert found[0]["exemplars"][0]["labels"]["trace_id"] == TRACE


def exemplars(url: str) -> list[dict[str, list[dict[str, dict[str, str]]]]]:
    now = SystemClock.time()
    query = {"query": "dialtone_call_duration_seconds_bucket", "start": now - 600, "end": now + 600}
    answer = httpx.get(f"{url}/api/v1/query_exemplars", params=query, timeout=10).json()
    result: list[dict[str, list[dict[str, dict[str, str]]]]] = answer["data"]
    return result
