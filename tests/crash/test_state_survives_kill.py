"""After kill -9 under load, an open breaker, a Retry-After and a forced state are there at the next start."""

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from tests.real.servers import answers, dialtone_command, eventually, free_port, running

SAVED_WITHIN = 1.0
"""Seconds after which a change of the executor's state is on the disk."""

CONFIG = """
listen: 127.0.0.1:{port}
state_dir: {dir}/state
defaults: {{check: {{interval: 60}}, policy: {{retry: {{attempts: 1}}}}}}
integrations:
  - {{id: failing, vendor: http, config: {{url: "http://127.0.0.1:{vendor}/500"}}}}
  - {{id: throttled, vendor: http, config: {{url: "http://127.0.0.1:{vendor}/429"}}}}
  - {{id: healthy, vendor: http, config: {{url: "http://127.0.0.1:{vendor}/200"}}}}
"""


class _Vendor(BaseHTTPRequestHandler):
    """Answers with the status in the path; 429 says to wait for ten minutes."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(int(self.path[1:4]))
        if self.path == "/429":
            self.send_header("Retry-After", "600")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent's name
        pass


@pytest.fixture
def vendor() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Vendor)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


def _call(url: str, integration: str) -> httpx.Response:
    return httpx.post(f"{url}/v2/integrations/{integration}/actions/fetch", json={"params": {}}, timeout=10)


def _status(url: str, integration: str) -> dict[str, object]:
    status: dict[str, object] = httpx.get(f"{url}/v2/integrations/{integration}/status", timeout=5).json()
    return status


def test_breaker_throttling_and_forced_states_survive(tmp_path: Path, vendor: int) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    config = tmp_path / "dialtone.yaml"
    config.write_text(CONFIG.format(port=port, dir=tmp_path, vendor=vendor))
    command = dialtone_command("serve", "--config", str(config))

    with running(command, log=tmp_path / "first.log") as process, ThreadPoolExecutor(8) as pool:
        eventually("ready", lambda: answers(f"{url}/readyz"))
        list(pool.map(lambda _: _call(url, "failing"), range(30)))
        # The first check may have met the vendor's 429 before this call: then it is refused here.
        assert _call(url, "throttled").status_code in {429, 503}
        forced = httpx.post(
            f"{url}/v2/integrations/healthy/breaker/force_open", json={"reason": "maintenance"}, timeout=5
        )
        assert forced.status_code < 300, forced.text
        eventually("open", lambda: '"open"' in json.dumps(_status(url, "failing")))
        changed_at = time.monotonic()
        while time.monotonic() - changed_at < SAVED_WITHIN:
            list(pool.map(lambda _: _call(url, "failing"), range(50)))
        process.kill()
        process.wait()

    with running(command, log=tmp_path / "second.log"):
        eventually("ready again", lambda: answers(f"{url}/readyz"))
        assert _call(url, "failing").json()["outcome"]["reason"] == "open_circuit"
        throttled = _call(url, "throttled")
        assert throttled.status_code == 503
        assert 0 < float(throttled.headers["retry-after"]) <= 600
        assert '"forced_open"' in json.dumps(_status(url, "healthy"))
