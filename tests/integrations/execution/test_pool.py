"""The real pool, over a unix socket: what goes on the wire, stale connections, cancellation."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import httpx
import pytest

from integrations.clock import SystemClock
from integrations.connection import NetworkPolicy
from integrations.execution.call import LineSpec
from integrations.execution.executor import Executor
from integrations.execution.idle import CAUTIOUS, KEEPALIVE, IdleConnections
from integrations.execution.outcome import FailureKind as K
from integrations.execution.outcome import Outcome
from integrations.execution.policy import Policy, RetryPolicy
from integrations.execution.pool import Pools
from integrations.execution.transport import HTTPTransport
from integrations.signals import CallRecord
from tests.fakes.clock import FakeClock
from tests.fakes.execution import call, line_spec
from tests.fakes.signals import RecordingSubscriber

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
Answer = Callable[[int, int], bytes | None]


Lead = Callable[[Path], LineSpec]


@pytest.fixture(params=[None, "http://proxy.example"], ids=["ours", "aiohttp's"])
def lead(request: pytest.FixtureRequest) -> Lead:
    """A line to a unix socket, by our own client, or by aiohttp's, which lines with a proxy take."""
    policy = Policy(retry=RetryPolicy(attempts=1))
    network = NetworkPolicy(proxy=request.param)
    return lambda path: line_spec(policy, socket=str(path), network=network)


class Server:
    """Answers each request by its number and that of its connection; None closes the connection."""

    def __init__(self, path: Path, answer: Answer) -> None:
        self.path, self.answer = path, answer
        self.requests: list[bytes] = []
        self.connections = 0
        self.silence = 0.0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = self.connections = self.connections + 1
        try:
            while head := await self.read_head(reader):
                self.requests.append(head)
                await anyio.sleep(self.silence)
                reply = self.answer(len(self.requests), connection)
                if reply is None:
                    break
                writer.write(reply)
        finally:
            writer.close()

    async def read_head(self, reader: asyncio.StreamReader) -> bytes:
        try:
            return await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return b""


class Wire:
    """An executor whose line leads to the server."""

    def __init__(self, server: Server, lead: Lead) -> None:
        self.server = server
        self.signals = RecordingSubscriber()
        self.executor = Executor(clock=SystemClock(), publish=self.signals)
        self.executor.open_line(lead(server.path))

    async def get(self, **fields: object) -> Outcome:
        prepare = lambda: httpx.Request("GET", "http://unix.example/x")  # noqa: E731 - one line is enough
        return (await self.executor.execute(call(prepare=prepare, **fields))).outcome

    async def post(self) -> Outcome:
        prepare = lambda: httpx.Request("POST", "http://unix.example/x", content=b"")  # noqa: E731 - the same
        return (await self.executor.execute(call(prepare=prepare, idempotent=False))).outcome

    @property
    def transport(self) -> object:
        return self.executor._lines["shop"].transport


Opened = Callable[[Answer], Awaitable[Wire]]


@pytest.fixture
async def wire(tmp_path: Path, lead: Lead) -> AsyncIterator[Opened]:
    async with contexts(tmp_path / "s", lead) as opened:
        yield opened


@asynccontextmanager
async def contexts(path: Path, lead: Lead) -> AsyncIterator[Opened]:
    closing: list[Wire] = []

    async def open_wire(answer: Answer) -> Wire:
        server = Server(path, answer)
        listening = await asyncio.start_unix_server(server.serve, path)
        wire = Wire(server, lead)
        wire.listening = listening
        closing.append(wire)
        return wire

    yield open_wire
    for each in closing:
        await each.executor.aclose()
        each.listening.close()


async def test_a_connection_is_kept_and_says_who_we_are(wire: Opened) -> None:
    wired = await wire(lambda *_: OK)
    assert [(await wired.get()).ok for _ in range(3)] == [True] * 3
    head = wired.server.requests[0].lower()
    assert wired.server.connections == 1
    assert b"user-agent: dialtone/" in head
    assert b"accept-encoding: gzip, deflate\r\n" in head
    assert b"cookie" not in head


