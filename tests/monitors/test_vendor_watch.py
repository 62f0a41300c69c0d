"""Status pages are read when they are due, and what they say is told with the verdict."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from random import Random

import anyio
import pytest
from structlog.testing import capture_logs

from integrations.execution.outcome import FailureKind
from integrations.signals import Evidence, Health, HealthChange, Indicator, VendorNotice
from integrations.status_pages.dependents import Dependent, Page
from integrations.status_pages.fetch import Fetched
from integrations.status_pages.reading import PageReading, Part, Trouble
from integrations.status_pages.settings import StatusPageSettings
from monitors.health import Observation
from monitors.vendor_watch import VendorWatch
from monitors.watched import WatchedIntegration
from tests.fakes.clock import VIRTUAL_TIME, LoopClock
from tests.fakes.signals import RecordingSubscriber

PAGE = Page(
    vendor="wikis", name="Wikis", kind="statuspage", url="https://s.example/x", shown="https://s.example"
)
WELL = PageReading(parts=(Part(name="API", indicator=Indicator.OPERATIONAL),))


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


def outage(announced_at: float) -> PageReading:
    trouble = Trouble(
        title="API is down",
        indicator=Indicator.PARTIAL_OUTAGE,
        components=("API",),
        url="https://s.example/1",
        started_at=announced_at - 60,
        announced_at=announced_at,
    )
    return PageReading(parts=(Part(name="API", indicator=Indicator.PARTIAL_OUTAGE),), troubles=(trouble,))


class FakeFetcher:
    """Answers with `answer`, and remembers when it was asked."""

    def __init__(self, clock: LoopClock) -> None:
        self.clock = clock
        self.answer: Fetched | Exception = Fetched(result="read", reading=WELL)
        self.asked: list[float] = []
        self.kept: list[Collection[Page]] = []

    async def fetch(self, page: Page, /) -> Fetched:
        self.asked.append(self.clock.monotonic())
        await anyio.lowlevel.checkpoint()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def keep(self, pages: Collection[Page], /) -> None:
        self.kept.append(pages)


class World:
    """A watch over one page, with one integration that depends on it."""

    def __init__(self) -> None:
        self.clock = LoopClock()
        self.fetcher = FakeFetcher(self.clock)
        self.signals = RecordingSubscriber()
        self.changes: list[HealthChange] = []
        self.verdicts: dict[str, WatchedIntegration] = {}
        self.wiki = self.verdicts["wiki"] = WatchedIntegration(
            "wiki",
            vendor="wikis",
            vendor_name="wiki.example",
            note=lambda _, changes: self.changes.extend(changes),
            at=self.clock.time(),
        )
        self.pages = {PAGE: (Dependent(integration="wiki", components=("API",)),)}
        self.settings = StatusPageSettings()
        self.watch = VendorWatch(
            pages=lambda: self.pages,
            settings=lambda: self.settings,
            fetcher=self.fetcher,
            verdicts=self.verdicts.get,
            clock=self.clock,
            publish=self.signals,
            random=Random(1),
        )

    def judge(self, state: Health) -> None:
        seen = Observation(
            at=self.clock.time(),
            state=state,
            evidence=Evidence.CHECK,
            reason="It was asked.",
            kind=None if state is Health.UP else FailureKind.TIMEOUT,
            is_hard=True,
        )
        self.wiki.observe("read", seen)

    def say(self, reading: PageReading) -> None:
        self.fetcher.answer = Fetched(result="read", reading=reading)

    def samples(self, metric: str) -> dict[tuple[str, ...], float]:
        return {one.labels: one.value for one in self.watch.samples() if one.metric == metric}


@asynccontextmanager
async def running(world: World, *, after: float = 0.0) -> AsyncIterator[None]:
    async with anyio.create_task_group() as group:
        group.start_soon(world.watch.run)
        await anyio.sleep(after)
        yield
        group.cancel_scope.cancel()


async def test_a_page_is_read_every_five_minutes_while_all_is_well() -> None:
    world = World()
    world.judge(Health.UP)

    async with running(world, after=3_600):
        pass

    assert 12 <= len(world.fetcher.asked) <= 14


async def test_a_page_is_read_every_minute_while_something_is_wrong() -> None:
    world = World()
    world.judge(Health.UP)
    async with running(world, after=20):
        world.judge(Health.DOWN)
        before = len(world.fetcher.asked)
        await anyio.sleep(600)

    assert 9 <= len(world.fetcher.asked) - before <= 12


async def test_a_notice_is_published_at_each_change_and_names_whom_it_concerns() -> None:
    world = World()
    async with running(world, after=20):
        world.say(outage(world.clock.time()))
        await anyio.sleep(700)
        world.say(WELL)
        await anyio.sleep(700)

    first, last = world.signals.of(VendorNotice)
    assert (first.vendor, first.integrations, first.components) == ("wikis", ("wiki",), ("API",))
    assert (first.before, first.indicator) == (Indicator.OPERATIONAL, Indicator.PARTIAL_OUTAGE)
    assert (first.title, first.url) == ("API is down", "https://s.example/1")
    assert (last.before, last.indicator) == (Indicator.PARTIAL_OUTAGE, Indicator.OPERATIONAL)
    assert last.title == "API is down", "what is over is told by its name"


async def test_a_vendors_word_alone_makes_nothing_down_but_the_verdict_names_it() -> None:
    world = World()
    world.judge(Health.UP)
    world.say(outage(world.clock.time()))

    async with running(world, after=20):
        health = world.wiki.health()

    assert health.state is Health.UP
    assert health.reason.startswith("It was asked. Wikis says: partial outage of API since ")
    assert health.vendor_says is not None
    assert health.vendor_says.lag is None


async def test_the_verdict_says_who_was_first() -> None:
    world = World()
    world.judge(Health.DOWN)
    world.say(outage(world.clock.time() + 240))

    async with running(world, after=20):
        health = world.wiki.health()

    assert health.reason.endswith("(API is down); our detection was 4 min earlier.")
    assert health.vendor_says is not None
    assert health.vendor_says.lag == pytest.approx(240, abs=1)
    assert world.samples("dialtone_vendor_notice_lag_seconds")["wiki", "wikis"] == pytest.approx(240, abs=1)
    (notice,) = world.signals.of(VendorNotice)
    assert notice.lag == pytest.approx(240, abs=1)


async def test_a_change_that_is_confirmed_later_names_the_vendors_word() -> None:
    world = World()
    world.judge(Health.UP)
    world.say(outage(world.clock.time()))
    async with running(world, after=120):
        world.judge(Health.DOWN)

    assert all("Wikis says: partial outage" in change.reason for change in world.changes[-2:])
    assert all("our detection was 2 min later" in change.reason for change in world.changes[-2:])


async def test_of_a_vendor_that_sees_no_trouble_a_verdict_of_down_says_so() -> None:
    world = World()
    world.judge(Health.DOWN)

    async with running(world, after=20):
        health = world.wiki.health()

    assert "Wikis's status page shows no trouble" in health.reason


async def test_a_page_that_cannot_be_read_is_counted_and_at_last_no_longer_told() -> None:
    world = World()
    world.judge(Health.UP)
    world.say(outage(world.clock.time()))
    async with running(world, after=20):
        world.fetcher.answer = Fetched(result="unreadable", detail="the answer is no JSON")
        await anyio.sleep(310)
        kept = world.wiki.vendor_says
        await anyio.sleep(900)
        status = world.watch.status("wikis")

    assert kept is not None
    assert world.wiki.vendor_says is None
    assert status.indicator is None
    assert status.pages[0].error == "the answer is no JSON"
    assert world.samples("dialtone_vendor_status") == {}
    assert world.samples("dialtone_status_page_reads_total")["wikis", "unreadable"] >= 3


async def test_a_reading_that_raises_stops_nothing() -> None:
    world = World()
    world.fetcher.answer = OSError("no such file: /etc/ca.pem")
    async with running(world, after=400):
        world.say(outage(world.clock.time()))
        await anyio.sleep(700)

    assert world.watch.status("wikis").indicator is Indicator.PARTIAL_OUTAGE
    assert world.samples("dialtone_status_page_reads_total")["wikis", "failed"] >= 1


async def test_integrations_follow_the_configuration_without_a_new_reading() -> None:
    world = World()
    world.say(outage(world.clock.time()))
    other = WatchedIntegration(
        "docs", vendor="wikis", vendor_name="wiki.example", note=lambda *_: None, at=0.0
    )
    world.verdicts["docs"] = other
    async with running(world, after=20):
        world.pages = {PAGE: (Dependent(integration="docs", components=()),)}
        await anyio.sleep(6)

    assert other.vendor_says is not None
    assert world.wiki.vendor_says is None
    assert len(world.fetcher.asked) == 1


async def test_nothing_is_read_or_told_once_reading_is_turned_off() -> None:
    world = World()
    world.say(outage(world.clock.time()))
    async with running(world, after=20):
        world.pages = {}
        await anyio.sleep(900)

    assert len(world.fetcher.asked) == 1
    assert world.fetcher.kept == [()]
    assert world.wiki.vendor_says is None
    assert world.watch.status("wikis").pages == ()


async def test_a_component_that_the_page_does_not_have_is_named() -> None:
    world = World()
    world.pages = {PAGE: (Dependent(integration="wiki", components=("APi", "Searhc")),)}

    async with running(world, after=20):
        (page,) = world.watch.status("wikis").pages

    assert page.groups[0].unknown == ("Searhc",)


async def test_one_indicator_of_a_vendor_is_set_and_it_is_the_worst() -> None:
    world = World()
    world.say(outage(world.clock.time()))

    async with running(world, after=20):
        samples = world.samples("dialtone_vendor_status")

    assert samples.pop(("wikis", "partial_outage")) == 1.0
    assert set(samples.values()) == {0.0}
    assert len(samples) == len(Indicator) - 1


async def test_no_word_adds_nothing_where_all_agree_that_all_is_well() -> None:
    world = World()
    world.judge(Health.UP)
    assert world.wiki.vendor_says is None
    assert world.wiki.health().reason == "It was asked."


async def test_a_page_that_knows_none_of_the_names_does_not_say_that_they_are_well() -> None:
    world = World()
    world.pages = {PAGE: (Dependent(integration="wiki", components=("Renamed",)),)}
    world.judge(Health.DOWN)

    with capture_logs() as logs:
        async with running(world, after=700):
            known = world.wiki.vendor_says

    assert known is None
    told = [line for line in logs if "correct status_components" in line["event"]]
    assert [line["unknown"] for line in told] == [("Renamed",)]
