"""Real container engines on sockets and folders of their own: dockerd, podman, and a registry beside them."""

import datetime as dt
import io
import shutil
import socket
import tarfile
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from app.demo import certificates
from integrations.connection import CanaryPolicy, CheckPolicy, Connection, NetworkPolicy
from integrations.credentials.secret import Secret
from tests.fakes.tokens import certificate, ec_key, pem
from tests.real.servers import answers, eventually, free_port, program, running

IMAGE = "localhost/dialtone/busybox:latest"
REGISTRY = """
version: 0.1
storage: {{filesystem: {{rootdirectory: {folder}/registry}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""


class Engine(NamedTuple):
    """A running engine: its socket, what a connection to it has, and what its containers need here."""

    path: Path
    config: Mapping[str, object]
    auth: str = "socket"
    secrets: Mapping[str, Secret] = {}
    network: NetworkPolicy = NetworkPolicy()
    limits: Mapping[str, object] = {}

    def connection(self) -> Connection:
        return Connection(
            id="engine",
            vendor="docker",
            config=dict(self.config),
            auth=self.auth,
            secrets=dict(self.secrets),
            network=self.network,
            check=CheckPolicy(canary=CanaryPolicy(enabled=True)),
        )


@contextmanager
def short_folder() -> Iterator[Path]:
    """A folder whose path is short enough for a socket's."""
    folder = Path(tempfile.mkdtemp(prefix="dialtone-engine-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def dockerd() -> Iterator[tuple[Engine, Engine]]:
    """One dockerd, over its socket and over TCP where it asks for a client certificate."""
    with short_folder() as folder:
        port, path = free_port(), folder / "docker.sock"
        server, client = certificates.issue(folder, days=2, now=time.time()), ec_key()
        shown = certificate(client, ends=dt.datetime(2030, 1, 1, tzinfo=dt.UTC))
        (folder / "client.pem").write_text(shown)
        command = [
            *(program("dockerd"), "--host", f"unix://{path}", "--host", f"tcp://127.0.0.1:{port}"),
            *("--tlsverify", "--tlscacert", str(folder / "client.pem")),
            *("--tlscert", str(server.chain), "--tlskey", str(server.key)),
            *("--data-root", str(folder / "data"), "--exec-root", str(folder / "exec")),
            *("--pidfile", str(folder / "pid"), "--bridge=none", "--iptables=false", "--ip6tables=false"),
        ]
        with started("dockerd", command, path, log=folder / "log"):
            import_image(path)
            yield (
                Engine(path, {"base_url": f"unix://{path}"}),
                Engine(
                    path,
                    {"base_url": f"https://127.0.0.1:{port}"},
                    auth="certificate",
                    secrets={"certificate": Secret(shown), "key": Secret(pem(client))},
                    network=NetworkPolicy(ca_file=str(server.authority)),
                ),
            )


@contextmanager
def podman() -> Iterator[Engine]:
    """podman's Docker API; its containers are given limits that a machine without all rights allows."""
    with short_folder() as folder:
        path = folder / "podman.sock"
        command = [
            *(program("podman"), "--runtime", "runc", "--root", str(folder / "root")),
            *("--storage-driver", "vfs"),
            *("--runroot", str(folder / "run"), "--cgroup-manager", "cgroupfs"),
            *("system", "service", "--time=0", f"unix://{path}"),
        ]
        with started("podman", command, path, log=folder / "log"):
            import_image(path)
            ulimits = [{"Name": name, "Soft": 1024, "Hard": 1024} for name in ("nofile", "nproc")]
            yield Engine(path, {"base_url": f"unix://{path}"}, limits={"Ulimits": ulimits})


@contextmanager
def started(name: str, command: list[str], path: Path, *, log: Path) -> Iterator[None]:
    """The engine, once it answers; says plainly that it did not start where it cannot."""
    with running(command, log=log) as process:
        try:
            eventually(f"{name} answers", lambda: process.poll() is not None or _pings(path))
        except AssertionError:
            pytest.skip(f"{name} did not start within 30 s: {log.read_text()[-300:]}")
        if process.poll() is not None:
            pytest.skip(f"{name} did not start: {log.read_text()[-300:]}")
        yield


@contextmanager
def registry() -> Iterator[tuple[int, Path]]:
    """A registry: its port, and the folder that it keeps images in."""
    with short_folder() as folder:
        port = free_port()
        (folder / "config.yml").write_text(REGISTRY.format(folder=folder, port=port))
        command = [program("docker-registry"), "serve", str(folder / "config.yml")]
        with running(command, log=folder / "log"):
            eventually("the registry answers", lambda: answers(f"http://127.0.0.1:{port}/v2/"))
            yield port, folder / "registry"


def raw(path: Path) -> httpx.Client:
    """A client of the engine that knows nothing of Dialtone."""
    transport = httpx.HTTPTransport(uds=str(path))
    return httpx.Client(transport=transport, base_url="http://engine/v1.41", timeout=60)


def import_image(path: Path) -> None:
    """Make an image out of the one program busybox."""
    query = {"fromSrc": "-", "repo": IMAGE.rpartition(":")[0], "tag": "latest"}
    with raw(path) as client:
        answer = client.post("/images/create", params=query, content=_root_file_system())
    assert answer.status_code == 200, answer.text


def _pings(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(path))
    with raw(path) as client:
        return client.get("/_ping").status_code == 200


def _root_file_system() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        tar.add(program("busybox"), "bin/busybox")
        for name in ("sh", "sleep", "ls", "ps"):
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    return packed.getvalue()
