"""GET /v2/analytics/report, over a desk that keeps what it is asked."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace

import msgspec
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from app.asgi import create_app
from app.reporting import ReportMaker
from exporters.analytics.report.order import LeftOut, Order
from exporters.analytics.report.outcome import Report
from exporters.analytics.report.period import Period
from exporters.analytics.running import QueryCancelled
from exporters.analytics.settings import AnalyticsUnavailable
from monitors.alerts.matchers import parse_matcher
from monitors.alerts.settings import AlertSettings
from monitors.alerts.silences import Silence
from monitors.slo_settings import SLOSettings
from tests.app.api.conftest import LOCAL
from tests.fakes.parts import FakeDialtone
from tests.fakes.reports import FakeReports, troubled

PATH = "/v2/analytics/report"


@pytest.fixture(scope="module")
def dialtone() -> FakeDialtone:
    return FakeDialtone()


@pytest.fixture(scope="module")
def lasting() -> FakeReports:
    return FakeReports()


@pytest.fixture
def desk(lasting: FakeReports) -> FakeReports:
    """One application serves all tests here, and each begins with a desk that knows of nothing."""
    lasting.forget()
    return lasting


@pytest.fixture(scope="module")
def client(dialtone: FakeDialtone, lasting: FakeReports) -> Iterator[TestClient[Litestar]]:
    app = create_app(replace(dialtone.parts(), reports=lasting))
    with TestClient(app, base_url=LOCAL, raise_server_exceptions=False) as client:
        yield client


def test_a_month_in_a_zone_is_reported_whole(client, desk):
    answer = client.get(
        PATH, params={"month": "2026-12", "tz": "Europe/Berlin"}, headers={"dialtone-caller": "ann"}
    )
    (period,) = desk.periods
    assert answer.status_code == 200
    assert period.start == dt.datetime(2026, 11, 30, 23, tzinfo=dt.UTC).timestamp()
    assert desk.callers == ["local/ann"]
    assert msgspec.convert(answer.json(), Report) == troubled(period)


def test_without_a_month_it_is_the_last_one_and_another_time_may_be_named(client, desk, dialtone):
    assert client.get(PATH).json()["period"]["name"] == "December 2026"
    client.get(PATH, params={"from": "-7d"})
    assert desk.periods[-1].start == dialtone.clock.time() - 7 * 86_400


def test_as_a_page_it_is_html_without_scripts_or_addresses(client):
    answer = client.get(f"{PATH}/page", params={"month": "2026-12"})
    assert answer.headers["content-type"].startswith("text/html")
    assert "<h1>Third parties, December 2026</h1>" in answer.text
    for word in ("<script", "src=", "@import", "href="):
        assert word not in answer.text


@pytest.mark.parametrize(
    ("params", "key", "words"),
    [
        ({"month": "2026-13"}, "month", "a month such as 2026-11"),
        ({"month": "2027-02"}, "month", "a month that has begun, at most 2027-01"),
        ({"month": "2026-12", "from": "-7d"}, "month", "either month, or from and to"),
        ({"to": "-7d"}, "from", "a start beside to"),
        ({"tz": "Europe/Bonn"}, "tz", "an IANA time zone"),
        ({"mounth": "2026-12"}, "mounth", "month"),
    ],
)
@pytest.mark.parametrize("path", [PATH, f"{PATH}/page"])
def test_what_cannot_be_reported_is_refused_with_its_parameter(client, desk, path, params, key, words):
    answer = client.get(path, params=params)
    (wrong,) = answer.json()["errors"]
    assert (answer.status_code, wrong["key"]) == (422, key)
    assert words in wrong["message"]
    assert desk.periods == []


def test_analytics_that_is_off_or_down_says_so(client, desk, dialtone):
    desk.error = AnalyticsUnavailable("analytics is off: the disk is full")
    answer = client.get(PATH)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.json()["detail"] == "analytics is off: the disk is full"
    with TestClient(create_app(replace(dialtone.parts(), reports=None)), base_url=LOCAL) as without:
        assert without.get(PATH).status_code == 503


def test_one_that_somebody_has_ended_says_so(client, desk):
    desk.error = QueryCancelled("the query was ended by an operator")
    answer = client.get(PATH)
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:dialtone:problem:query-cancelled")


class Desk:
    def __init__(self) -> None:
        self.orders: list[Order] = []

    async def report(self, order: Order, *, caller: str) -> Report:
        self.orders.append(order)
        return troubled(order.period)


class Alerting:
    def __init__(self, settings: AlertSettings, *silences: Silence) -> None:
        self.settings = settings
        self.silences = self
        self._silences = silences

    def all(self) -> tuple[Silence, ...]:
        return self._silences


async def test_a_report_knows_objectives_labels_and_maintenance_as_they_are_configured(dialtone):
    def silence(name: str, *, is_maintenance: bool) -> Silence:
        return Silence(
            id=name, matchers=(parse_matcher(f'integration="{name}"'),), starts_at=10.0, ends_at=20.0,
            actor="ann", comment="x", updated_at=1.0, is_maintenance=is_maintenance,
        )  # fmt: skip

    desk = Desk()
    slo = SLOSettings(name="chat", objective=99.0)
    alerting = Alerting(
        AlertSettings(slos=(slo,)),
        silence("shop", is_maintenance=True),
        silence("metrics", is_maintenance=False),
    )
    period = Period(
        name="x",
        zone="UTC",
        start=0.0,
        end=99.0,
        until=99.0,
        before_name="y",
        before_start=0.0,
        before_end=0.0,
    )
    await ReportMaker(desk, framework=dialtone, alerting=alerting).report(period, caller="ann")
    (order,) = desk.orders
    assert (order.period, order.slos) == (period, (slo,))
    assert order.labels["slack-prod"] == {
        "integration": "slack-prod",
        "vendor": "slack",
        "team": "platform",
        "environment": "prod",
        "tier": "1",
    }
    assert order.maintenance == (LeftOut(integration="shop", start=10.0, end=20.0),)
