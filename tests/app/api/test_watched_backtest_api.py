"""What is asked of objectives and heartbeats at POST /v2/analytics/backtest, over a desk that keeps it."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from litestar import Litestar
from litestar.testing import TestClient
from msgspec.structs import replace as other

from app.asgi import create_app
from exporters.analytics.running import QueryCancelled
from monitors.heartbeat_settings import HeartbeatSettings
from monitors.slo_settings import SLOSettings
from tests.app.api.conftest import LOCAL
from tests.fakes.alerting import settings
from tests.fakes.backtests import FakeBacktests
from tests.fakes.desks import FakeAlerting
from tests.fakes.parts import FakeDialtone

PATH = "/v2/analytics/backtest"
SETTINGS = other(
    settings(),
    slos=(
        SLOSettings(name="chat", objective=99.9, integrations=("slack-prod",)),
        SLOSettings(name="all", objective=99.0),
    ),
    heartbeats=(HeartbeatSettings(id="backup", period=3_600),),
)


@pytest.fixture(scope="module")
def dialtone() -> FakeDialtone:
    made = FakeDialtone()
    made.alerting = FakeAlerting(made.clock, log=made, settings=SETTINGS)
    return made


@pytest.fixture(scope="module")
def asked() -> FakeBacktests:
    return FakeBacktests()


@pytest.fixture(scope="module")
def serving(dialtone: FakeDialtone, asked: FakeBacktests) -> Iterator[TestClient[Litestar]]:
    app = create_app(replace(dialtone.parts(), backtests=asked))
    with TestClient(app, base_url=LOCAL, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def desk(asked: FakeBacktests) -> FakeBacktests:
    asked.forget()
    return asked


@pytest.fixture
def client(serving: TestClient[Litestar], desk: FakeBacktests) -> TestClient[Litestar]:
    return serving


@pytest.mark.parametrize(
    ("body", "integrations", "objectives", "heartbeats"),
    [
        pytest.param({}, True, ("chat", "all"), ("backup",), id="nothing named: everything"),
        pytest.param({"integrations": ["slack-prod"]}, True, None, None, id="an integration alone"),
        pytest.param({"objectives": ["all"]}, False, ("all",), (), id="an objective alone"),
        pytest.param({"objectives": ["*"]}, False, ("chat", "all"), (), id="all objectives"),
        pytest.param({"heartbeats": ["*"]}, False, (), ("backup",), id="all heartbeats"),
        pytest.param(
            {"alerts": {"slos.chat.objective": 99}}, False, ("chat",), (), id="a proposal about one alone"
        ),
        pytest.param(
            {"alerts": {"slos.chat.objective": 99.9}},
            False,
            ("chat", "all"),
            ("backup",),
            id="a proposal that changes nothing",
        ),
        pytest.param(
            {"alerts": {"slos.chat.objective": 99}, "integrations": ["slack-prod"]},
            True,
            ("chat",),
            (),
            id="what is changed, beside an integration",
        ),
        pytest.param(
            {"alerts": {"heartbeats": [], "group_wait": 9}},
            True,
            ("chat", "all"),
            ("backup",),
            id="a proposal about more than that",
        ),
    ],
)
def test_what_is_replayed_is_what_was_named_or_the_proposal_is_about(
    client, desk, body, integrations, objectives, heartbeats
):
    answer = client.post(PATH, json=body)

    assert answer.status_code == 200
    assert bool(desk.orders) is integrations
    found = [(order.objectives, order.heartbeats) for order in desk.watch_orders]
    assert found == ([] if objectives is None else [(objectives, heartbeats)])
    named = [*(objectives or ()), *(heartbeats or ())]
    assert [one["name"] for one in answer.json()["watched"]] == named


def test_an_order_holds_both_settings_and_whom_they_are_about(client, desk, dialtone):
    keys = {"slos.chat.burn_rates": [20, 8, 4, 2], "heartbeats.backup.grace": 5, "egress": {}}
    client.post(PATH, json={"alerts": keys, "policy": {"timeout": 5}, "from": "-30d", "id": "mine"})

    (order,) = desk.watch_orders
    assert (order.start, order.end) == (dialtone.clock.time() - 30 * 86_400, dialtone.clock.time())
    assert order.today == SETTINGS
    assert order.proposed.slos[0].burn_rates == (20, 8, 4, 2)
    assert order.proposed.heartbeats[0].grace == 5
    assert order.labels["slack-prod"]["vendor"] == "slack"
    assert order.known_since == {"backup": dialtone.clock.time()}
    assert order.ignored == ("policy", "alerts.egress")
    assert desk.ids[-1] == "mine"


def test_nothing_secret_goes_into_an_order_or_its_answer(client, desk):
    canary = "hunter2-canary"
    keys = {"receivers": [{"name": "night", "url": canary}], "slos.chat.objective": 99}

    answer = client.post(PATH, json={"alerts": keys, "objectives": ["*"]})

    assert answer.status_code == 200
    assert canary not in answer.text + repr(desk.watch_orders)


@pytest.mark.parametrize(
    ("body", "key", "words"),
    [
        ({"objectives": ["chatt"]}, "objectives", "did you mean chat?"),
        ({"heartbeats": ["bakup"]}, "heartbeats", "did you mean backup?"),
        ({"alerts": {"slos.chatt.objective": 99}}, "alerts.slos.chatt.objective", "did you mean chat?"),
        ({"alerts": {"slos.chat.objective": 100}}, "alerts.slos[0]", "leaves no budget"),
        ({"alerts": {"slos.chat.burn_rates": [1]}}, "alerts.slos[0]", "must be 4 numbers"),
        ({"alerts": {"heartbeats.backup.cron": "x"}}, "alerts.heartbeats[0]", "either period or cron"),
        (
            {"alerts": {"slos.chat.integrations": ["slack-prd"]}},
            "alerts.slos.chat.integrations",
            "did you mean slack-prod?",
        ),
        (
            {"alerts": {"slos": [{"name": "a", "objective": 99}, {"name": "a", "objective": 98}]}},
            "alerts.slos",
            "'a' is there twice",
        ),
    ],
)
def test_what_cannot_be_tried_is_refused_with_its_key(client, desk, body, key, words):
    answer = client.post(PATH, json=body)

    assert answer.status_code == 422
    (wrong,) = answer.json()["errors"]
    assert wrong["key"] == key
    assert words in wrong["message"]
    assert (desk.orders, desk.watch_orders) == ([], [])


def test_one_that_was_ended_says_so(client, desk):
    desk.error = QueryCancelled("the query was ended before its answer")
    assert client.post(PATH, json={"objectives": ["*"]}).status_code == 409


def test_the_page_draws_when_an_objectives_alert_would_fire(client):
    body = {"alerts": {"slos.chat.objective": 99}, "heartbeats": ["backup"]}

    text = client.post(f"{PATH}/page", json=body).text

    assert "<h2>objective chat</h2>" in text
    assert "1,000 requests, replayed." in text
    assert "<td>alerts.slos.chat.objective</td><td>99.9</td><td>99.0</td>" in text
    assert "give back 2 of the 2 recorded changes of its alert" in text
    assert text.count('<rect class="incident"') == 2
    assert text.count('<rect class="told"') == 2
    assert "alert fires" in text
    assert "<h2>heartbeat backup</h2>" in text
    assert "Counted by the hour." in text
    for word in ("<script", "http://", "https://", "src=", "@import"):
        assert word not in text
