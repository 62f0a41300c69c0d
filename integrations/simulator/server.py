"""The simulator under uvicorn, on loopback, in a thread with an event loop of its own.

uvicorn has no way for an app to drop a connection, so its HTTP protocol is given one line more: it puts a
function that ends the transport into the ASGI scope's state. A reset sets SO_LINGER to zero first, so the
client sees a reset and no orderly end.
"""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple, cast

import anyio
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from integrations.simulator.messages import Receive, Scope, Send
from integrations.simulator.misbehaviour import CUT
from integrations.simulator.simulator import Simulator

_START_SECONDS = 10.0
_STOP_SECONDS = 1


class Certificate(NamedTuple):
    """Files in PEM: a server certificate, with its chain, and its key."""

    chain: Path
    key: Path


class SimulatorStartError(RuntimeError):
    """The simulator's server did not come up."""


class _CuttingProtocol(H11Protocol):
    """HTTP/1.1 whose app can end the connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as H11Protocol
        super().connection_made(transport)
        self.app_state = {**self.app_state, CUT: partial(_cut, transport)}


def _cut(transport: asyncio.Transport, *, reset: bool) -> None:
    if not reset:
        transport.close()
        return
    sock = cast("socket.socket | None", transport.get_extra_info("socket"))
    if sock is not None and sock.family in {socket.AF_INET, socket.AF_INET6}:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def loopback() -> socket.socket:
    """Take a free port of 127.0.0.1."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.bind(("127.0.0.1", 0))
    return sock


@contextlib.contextmanager
def serving(
    simulator: Simulator, plain: socket.socket, secure: tuple[socket.socket, Certificate] | None = None
) -> Iterator[None]:
    """Serve on a bound socket, and with TLS on another, until the block ends.

    Raises:
        SimulatorStartError: when it does not come up within 10 s.
    """
    servers = [_server(simulator, None)]
    sockets = [plain]
    if secure:
        sockets.append(secure[0])
        servers.append(_server(simulator, secure[1]))
    pairs = list(zip(servers, sockets, strict=True))
    thread = threading.Thread(target=anyio.run, args=(_serve, pairs), name="simulator", daemon=True)
    thread.start()
    try:
        for server in servers:
            if not server.up.wait(_START_SECONDS):
                raise SimulatorStartError("the simulator did not start within 10 s")
        yield
    finally:
        for server in servers:
            server.should_exit = True
        thread.join(_START_SECONDS)


class _Server(uvicorn.Server):
    """A uvicorn that says when it is up."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.up.set()


async def _serve(pairs: list[tuple[_Server, socket.socket]]) -> None:
    async with anyio.create_task_group() as tasks:
        for server, sock in pairs:
            tasks.start_soon(server.serve, [sock])


def _server(simulator: Simulator, certificate: Certificate | None) -> _Server:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await simulator(scope, receive, send)

    return _Server(
        uvicorn.Config(
            app,
            http=_CuttingProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_STOP_SECONDS,
            ssl_certfile=certificate.chain if certificate else None,
            ssl_keyfile=certificate.key if certificate else None,
        )
    )