@pytest.mark.parametrize(
    "stated", [[("content-length", "20")], [("Content-Length", "2"), ("content-length", "3")]]
)
async def test_a_request_that_states_the_length_of_another_body_takes_nothing_of_the_next_one(
    wire: Opened, stated: list[tuple[str, str]]
) -> None:
    wired = await wire(lambda *_: OK)
    odd = lambda: httpx.Request("GET", "http://unix.example/x", headers=stated)  # noqa: E731 - one line is enough
    assert (await wired.executor.execute(call(prepare=odd))).outcome.status == 200
    assert (await wired.get()).status == 200
    first, _ = wired.server.requests
    assert [line for line in first.lower().split(b"\r\n") if line.startswith(b"content-length")] == [
        b"content-length: 0"
    ]


async def test_a_stale_connection_costs_an_idempotent_call_one_free_try_that_is_told(wire: Opened) -> None:
    wired = await wire(lambda number, _: None if number == 2 else OK)
    await wired.get()
    outcome = await wired.get()
    assert outcome.ok
    assert [attempt.kind for attempt in outcome.attempts] == [K.CONNECTION, None]
    status = wired.executor.status("shop")
    assert status.retry_tokens == status.retry_budget
    assert status.breakers[0].failures == 0
    assert wired.server.connections == 2


async def test_a_stale_connection_does_not_send_a_write_twice(wire: Opened) -> None:
    wired = await wire(lambda number, _: None if number == 2 else OK)
    await wired.get()
    outcome = await wired.post()
    assert (outcome.kind, len(outcome.attempts), len(wired.server.requests)) == (K.CONNECTION, 1, 2)


async def test_a_new_connection_that_is_cut_is_a_failure_and_not_tried_again_unseen(wire: Opened) -> None:
    wired = await wire(lambda *_: None)
    outcome = await wired.get()
    assert (outcome.kind, len(outcome.attempts), len(wired.server.requests)) == (K.CONNECTION, 1, 1)


async def test_a_socket_that_is_not_there_is_no_connection_and_nothing_sent(
    tmp_path: Path, lead: Lead
) -> None:
    wired = Wire(Server(tmp_path / "none", lambda *_: OK), lead)
    outcome = await wired.post()
    assert outcome.kind is K.CONNECTION
    assert "No such file" in outcome.detail
    await wired.executor.aclose()


async def test_what_a_server_says_unasked_on_an_idle_connection_is_no_answer(wire: Opened) -> None:
    wired = await wire(lambda *_: OK + b"HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n")
    assert (await wired.get()).status == 200
    await anyio.wait_all_tasks_blocked()
    assert (await wired.get()).status == 200
    assert wired.server.connections == 2


async def test_a_write_goes_over_no_connection_that_was_idle_for_long(
    wire: Opened, tmp_path: Path, lead: Lead
) -> None:
    clock = FakeClock()
    wired = await wire(lambda *_: OK)
    pool = HTTPTransport(Pools(clock).open(lead(tmp_path / "s")), clock=clock)
    await send(pool, "GET")
    clock.advance(CAUTIOUS + 1)
    await send(pool, "GET")
    assert wired.server.connections == 1, "what may be sent twice goes over it"
    clock.advance(CAUTIOUS + 1)
    await send(pool, "POST")
    assert wired.server.connections == 2
    await pool.aclose()


async def test_pools_share_no_connection_though_they_share_a_session(
    wire: Opened, tmp_path: Path, lead: Lead
) -> None:
    clock = SystemClock()
    wired = await wire(lambda *_: OK)
    pools, spec = Pools(clock), lead(tmp_path / "s")
    one, other = (HTTPTransport(pools.open(spec), clock=clock) for _ in range(2))
    for _ in range(2):
        await send(one, "GET")
        await send(other, "GET")
    assert wired.server.connections == 2
    await one.aclose()
    await send(other, "GET")
    assert wired.server.connections == 2, "another pool's end is nothing to this one"
    await other.aclose()


async def test_idle_connections_are_bounded_over_all_pools_and_the_oldest_go_first(
    wire: Opened, tmp_path: Path, lead: Lead
) -> None:
    clock = SystemClock()
    wired = await wire(lambda *_: OK)
    idle = IdleConnections(clock, most=2)
    pools, spec = Pools(clock, idle=idle), lead(tmp_path / "s")
    opened = [HTTPTransport(pools.open(spec), clock=clock) for _ in range(3)]
    for pool in opened:
        await send(pool, "GET")
    assert (len(idle), wired.server.connections) == (2, 3)
    await send(opened[2], "GET")
    assert wired.server.connections == 3, "the newest is still there"
    await send(opened[0], "GET")
    assert wired.server.connections == 4, "the oldest was closed"
    for pool in opened:
        await pool.aclose()


