"""Under uvicorn, over a unix socket: what only a real connection can show."""

import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from integrations.clock import SystemClock
from integrations.simulator.faults import Fault, FaultKind
from integrations.simulator.server import serving
from integrations.simulator.simulator import Simulator
from tests.fakes.small_catalog import SmallCatalog


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Simulator, str]]:
    simulator = Simulator(SmallCatalog(), clock=SystemClock())
    path = str(tmp_path / "simulator.sock")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(path)
        with serving(simulator, sock):
            yield simulator, path


@pytest.fixture
async def client(served: tuple[Simulator, str]) -> AsyncIterator[httpx.AsyncClient]:
    simulator, path = served
    headers = {"authorization": f"Bearer {simulator.secrets('github')['token']}"}
    transport = httpx.AsyncHTTPTransport(uds=path)
    async with httpx.AsyncClient(transport=transport, base_url="http://s/github", headers=headers) as client:
        yield client


async def test_it_answers(client: httpx.AsyncClient) -> None:
    answer = await client.get("/rate_limit")

    assert answer.json()["rate"]["limit"] == 5_000


async def test_a_reset_ends_the_connection_without_an_answer_and_without_a_log_line(
    client: httpx.AsyncClient, served: tuple[Simulator, str], caplog: pytest.LogCaptureFixture
) -> None:
    fault_id = served[0].faults.add(Fault(kind=FaultKind.RESET))

    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        await client.get("/user")

    served[0].faults.remove(fault_id)
    assert (await client.get("/user")).status_code == 200
    assert caplog.messages == []


async def test_a_truncated_body_ends_before_its_length(
    client: httpx.AsyncClient, served: tuple[Simulator, str], caplog: pytest.LogCaptureFixture
) -> None:
    served[0].faults.add(Fault(kind=FaultKind.TRUNCATED))

    async with client.stream("GET", "/user") as answer:
        promised = int(answer.headers["content-length"])
        received = bytearray()
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            await _read_into(received, answer)

    assert 0 < len(received) < promised
    assert caplog.messages == []


async def test_a_huge_body_that_the_client_leaves_does_not_disturb_the_next(
    client: httpx.AsyncClient, served: tuple[Simulator, str]
) -> None:
    fault_id = served[0].faults.add(Fault(kind=FaultKind.HUGE_BODY, size=32 * 1024 * 1024))
    async with client.stream("GET", "/user") as answer:
        async for _ in answer.aiter_bytes():
            break
    served[0].faults.remove(fault_id)

    assert (await client.get("/user")).status_code == 200


async def _read_into(received: bytearray, answer: httpx.Response) -> None:
    async for part in answer.aiter_bytes():
        received += part
