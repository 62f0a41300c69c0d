"""A simulator of small vendors of our own making, and a client in the same process."""

from collections.abc import AsyncIterator

import httpx
import pytest

from integrations.simulator.faults import FaultBoard
from integrations.simulator.simulator import Simulator
from tests.fakes.clock import FakeClock
from tests.fakes.small_catalog import SmallCatalog

ORIGIN = "http://simulator"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def simulator(clock: FakeClock) -> Simulator:
    return Simulator(SmallCatalog(), clock=clock, faults=FaultBoard(clock=clock, seed=1))


@pytest.fixture
async def client(simulator: Simulator) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(simulator), base_url=ORIGIN) as client:
        yield client


@pytest.fixture
def github(client: httpx.AsyncClient, simulator: Simulator) -> httpx.AsyncClient:
    """A client of the simulated GitHub, with the right token."""
    return _at(client, simulator, "github")


@pytest.fixture
def slack(client: httpx.AsyncClient, simulator: Simulator) -> httpx.AsyncClient:
    """A client of the simulated Slack, with the right token."""
    return _at(client, simulator, "slack")


def _at(client: httpx.AsyncClient, simulator: Simulator, vendor: str) -> httpx.AsyncClient:
    client.base_url = httpx.URL(simulator.base_url(vendor, ORIGIN))
    client.headers["authorization"] = f"Bearer {simulator.secrets(vendor)['token']}"
    return client
