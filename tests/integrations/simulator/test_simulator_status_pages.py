"""The simulator's status pages say what they are told to, in every form, and Dialtone's readers read it."""

import httpx
import pytest

from integrations.signals import Indicator
from integrations.simulator.faults import Fault, FaultBoard, FaultKind
from integrations.simulator.simulator import Simulator
from integrations.status_pages.formats import address, read_page
from integrations.status_pages.reading import Said, select
from tests.fakes.clock import FakeClock
from tests.fakes.simulated import CATALOG

KINDS = ("statuspage", "slack", "google", "azure", "aws", "salesforce_trust")
ORIGIN = "http://127.0.0.1:9"


class World:
    """A simulator, and a client of it."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.faults = FaultBoard(clock=self.clock)
        simulator = Simulator(CATALOG, clock=self.clock, faults=self.faults)
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(simulator), base_url=ORIGIN)

    def announce(self, code: str) -> None:
        fault = Fault(kind=FaultKind.ANNOUNCEMENT, vendor="github", code=code, action="Issues")
        self.faults.add(fault, duration=60.0)

    async def get(self, kind: str, **headers: str) -> httpx.Response:
        return await self.client.get(address(kind, f"{ORIGIN}/_status/github/{kind}"), headers=headers)

    async def read(self, kind: str) -> Said:
        answer = await self.get(kind)
        reading = read_page(kind, answer.content, components=("Issues",), now=self.clock.time())
        return select(reading, () if kind == "salesforce_trust" else ("Issues",))


@pytest.mark.parametrize("kind", KINDS)
async def test_a_page_without_announcements_says_that_all_is_well(kind: str) -> None:
    assert (await World().read(kind)).indicator is Indicator.OPERATIONAL


@pytest.mark.parametrize("kind", KINDS)
async def test_an_announcement_stands_on_the_page_until_it_is_over(kind: str) -> None:
    world = World()
    world.announce("partial_outage")

    said = await world.read(kind)
    world.clock.advance(61.0)
    after = await world.read(kind)

    assert said.indicator in {Indicator.PARTIAL_OUTAGE, Indicator.DEGRADED}
    assert "partial outage of Issues" in said.title
    assert said.announced_at == pytest.approx(1_800_000_000.0, abs=1)
    assert after.indicator is Indicator.OPERATIONAL


@pytest.mark.parametrize("kind", KINDS)
async def test_a_page_that_is_known_is_not_sent_again_until_it_changes(kind: str) -> None:
    world = World()
    first = await world.get(kind)

    known = await world.get(kind, **{"if-none-match": first.headers["etag"]})
    world.announce("major_outage")
    changed = await world.get(kind, **{"if-none-match": first.headers["etag"]})

    assert (known.status_code, known.content) == (304, b"")
    assert changed.status_code == 200


@pytest.mark.parametrize(
    "path", ["/_status/nobody/slack", "/_status/github/none", "/_status/github", "/_status"]
)
async def test_there_is_no_other_page(path: str) -> None:
    assert (await World().client.get(path)).status_code == 404


async def test_calls_are_well_while_a_vendor_announces_trouble() -> None:
    world = World()
    world.announce("major_outage")

    answer = await world.client.get("/github/user", headers={"authorization": "Bearer x"})

    assert answer.status_code == 401, "the credential is judged as ever"


def test_an_announcement_says_one_of_the_known_words() -> None:
    with pytest.raises(ValueError, match="partial_outage"):
        Fault(kind=FaultKind.ANNOUNCEMENT, code="bad")
