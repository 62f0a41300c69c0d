"""The HTTP server: uvicorn on sockets bound before anything else starts, without signal handlers of its
own.
"""

import contextlib
import socket
from collections.abc import Callable, Generator

import anyio
import uvicorn
from litestar.types import ASGIApp

from app.connection import PatientProtocol
from app.patience import Bodies

DRAIN_SECONDS = 10
STUCK_SECONDS = 20


class ListenError(OSError):
    """An address could not be bound; the message says which and what to do."""


def bind(host: str, port: int) -> socket.socket:
    """Take an address, so that a port in use stops the start at once.

    Raises:
        ListenError: when the address is taken or is none of this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        # A client that takes nothing would keep its connection, and what was written to it, for ever.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STUCK_SECONDS * 1000)
    try:
        sock.bind((host, port))
    except OSError as error:
        sock.close()
        raise ListenError(
            f"cannot listen on {host}:{port}: {error.strerror}; end what uses it, or give another address "
            "(`listen` in the configuration file, --listen of the demo)"
        ) from error
    return sock


class _Server(uvicorn.Server):
    """A uvicorn whose start and stop belong to the wiring."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = anyio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start listening, and say so."""
        await super().startup(sockets=sockets)
        self.up.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave the process's signals alone."""
        yield


class HTTPServer:
    """Serves an application on bound sockets until `stop`, then lets requests in flight finish within 10
    s. `on_stop` ends those that would not by themselves.
    """

    def __init__(
        self, app: ASGIApp, sockets: list[socket.socket], *, on_stop: Callable[[], None] | None = None
    ) -> None:
        self._on_stop = on_stop
        self._sockets = sockets
        self._server = _Server(
            uvicorn.Config(
                Bodies(app),
                http=PatientProtocol,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_keep_alive=30,
                timeout_graceful_shutdown=DRAIN_SECONDS,
            )
        )

    async def serve(self) -> None:
        """Serve until `stop` is called."""
        await self._server.serve(sockets=self._sockets)

    async def started(self) -> None:
        """Wait until requests are answered; the caller holds the deadline."""
        await self._server.up.wait()

    def stop(self) -> None:
        """Begin to drain."""
        self._server.should_exit = True
        if self._on_stop is not None:
            self._on_stop()
