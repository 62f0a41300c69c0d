"""No way of spelling, resolving or redirecting leads a receiver's request to an inner address: a canary that
listens on this machine hears nothing.
"""

import socket
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack
from typing import Self

import anyio
import pytest
from aiohappyeyeballs import AddrInfoType

from integrations.clock import SystemClock
from integrations.credentials.secret import Secret
from integrations.execution.executor import Executor
from integrations.execution.guard import Guard, RefusedAddressError
from integrations.execution.guarded import guarded_sockets
from integrations.execution.outcome import FailureKind
from integrations.execution.pool import Pools
from monitors.alerts.formats.table import format_for
from monitors.alerts.receivers import WebhookReceiver
from monitors.alerts.schedule import Sent
from monitors.alerts.sending import HTTPSender
from monitors.alerts.trial import try_out
from tests.fakes.receiver_server import Received, ReceiverServer, Reply
from tests.integrations.execution import ssrf_corpus as corpus

pytestmark = pytest.mark.enable_socket


class Canary:
    """Listens on all addresses of this machine, and counts who connects."""

    def __init__(self) -> None:
        self.connections = 0
        self._sockets = [socket.create_server(("0.0.0.0", 0), backlog=64)]
        self.port: int = self._sockets[0].getsockname()[1]
        if socket.has_dualstack_ipv6():
            self._sockets.append(socket.create_server(("::", self.port), family=socket.AF_INET6))

    def __enter__(self) -> Self:
        for one in self._sockets:
            threading.Thread(target=self._accept, args=(one,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for one in self._sockets:
            one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self.connections += 1
            connection.close()


class TurningResolver:
    """Answers with one set of addresses after the other, the last one for ever."""

    def __init__(self, answers: Sequence[Sequence[str]]) -> None:
        self.answers = list(answers)

    async def __call__(self, host: str, port: int) -> Sequence[AddrInfoType]:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (one, port, 0, 0))
            if ":" in one
            else (socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port))
            for one in answer
        ]


@pytest.fixture(scope="module")
def canary() -> Iterator[Canary]:
    with Canary() as listening:
        yield listening


class Outgoing:
    """Sends a test message to any URL, as a receiver of webhooks."""

    def __init__(self, resolver: TurningResolver | None = None) -> None:
        self._clock = SystemClock()
        pools = Pools(self._clock) if resolver is None else Pools(self._clock, resolve=resolver)
        self.executor = Executor(clock=self._clock, publish=lambda _: None, transport=pools.open, drain=0.1)

    async def send(self, url: str, *, allow: tuple[str, ...] = (), own_port: int = 0) -> Sent:
        receiver = WebhookReceiver(
            name="r", url=Secret(url), timeout=2.0, allow_http=True, allow_networks=allow
        )
        sender = HTTPSender(
            receiver, format_for(receiver), calls=self.executor, clock=self._clock, own_port=own_port
        )
        trial = await try_out(receiver, sender, clock=self._clock)
        return trial.sent


@pytest.fixture
async def outgoing() -> AsyncIterator[Outgoing]:
    made = Outgoing()
    yield made
    await made.executor.aclose()


async def test_no_literal_url_reaches_the_canary(canary: Canary, outgoing: Outgoing) -> None:
    before, urls = canary.connections, list(corpus.literal_urls(canary.port))
    reached = []
    with anyio.fail_after(60):
        for url in urls:
            sent = await outgoing.send(url)
            if sent.kind is None or sent.duration > 1.0:
                reached.append(url)
    await anyio.sleep(0.05)

    assert len(urls) >= 150
    assert reached == []
    assert canary.connections == before


