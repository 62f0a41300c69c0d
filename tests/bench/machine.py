"""What benchmarks need of the machine: servers on loopback."""

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx

from app.demo import certificates
from tests.real.servers import free_port, program, running

_NGINX = """
daemon off; pid {dir}/nginx.pid; error_log {dir}/nginx-error.log; worker_processes 1;
events {{ worker_connections 16384; }}
http {{
  access_log off; client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f;
  uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s; keepalive_timeout 75s; keepalive_requests 1000000;
  default_type application/json;
  server {{ listen {port} backlog=8192; location / {{ return 200 '{{"status":"ok","version":"1.22"}}'; }} }}
  server {{
    listen {tls} ssl backlog=8192; ssl_certificate {chain}; ssl_certificate_key {key};
    location / {{ return 200 '{{"status":"ok","version":"1.22"}}'; }}
  }}
}}
"""


class Target(NamedTuple):
    """An nginx that answers on every address of the loopback net; `authority` signed its certificate."""

    port: int
    tls: int
    authority: Path


class Peer(NamedTuple):
    """A running blackbox_exporter."""

    port: int
    pid: int


def has(name: str) -> bool:
    """Whether a server is installed."""
    return bool(shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin"))


@contextmanager
def nginx(folder: Path) -> Iterator[Target]:
    """Serve 33 bytes of JSON over plain HTTP and over TLS."""
    certificate = certificates.issue(folder, days=30.0, now=time.time())
    target = Target(free_port(), free_port(), Path(certificate.authority))
    tls = {"tls": target.tls, "chain": certificate.chain, "key": certificate.key}
    (folder / "nginx.conf").write_text(_NGINX.format(dir=folder, port=target.port, **tls))
    command = [program("nginx"), "-p", str(folder), "-c", str(folder / "nginx.conf")]
    with running(command, log=folder / "nginx.log"):
        _until_up(f"http://127.0.0.1:{target.port}/")
        yield target


@contextmanager
def blackbox(folder: Path, authority: Path) -> Iterator[Peer]:
    """Run blackbox_exporter with one module for both kinds of address."""
    module = {
        "prober": "http", "timeout": "5s",
        "http": {"preferred_ip_protocol": "ip4", "tls_config": {"ca_file": str(authority)}},
    }  # fmt: skip
    (folder / "blackbox.yml").write_text(json.dumps({"modules": {"http_2xx": module}}))
    port = free_port()
    command = [
        program("prometheus-blackbox-exporter"),
        f"--config.file={folder}/blackbox.yml",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with running(command, log=folder / "blackbox.log") as process:
        _until_up(f"http://127.0.0.1:{port}/-/healthy")
        yield Peer(port, process.pid)


def _until_up(url: str) -> None:
    ends = time.monotonic() + 10.0
    while True:
        try:
            httpx.get(url, timeout=2.0)
        except httpx.HTTPError:
            if time.monotonic() > ends:
                raise
            time.sleep(0.05)
        else:
            return
