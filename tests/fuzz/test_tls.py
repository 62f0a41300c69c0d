"""TLS over loopback: a private authority, an expired certificate, one that nobody signed, no TLS at all."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import anyio
import httpx
import pytest
from aiohappyeyeballs import AddrInfoType

from integrations.clock import SystemClock
from integrations.connection import NetworkPolicy
from integrations.execution.certificate import read_certificate
from integrations.execution.cold import COLD
from integrations.execution.dialing import Dialer, Place
from integrations.execution.executor import Executor
from integrations.execution.outcome import FailureKind as K
from integrations.execution.outcome import Outcome
from integrations.execution.pool import Pools
from integrations.execution.transport import HTTPTransport, Reply
from tests.fakes.certificates import certificate
from tests.fakes.execution import call, line_spec
from tests.fakes.signals import RecordingSubscriber

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
Serve = Callable[[Path | None], Awaitable[int]]


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer whatever comes, as a web server answers a TLS greeting on its plain port: in plain HTTP."""
    try:
        while await reader.read(65_536):
            writer.write(OK)
    except ConnectionError:
        pass
    finally:
        writer.close()


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    async with AsyncExitStack() as stack:

        async def start(cert: Path | None) -> int:
            context = None
            if cert is not None:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(cert)
            server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
            stack.callback(server.close)
            return int(server.sockets[0].getsockname()[1])

        yield start


async def get(
    port: int,
    ca_file: Path | None = None,
    scheme: str = "https",
    *,
    cold: bool = False,
    proxy: str | None = None,
    timeout: float | None = None,  # noqa: ASYNC109 - the call's own
) -> tuple[Outcome, Reply | None]:
    executor = Executor(clock=SystemClock(), publish=RecordingSubscriber())
    network = NetworkPolicy(ca_file=str(ca_file) if ca_file else None, proxy=proxy)
    executor.open_line(line_spec(network=network))
    extensions = {COLD: True} if cold else {}
    url = f"{scheme}://localhost:{port}/"
    prepare = lambda: httpx.Request("GET", url, extensions=extensions)  # noqa: E731 - one line is enough
    try:
        answer = await executor.execute(
            call(prepare=prepare, certificate=True, max_attempts=1, timeout=timeout)
        )
        return answer.outcome, answer.reply
    finally:
        await executor.aclose()


async def test_a_private_authority_is_trusted_where_it_is_named_and_the_days_are_told(
    serve: Serve, tmp_path: Path
) -> None:
    cert = certificate(tmp_path, days=30)
    outcome, reply = await get(await serve(cert), cert)
    assert outcome.ok
    assert reply is not None
    assert reply.certificate_days_left == pytest.approx(30, abs=0.1)


async def test_a_certificate_that_nobody_signed_or_that_expired_is_a_tls_failure(
    serve: Serve, tmp_path: Path
) -> None:
    good = certificate(tmp_path, days=30)
    unsigned, _ = await get(await serve(good))
    (tmp_path / "old").mkdir()
    old = certificate(tmp_path / "old", days=-1)
    expired, _ = await get(await serve(old), old)
    assert (unsigned.kind, expired.kind) == (K.TLS, K.TLS)
    assert "expired" in expired.detail
    assert "self-signed" in unsigned.detail


async def test_a_server_without_tls_is_a_tls_failure_and_plain_http_has_no_certificate(serve: Serve) -> None:
    port = await serve(None)
    outcome, _ = await get(port)
    assert outcome.kind is K.TLS
    plain, reply = await get(port, scheme="http")
    assert plain.ok
    assert reply is not None
    assert reply.certificate_days_left is None


async def test_a_port_that_nobody_listens_on_is_refused_and_nothing_was_sent() -> None:
    outcome, _ = await get(1, scheme="http")
    assert outcome.kind is K.CONNECTION