async def test_no_name_that_resolves_to_an_inner_address_reaches_the_canary(canary: Canary) -> None:
    before, resolver = canary.connections, TurningResolver([])
    outgoing = Outgoing(resolver)
    for address in corpus.addresses():
        for answer in ([address], ["93.184.216.34", address], [address, "93.184.216.34"]):
            resolver.answers = [answer]
            sent = await outgoing.send(f"http://rebound.example:{canary.port}/")
            assert sent.kind in {FailureKind.CONNECTION, FailureKind.DNS}, address
            assert "refused to connect" in sent.detail, sent.detail
    await outgoing.executor.aclose()

    assert canary.connections == before


async def test_a_name_that_changes_to_an_inner_address_is_refused_at_its_next_connection(
    canary: Canary,
) -> None:
    cut: list[str] = []

    def take(request: Received) -> Reply:
        cut.append(request.path)
        return (204, 0.0) if len(cut) < 2 else (0, 0.0)

    with ReceiverServer(take) as server:
        before = canary.connections
        resolver = TurningResolver([["127.0.0.1"], ["127.0.0.2"]])
        outgoing = Outgoing(resolver)
        url = f"http://flips.example:{server.port}/"
        good = await outgoing.send(url, allow=("127.0.0.1/32",))
        lost = await outgoing.send(url, allow=("127.0.0.1/32",))
        flipped = await outgoing.send(f"http://flips.example:{canary.port}/", allow=("127.0.0.1/32",))
        await outgoing.executor.aclose()

    assert good.kind is None
    assert lost.kind is not None
    assert "refused to connect to 127.0.0.2" in flipped.detail
    assert canary.connections == before


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_is_followed(canary: Canary, outgoing: Outgoing, status: int) -> None:
    before = canary.connections
    targets = [f"http://127.0.0.1:{canary.port}/", "http://169.254.169.254/latest/meta-data/", "//localhost/"]
    with ExitStack() as stack:
        for target in targets:
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            answer = f"HTTP/1.1 {status} Moved\r\nlocation: {target}\r\ncontent-length: 0\r\n\r\n"
            threading.Thread(target=_answer_once, args=(listener, answer.encode()), daemon=True).start()
            port = listener.getsockname()[1]
            sent = await outgoing.send(f"http://127.0.0.1:{port}/", allow=("127.0.0.1/32",))
            assert (sent.kind, sent.status) == (FailureKind.CLIENT_ERROR, status)

    assert canary.connections == before


def _answer_once(listener: socket.socket, answer: bytes) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.recv(65_536)
        connection.sendall(answer)


async def test_proxies_of_the_environment_are_not_used(
    canary: Canary, outgoing: Outgoing, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = canary.connections
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{canary.port}")
    with ReceiverServer(lambda _: (204, 0.0)) as server:
        sent = await outgoing.send(server.url(), allow=("127.0.0.1/32",))

    assert sent.kind is None
    assert canary.connections == before


async def test_dialtones_own_address_is_refused_though_the_network_is_declared(
    canary: Canary, outgoing: Outgoing
) -> None:
    before = canary.connections
    for host in ("127.0.0.1", "127.0.0.9", "localhost"):
        sent = await outgoing.send(
            f"http://{host}:{canary.port}/", allow=("127.0.0.0/8", "::1/128"), own_port=canary.port
        )
        assert "Dialtone itself listens there" in sent.detail

    assert canary.connections == before


async def test_a_declared_address_is_reached(canary: Canary, outgoing: Outgoing) -> None:
    """The canary would sing: what the other tests see is the guard, not a deaf listener."""
    before = canary.connections
    await outgoing.send(f"http://127.0.0.1:{canary.port}/", allow=("127.0.0.1/32",))
    await anyio.sleep(0.05)

    assert canary.connections > before


def test_sockets_are_judged_even_if_the_resolver_was_passed_by() -> None:
    make = guarded_sockets(Guard())
    for address in corpus.addresses():
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        where = (address, 80, 0, 0) if ":" in address else (address, 80)
        with pytest.raises(RefusedAddressError):
            make((family, socket.SOCK_STREAM, 6, "", where))
