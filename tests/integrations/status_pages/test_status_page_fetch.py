"""Status pages are fetched over lines of their own, and only sent again when they have changed."""

import httpx
import pytest

from integrations.connection import Connection, NetworkPolicy
from integrations.execution.executor import Executor
from integrations.execution.outcome import Origin
from integrations.manifest.schema import Manifest
from integrations.signals import CallRecord, Indicator
from integrations.status_pages.dependents import Dependent, Page, Pages, dependents
from integrations.status_pages.fetch import StatusPageFetcher
from integrations.status_pages.settings import StatusPageSettings, VendorPageSettings
from tests.fakes.clock import FakeClock
from tests.fakes.framework import CATALOG, RecordingVendor, connection_for, framework_for
from tests.fakes.signals import RecordingSubscriber

PAGE = Page(
    vendor="github",
    kind="statuspage",
    url="https://status.example/api/v2/summary.json",
    shown="https://status.example",
)
GOOD = {"components": [{"name": "API", "status": "major_outage"}], "incidents": []}
COVERED: dict[str, object] = {"base_url": "https://api.github.com"}


class World:
    """A fetcher over an executor that the given vendor answers."""

    def __init__(self, *answers: httpx.Response) -> None:
        self.vendor = RecordingVendor(*answers)
        self.signals = RecordingSubscriber()
        clock = FakeClock()
        self.opened: list[str] = []
        self.executor = Executor(clock=clock, publish=self.signals, transport=self._open)
        self.fetcher = StatusPageFetcher(lines=self.executor, clock=clock)

    def _open(self, spec: object) -> httpx.MockTransport:
        self.opened.append(getattr(spec, "integration", ""))
        return httpx.MockTransport(self.vendor)


async def test_a_page_is_read_over_a_line_of_its_vendors_own() -> None:
    world = World(httpx.Response(200, json=GOOD))

    fetched = await world.fetcher.fetch(PAGE)

    assert fetched.result == "read"
    assert fetched.reading is not None
    assert fetched.reading.parts[0].indicator is Indicator.MAJOR_OUTAGE
    assert world.opened == ["status-page:github"]
    (record,) = world.signals.of(CallRecord)
    assert (record.integration, record.origin) == ("status-page:github", Origin.STATUS)


async def test_what_has_not_changed_is_not_sent_again() -> None:
    world = World(
        httpx.Response(
            200, json=GOOD, headers={"etag": '"7"', "last-modified": "Sun, 22 Nov 2026 09:00:00 GMT"}
        ),
        httpx.Response(304),
    )
    first = await world.fetcher.fetch(PAGE)

    second = await world.fetcher.fetch(PAGE)

    asked = world.vendor.requests[1].headers
    assert (asked["if-none-match"], asked["if-modified-since"]) == ('"7"', "Sun, 22 Nov 2026 09:00:00 GMT")
    assert (second.result, second.reading) == ("unchanged", first.reading)


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        (httpx.Response(503), "failed"),
        (httpx.Response(301, headers={"location": "https://elsewhere.example"}), "failed"),
        (httpx.Response(304), "unreadable"),
        (httpx.Response(200, text="<html>"), "unreadable"),
        (httpx.Response(200, content=b" " * (5 * 1024 * 1024)), "failed"),
    ],
    ids=["server error", "moved", "not modified unasked", "no json", "huge"],
)
async def test_whatever_its_server_does_is_a_result(answer: httpx.Response, result: str) -> None:
    world = World(answer)

    fetched = await world.fetcher.fetch(PAGE)

    assert fetched.result == result
    assert fetched.reading is None
    assert fetched.detail
    assert len(world.vendor.requests) == 1, "the next reading is the retry"


async def test_lines_of_vendors_without_a_page_are_closed() -> None:
    world = World(httpx.Response(200, json=GOOD))
    await world.fetcher.fetch(PAGE)

    await world.fetcher.keep(())

    with pytest.raises(LookupError):
        world.executor.status("status-page:github")


def _pages(
    *connections: Connection, settings: StatusPageSettings | None = None
) -> dict[Page, tuple[Dependent, ...]]:
    framework = framework_for(RecordingVendor(httpx.Response(200)))
    for connection in connections:
        framework.register_integration(connection)
    return dependents(framework.integrations(), settings or StatusPageSettings())


def _github(name: str = "github-test", **changes: object) -> Connection:
    given = connection_for(_manifest(), config=COVERED)
    fields = {key: getattr(given, key) for key in given.__struct_fields__} | {"id": name} | changes
    return Connection(**fields)


def _manifest() -> Manifest:
    return CATALOG.manifest("github")


def test_pages_are_looked_for_anew_only_when_integrations_or_settings_are_others() -> None:
    framework = framework_for(RecordingVendor(httpx.Response(200)))
    framework.register_integration(_github("a"))
    settings = [StatusPageSettings()]
    pages = Pages(framework.integrations, lambda: settings[0])
    first = pages()
    assert pages() is first
    (dependents_of_it,) = first.values()
    assert [one.integration for one in dependents_of_it] == ["a"]

    framework.register_integration(_github("b"))
    (dependents_of_it,) = pages().values()
    assert [one.integration for one in dependents_of_it] == ["a", "b"]

    settings[0] = StatusPageSettings(enabled=False)
    assert pages() == {}


def test_integrations_of_a_vendor_share_its_page() -> None:
    pages = _pages(_github("a"), _github("b", status_components=("Pages",)))

    ((page, given),) = pages.items()
    declared = _manifest().status_page
    assert declared is not None
    assert page.url == "https://www.githubstatus.com/api/v2/summary.json"
    assert [one.components for one in given] == [declared.components, ("Pages",)]


def test_a_page_does_not_speak_of_a_server_of_the_operators_own() -> None:
    assert _pages(_github(config={"base_url": "https://github.corp.example/api/v3"})) == {}


def test_requests_leave_the_house_as_those_of_the_integration() -> None:
    network = NetworkPolicy(proxy="http://proxy.example:3128")

    (page,) = _pages(_github(network=network))

    assert page.network == network


@pytest.mark.parametrize(
    "settings",
    [
        StatusPageSettings(enabled=False),
        StatusPageSettings(vendors={"github": VendorPageSettings(enabled=False)}),
    ],
    ids=["all", "vendor"],
)
def test_reading_can_be_turned_off(settings: StatusPageSettings) -> None:
    assert _pages(_github(), settings=settings) == {}


def test_an_operators_own_page_counts_for_all_integrations_of_the_vendor() -> None:
    chosen = VendorPageSettings(url="https://status.corp.example")
    settings = StatusPageSettings(vendors={"github": chosen})

    (page,) = _pages(_github(config={"base_url": "https://github.corp.example"}), settings=settings)

    assert page.url == "https://status.corp.example/api/v2/summary.json"


@pytest.mark.parametrize(("interval", "urgent"), [(5.0, 5.0), (30.0, 60.0)], ids=["too often", "reversed"])
def test_intervals_that_burden_a_vendor_are_refused(interval: float, urgent: float) -> None:
    with pytest.raises(ValueError, match="urgent_interval"):
        StatusPageSettings(interval=interval, urgent_interval=urgent)
