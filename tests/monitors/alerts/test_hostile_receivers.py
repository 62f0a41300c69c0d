"""Receivers that misbehave on real sockets: each try ends in time, reads little, and harms nobody else."""

import gzip
import resource
import socket
import struct
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import anyio
import pytest

from integrations.clock import SystemClock
from integrations.execution.executor import Executor
from integrations.execution.outcome import FailureKind
from integrations.execution.pool import Pools
from integrations.signals import DeliveryAttempt
from monitors.alerts.senders import Senders
from monitors.alerts.trial import Trial, try_out
from tests.fakes.delivering import delivering, local, told
from tests.fakes.receiver_server import ReceiverServer
from tests.fakes.signals import RecordingSubscriber

pytestmark = pytest.mark.enable_socket

TIMEOUT, SLACK = 0.6, 2.0
"""Seconds; the second is what a busy machine may add. A receiver that hangs does so for much longer."""

Play = Callable[[socket.socket], None]

HEAD = b"HTTP/1.1 200 OK\r\n"


def drip_headers(connection: socket.socket) -> None:
    for byte in HEAD + b"x: y\r\n" * 1000:
        connection.sendall(bytes([byte]))
        time.sleep(0.05)


def drip_body(connection: socket.socket) -> None:
    connection.sendall(HEAD + b"content-length: 5000\r\n\r\n")
    for _ in range(5000):
        connection.sendall(b"x")
        time.sleep(0.05)


def hang(_: socket.socket) -> None:
    time.sleep(3 * (TIMEOUT + SLACK))


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def reset_in_body(connection: socket.socket) -> None:
    connection.sendall(HEAD + b"content-length: 5000\r\n\r\nxxx")
    reset(connection)


def endless_body(connection: socket.socket) -> None:
    connection.sendall(HEAD + b"transfer-encoding: chunked\r\n\r\n")
    while True:
        connection.sendall(b"10000\r\n" + b"x" * 65_536 + b"\r\n")


def endless_refusal(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 500 No\r\ntransfer-encoding: chunked\r\n\r\n")
    while True:
        connection.sendall(b"10000\r\n" + b"x" * 65_536 + b"\r\n")


def bomb(connection: socket.socket) -> None:
    body = gzip.compress(bytes(4 * 1024 * 1024))
    connection.sendall(HEAD + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(body) + body)


def endless_header(connection: socket.socket) -> None:
    connection.sendall(HEAD + b"x: ")
    for _ in range(1600):
        connection.sendall(b"y" * 65_536)


def many_headers(connection: socket.socket) -> None:
    connection.sendall(HEAD)
    for number in range(1_000_000):
        connection.sendall(b"x-%d: y\r\n" % number * 100)


def no_http(connection: socket.socket) -> None:
    connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n")


def no_content_with_a_body(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 204 No Content\r\ncontent-length: 4\r\n\r\nbody")


def old_http(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.0 200 OK\r\n\r\nfine")


def says_nothing(_: socket.socket) -> None:
    """Closes at once."""


def large_but_taken(connection: socket.socket) -> None:
    connection.sendall(HEAD + b"content-length: 200000\r\n\r\n" + b"x" * 200_000)


@contextmanager
def playing(play: Play) -> Iterator[str]:
    """A server that reads a request and then does as it likes; yields its URL."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=act, args=(connection,), daemon=True).start()

    def act(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.recv(65_536)
            play(connection)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@pytest.fixture
async def attempt() -> AsyncIterator[Callable[[str], object]]:
    clock = SystemClock()
    executor = Executor(clock=clock, publish=lambda _: None, transport=Pools(clock).open, drain=0.1)
    senders = Senders(calls=executor, clock=clock)

    async def send(url: str) -> Trial:
        receiver = local("hostile", url, timeout=TIMEOUT)
        return await try_out(receiver, senders(receiver), clock=clock)

    yield send
    await executor.aclose()


@pytest.mark.parametrize(
    ("play", "kind"),
    [
        (drip_headers, FailureKind.TIMEOUT),
        (drip_body, FailureKind.TIMEOUT),
        (hang, FailureKind.TIMEOUT),
        (reset, FailureKind.CONNECTION),
        (reset_in_body, FailureKind.CONNECTION),
        (endless_body, None),
        (endless_refusal, FailureKind.TOO_LARGE),
        (bomb, None),
        (endless_header, FailureKind.MALFORMED),
        (many_headers, FailureKind.MALFORMED),
        (no_http, FailureKind.MALFORMED),
        (no_content_with_a_body, None),
        (old_http, None),
        (says_nothing, FailureKind.CONNECTION),
        (large_but_taken, None),
    ],
)
async def test_each_ends_in_time_and_reads_little(
    attempt: Callable[[str], object], play: Play, kind: FailureKind | None
) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with playing(play) as url:
        began = time.monotonic()
        trial = await attempt(url)  # type: ignore[misc]  # the fixture's coroutine
        took = time.monotonic() - began

    assert trial.sent.kind is kind, trial.sent
    assert took < TIMEOUT + SLACK
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 150 * 1024


async def test_hostile_receivers_harm_no_other(tmp_path: Path) -> None:
    signals = RecordingSubscriber()
    plays = [drip_headers, drip_body, hang, reset, endless_body, bomb, endless_header, many_headers, no_http]
    got: list[str] = []

    def take(request: object) -> tuple[int, float]:
        got.append("")
        return 204, 0.0

    with ReceiverServer(take) as server, _all_playing(plays) as urls:
        hostile = [local(f"bad{n}", url, timeout=TIMEOUT) for n, url in enumerate(urls)]
        good = [local(f"good{n}", server.url()) for n in range(20)]
        async with delivering(
            tmp_path, [*hostile, *good], clock=SystemClock(), publish=signals.on_signal
        ) as running:
            for turn in range(10):
                now = time.time()
                await running.put(
                    [told(one.name, subject=f"s{turn}", sequence=1, at=now) for one in (*hostile, *good)]
                )
            with anyio.move_on_after(10):
                while len(got) < 200:  # noqa: ASYNC110 - the server is on another thread
                    await anyio.sleep(0.02)
            await running.relay.drain(2.0)

    tries = [one for one in signals.of(DeliveryAttempt) if one.receiver.startswith("good")]
    assert len(got) == 200
    assert {one.result for one in tries} == {"delivered"}


@contextmanager
def _all_playing(plays: list[Play]) -> Iterator[list[str]]:
    if not plays:
        yield []
        return
    with playing(plays[0]) as url, _all_playing(plays[1:]) as rest:
        yield [url, *rest]