async def test_an_idle_connection_is_kept_longer_than_the_minute_between_two_checks(
    wire: Opened, tmp_path: Path, lead: Lead
) -> None:
    clock = FakeClock()
    idle = IdleConnections(clock)
    await wire(lambda *_: OK)
    pools, spec = Pools(clock, idle=idle), lead(tmp_path / "s")
    one, other = (HTTPTransport(pools.open(spec), clock=clock) for _ in range(2))
    await send(one, "GET")
    clock.advance(62)
    await send(other, "GET")
    assert len(idle) == 2
    clock.advance(KEEPALIVE - 60)
    await send(other, "GET")
    assert len(idle) == 1, "what is idle longer than that is closed"
    await one.aclose()
    await other.aclose()


async def send(pool: HTTPTransport, method: str) -> None:
    request = httpx.Request(method, "http://unix.example/x")
    await pool.send(request, connect=2, timeout=2, max_body=99)


async def test_a_redirect_is_an_answer_and_not_followed(wire: Opened) -> None:
    headers = b"location: http://unix.example/y\r\nset-cookie: a=b\r\ncontent-length: 0\r\n\r\n"
    moved = b"HTTP/1.1 302 Found\r\n" + headers
    wired = await wire(lambda *_: moved)
    assert (await wired.get()).status == 302
    assert len(wired.server.requests) == 1
    await wired.get()
    assert b"cookie" not in wired.server.requests[1].lower()


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"SSH-2.0-OpenSSH\r\n\r\n", K.MALFORMED),
        (b"HTTP/1.1 200 OK\r\ncontent-length: nonsense\r\n\r\n", K.MALFORMED),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", K.MALFORMED),
    ],
    ids=["another protocol", "a bad header", "a bad chunk"],
)
async def test_what_is_no_http_is_a_failure_of_a_known_kind(wire: Opened, answer: bytes, kind: K) -> None:
    wired = await wire(lambda *_: answer)
    assert (await wired.get()).kind is kind
    assert wired.transport.in_flight == wired.transport.inner.taken == 0
    samples = {sample.metric: sample.value for sample in wired.executor.samples()}
    assert samples["dialtone_executor_errors_total"] == 0


async def test_a_compressed_answer_over_the_cap_lets_its_connection_go(wire: Opened) -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(bomb)
    wired = await wire(lambda *_: head + bomb)
    outcome = await wired.get()
    assert (outcome.kind, outcome.status) == (K.TOO_LARGE, 200)
    assert wired.transport.inner.taken == wired.transport.orphans == 0


async def test_cancelled_calls_leave_no_connection_taken(wire: Opened) -> None:
    wired = await wire(lambda *_: OK)
    wired.server.silence = 0.02
    async with anyio.create_task_group() as group:
        for number in range(40):
            group.start_soon(cancelled, wired, number / 1_000)
    assert wired.transport.inner.taken == wired.transport.in_flight == wired.transport.orphans == 0
    wired.server.silence = 0
    assert (await wired.get()).ok
    kinds = {record.kind for record in wired.signals.of(CallRecord)}
    assert K.CANCELLED in kinds


async def cancelled(wired: Wire, after: float) -> None:
    task = asyncio.get_running_loop().create_task(wired.get())
    await anyio.sleep(after)
    task.cancel()
    await asyncio.wait([task])


def test_one_tls_context_serves_all_pools_of_one_authority_file() -> None:
    pools = Pools(SystemClock())
    assert pools.context(None) is pools.context(None)


def test_a_ca_file_that_is_not_there_and_a_proxy_that_is_none_are_refused(tmp_path: Path) -> None:
    pools = Pools(SystemClock())
    with pytest.raises(OSError, match="No such file"):
        pools.open(line_spec(network=NetworkPolicy(ca_file=str(tmp_path / "none.pem"))))
    with pytest.raises(ValueError, match=r"network\.proxy"):
        pools.open(line_spec(network=NetworkPolicy(proxy="ftp://proxy.example")))
