"""A real nginx as vendor, a real Prometheus as vendor and scraper, and Dialtone started by its command."""

import json
import subprocess
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from standardwebhooks import Webhook

from app.demo import certificates
from tests.real.servers import answers, dialtone_command, eventually, free_port, program, running

NGINX = """
daemon off; pid {dir}/nginx.pid; error_log {dir}/nginx-error.log;
events {{}}
http {{
  access_log off; client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f;
  uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s; keepalive_timeout 5s; gzip on; gzip_types application/json;
  gzip_min_length 1; limit_req_zone $server_name zone=tight:1m rate=1r/m; limit_req_status 429;
  server {{
    listen 127.0.0.1:{tls} ssl; ssl_certificate {chain}; ssl_certificate_key {key};
    location / {{ return 204; }}
  }}
  server {{
    listen 127.0.0.1:{port}; default_type application/json;
    location = /health {{ return 200 '{{"status":"ok","version":"1.22"}}'; }}
    location = /no {{ return 200 '{{"status":"failing"}}'; }}
    location = /broken {{ return 503; }}
    location = /tight {{ limit_req zone=tight; add_header Retry-After 7 always; try_files /none =204; }}
    location = /secret {{ if ($http_authorization != "Bearer open-sesame") {{ return 401; }} return 204; }}
    location = /moved {{ return 302 http://127.0.0.1:1/; }}
  }}
}}
"""

CERTIFICATE_DAYS = 9.0

CONFIG = """
listen: 127.0.0.1:{port}
state_dir: {dir}/state
defaults: {{check: {{interval: 1, retry_interval: 1, fail_after: 2, recover_after: 1, timeout: 2}}}}
integrations:
  - id: prometheus-real
    vendor: prometheus
    config: {{base_url: "http://127.0.0.1:{prometheus}"}}
    labels: {{team: observability, environment: test, tier: "1"}}
  - id: web
    vendor: http
    config:
      url: http://127.0.0.1:{nginx}/health
      expect: {{all: [{{status: [200]}}, {{json: {{pointer: /status, equals: ok}}}}, {{latency_below: 2}}]}}
  - id: says-no
    vendor: http
    config:
      url: http://127.0.0.1:{nginx}/no
      expect: {{json: {{pointer: /status, equals: ok}}}}
  - {{id: broken, vendor: http, config: {{url: "http://127.0.0.1:{nginx}/broken"}}}}
  - {{id: locked, vendor: http, config: {{url: "http://127.0.0.1:{nginx}/secret"}}}}
  - id: tls
    vendor: http
    network: {{ca_file: {authority}}}
    config: {{url: "https://localhost:{tls}/", expect: {{certificate_days_left: 5}}}}
  - id: tls-ending
    vendor: http
    network: {{ca_file: {authority}}}
    config: {{url: "https://localhost:{tls}/", expect: {{certificate_days_left: 14}}}}
  - {{id: tls-untrusted, vendor: http, config: {{url: "https://localhost:{tls}/"}}}}
  - {{id: gone, vendor: http, config: {{url: "http://127.0.0.1:{closed}/"}}}}
  - id: hooks
    vendor: http
    secrets: {{webhook_secret: {webhook_secret}}}
    config:
      url: http://127.0.0.1:{nginx}/health
      webhooks: {{verify: {{kind: standard_webhooks, secret: webhook_secret}}, type: {{pointer: /type}}}}
"""

WEBHOOK_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
"""The secret of Standard Webhooks' own examples."""


class Site:
    """The running servers and how to reach them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.nginx, self.tls, self.prometheus, self.dialtone, self.closed = (free_port() for _ in range(5))
        self.certificate = certificates.issue(folder, days=CERTIFICATE_DAYS, now=time.time())
        self.url = f"http://127.0.0.1:{self.dialtone}"

    def get(self, path: str, **query: str) -> httpx.Response:
        return httpx.get(self.url + path, params=query, timeout=10)

    def state(self, integration: str) -> str:
        return str(self.health(integration)["state"])

    def health(self, integration: str) -> dict[str, object]:
        """State, reason and since of an integration, as the API tells them."""
        health: dict[str, object] = self.get(f"/v2/integrations/{integration}").json()["integration"]
        return health

    def send_webhook(self) -> None:
        """Send an event to `hooks`, as a vendor would, signed by the scheme's own library."""
        number, body, now = f"msg_{uuid.uuid4().hex}", '{"type": "ping"}', datetime.now(UTC)
        signature = Webhook(WEBHOOK_SECRET).sign(number, now, body)
        headers = {"id": number, "timestamp": str(int(now.timestamp())), "signature": signature}
        answer = httpx.post(
            f"{self.url}/v2/webhooks/hooks",
            content=body,
            headers={f"webhook-{name}": value for name, value in headers.items()},
            timeout=10,
        )
        assert answer.status_code == 202, answer.text

    def promql(self, query: str) -> list[dict[str, object]]:
        """The result of an instant query on the real Prometheus."""
        answer = httpx.get(
            f"http://127.0.0.1:{self.prometheus}/api/v1/query", params={"query": query}, timeout=10
        )
        assert answer.json()["status"] == "success", answer.text
        result: list[dict[str, object]] = answer.json()["data"]["result"]
        return result

    def command(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run `dialtone …` against the running server."""
        return subprocess.run(
            dialtone_command(*arguments),
            env={"DIALTONE_URL": self.url, "PATH": "/usr/bin:/bin"},
            capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip

    def nginx_command(self) -> list[str]:
        tls = {"tls": self.tls, "chain": self.certificate.chain, "key": self.certificate.key}
        (self.folder / "nginx.conf").write_text(NGINX.format(dir=self.folder, port=self.nginx, **tls))
        return [program("nginx"), "-p", str(self.folder), "-c", str(self.folder / "nginx.conf")]

    def prometheus_command(self) -> list[str]:
        config = {
            "global": {"scrape_interval": "1s"},
            "scrape_configs": [
                {"job_name": "dialtone", "static_configs": [{"targets": [f"127.0.0.1:{self.dialtone}"]}]}
            ],
        }
        (self.folder / "prometheus.yml").write_text(json.dumps(config))
        return [
            program("prometheus"),
            f"--config.file={self.folder}/prometheus.yml",
            f"--storage.tsdb.path={self.folder}/tsdb",
            f"--web.listen-address=127.0.0.1:{self.prometheus}",
        ]

    def dialtone_command(self) -> list[str]:
        text = CONFIG.format(
            dir=self.folder,
            port=self.dialtone,
            prometheus=self.prometheus,
            nginx=self.nginx,
            closed=self.closed,
            tls=self.tls,
            authority=self.certificate.authority,
            webhook_secret=WEBHOOK_SECRET,
        )
        (self.folder / "dialtone.yaml").write_text(text)
        return dialtone_command("serve", "--config", str(self.folder / "dialtone.yaml"))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("real")
    site = Site(folder)
    with (
        running(site.nginx_command(), log=folder / "nginx.log"),
        running(site.prometheus_command(), log=folder / "prometheus.log"),
        running(site.dialtone_command(), log=folder / "dialtone.log"),
    ):
        eventually("nginx answers", lambda: answers(f"http://127.0.0.1:{site.nginx}/health"))
        eventually("Prometheus is ready", lambda: answers(f"http://127.0.0.1:{site.prometheus}/-/ready"))
        eventually("Dialtone is ready", lambda: answers(f"{site.url}/readyz"))
        yield site