async def test_a_cold_request_tells_its_phases_and_the_certificates_facts(
    serve: Serve, tmp_path: Path
) -> None:
    cert = certificate(tmp_path, days=30)
    outcome, reply = await get(await serve(cert), cert, cold=True)
    assert outcome.ok
    assert reply is not None
    assert reply.phases is not None
    assert None not in (reply.phases.dns, reply.phases.connect, reply.phases.tls, reply.phases.first_byte)
    facts = reply.certificate
    assert facts is not None
    assert (facts.subject, facts.issuer, facts.chain) == ("localhost", "localhost", 1)
    assert (facts.protocol, facts.names, facts.matched) == ("TLSv1.3", ("localhost",), "localhost")
    assert facts.cipher.startswith("TLS_")


async def test_a_cold_request_to_an_untrusted_server_is_a_tls_failure(serve: Serve, tmp_path: Path) -> None:
    outcome, reply = await get(await serve(certificate(tmp_path, days=30)), cold=True)
    assert (outcome.kind, reply) == (K.TLS, None)
    assert "self-signed" in outcome.detail


async def test_a_server_that_never_shakes_hands_ends_a_cold_request_at_its_deadline_and_loses_nothing() -> (
    None
):
    closed = asyncio.Event()

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(65_536):
            pass
        writer.close()
        closed.set()

    server = await asyncio.start_server(mute, "127.0.0.1", 0)
    outcome, _ = await get(server.sockets[0].getsockname()[1], cold=True, timeout=0.2)
    assert outcome.kind is K.TIMEOUT
    with anyio.fail_after(2):
        await closed.wait()
    server.close()


async def tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A proxy that opens one tunnel."""
    target = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
    host, _, port = target.rpartition(":")
    there, back = await asyncio.open_connection(host, int(port))
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")

    async def carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65_536):
            sink.write(data)
        sink.close()

    async with anyio.create_task_group() as group:
        group.start_soon(carry, reader, back)
        group.start_soon(carry, there, writer)


async def test_through_a_proxy_the_vendors_certificate_is_seen_and_its_handshake_timed(
    serve: Serve, tmp_path: Path
) -> None:
    cert = certificate(tmp_path, days=30)
    closed = asyncio.Event()

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await tunnel(reader, writer)
        finally:
            closed.set()

    proxy = await asyncio.start_server(once, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}"
    outcome, reply = await get(await serve(cert), cert, cold=True, proxy=address)
    assert outcome.ok
    assert reply is not None
    assert reply.certificate is not None
    assert reply.certificate.matched == "localhost"
    assert reply.phases is not None
    assert reply.phases.dns is None
    assert None not in (reply.phases.connect, reply.phases.tls, reply.phases.first_byte)
    with anyio.fail_after(2):
        await closed.wait()
    proxy.close()


async def test_a_name_with_a_dot_at_its_end_is_that_without(serve: Serve, tmp_path: Path) -> None:
    cert = certificate(tmp_path, days=30)
    port = await serve(cert)

    async def resolve(host: str, port: int) -> Sequence[AddrInfoType]:
        assert host == "localhost."
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    context = ssl.create_default_context(cafile=cert)
    dialer = Dialer(context, path="", now=SystemClock().monotonic, resolve=resolve)
    wire = await dialer.dial(Place(is_secure=True, host="localhost.", port=port))
    assert wire.security is not None
    shown = read_certificate(wire.security, "localhost.")
    assert shown is not None
    assert shown.matched == "localhost"
    wire.close()


async def test_an_answer_before_the_request_was_sent_leaves_nothing_of_it_to_the_next(tmp_path: Path) -> None:
    cert = certificate(tmp_path, days=30)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert)

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the head, and read nothing of the body."""
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await leave.wait()
        writer.transport.abort()

    leave = asyncio.Event()
    server = await asyncio.start_server(refuse, "127.0.0.1", 0, ssl=context)
    pool = Pools(SystemClock()).open(line_spec(network=NetworkPolicy(ca_file=str(cert))))
    transport = HTTPTransport(pool, clock=SystemClock())
    url = f"https://localhost:{server.sockets[0].getsockname()[1]}/"
    for request in (httpx.Request("POST", url, content=bytes(8_000_000)), httpx.Request("GET", url)):
        reply = await transport.send(request, connect=2, timeout=2, max_body=100)
        assert reply.body == b"ok"
    leave.set()
    await transport.aclose()
    server.close()
