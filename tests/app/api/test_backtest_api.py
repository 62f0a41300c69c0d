"""POST /v2/analytics/backtest, over a desk that keeps what it is asked."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from app.asgi import create_app
from exporters.analytics.settings import AnalyticsUnavailable
from tests.app.api.conftest import LOCAL
from tests.fakes.backtests import FakeBacktests
from tests.fakes.parts import FakeDialtone

PATH = "/v2/analytics/backtest"


@pytest.fixture
def desk() -> FakeBacktests:
    return FakeBacktests()


@pytest.fixture
def client(dialtone: FakeDialtone, desk: FakeBacktests) -> Iterator[TestClient[Litestar]]:
    app = create_app(replace(dialtone.parts(), backtests=desk))
    with TestClient(app, base_url=LOCAL, raise_server_exceptions=False) as client:
        yield client


def test_a_proposal_is_laid_over_the_policy_of_today(client, desk, dialtone):
    asked = {"policy": {"breaker": {"failure_ratio": 0.3}}, "integrations": ["slack-prod"], "from": "-2h"}
    answer = client.post(PATH, json=asked, headers={"dialtone-caller": "ann"})
    (order,) = desk.orders
    assert answer.status_code == 200
    assert (order.integration, order.today.breaker.failure_ratio) == ("slack-prod", 0.5)
    assert (order.proposed.breaker.failure_ratio, order.proposed.breaker.window) == (0.3, 60)
    assert (order.start, order.end) == (dialtone.clock.time() - 7_200, dialtone.clock.time())
    (found,) = answer.json()["backtests"]
    assert found["changes"] == [{"key": "breaker.failure_ratio", "today": 0.5, "proposed": 0.3}]
    assert found["fidelity"] == {"recorded": 4, "given_back": 4, "invented": 0}
    assert found["proposed"]["tally"]["lost"] == 2
    assert desk.callers == ["local/ann"]


def test_without_names_all_integrations_are_replayed(client, desk, dialtone):
    client.post(PATH, json={})
    assert [order.integration for order in desk.orders] == list(dialtone.lines)
    assert all(order.today == order.proposed for order in desk.orders)


def test_as_html_it_is_one_page_without_scripts_or_addresses(client):
    answer = client.post(f"{PATH}/page", json={"policy": {"timeout": 5}, "integrations": ["slack-prod"]})
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.text.count("<svg ") == 2
    for word in ("<script", "http://", "https://", "src=", "@import"):
        assert word not in answer.text
    assert "@media print" in answer.text
    assert "&lt;b&gt;7 of 14&lt;/b&gt; calls failed" in answer.text


@pytest.mark.parametrize(
    ("asked", "key", "words"),
    [
        ({"policy": {"breaker.failur": 1}}, "policy.breaker.failur", "there is no 'failur'"),
        ({"policy": {"timeout": 99}}, "policy.timeout", "connect <= timeout <= deadline"),
        ({"from": "soon"}, "from", "expected a time"),
        ({"integrations": ["slack-prod"] + [f"x{n}" for n in range(20)]}, "integrations", "1 to 20"),
    ],
)
def test_what_cannot_be_tried_is_refused_with_its_key(client, desk, asked, key, words):
    answer = client.post(PATH, json=asked)
    assert answer.status_code == 422
    (wrong,) = answer.json()["errors"]
    assert wrong["key"] == key
    assert words in wrong["message"]
    assert desk.orders == []


def test_an_unknown_integration_is_not_found(client):
    answer = client.post(PATH, json={"integrations": ["slack-prd"]})
    assert answer.status_code == 404
    assert "slack-prod" in answer.json()["detail"]


def test_analytics_that_is_off_or_down_says_so(client, desk, dialtone):
    desk.error = AnalyticsUnavailable("analytics is off: the disk is full")
    assert client.post(PATH, json={}).json()["detail"] == "analytics is off: the disk is full"
    with TestClient(create_app(replace(dialtone.parts(), backtests=None)), base_url=LOCAL) as without:
        answer = without.post(PATH, json={})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
