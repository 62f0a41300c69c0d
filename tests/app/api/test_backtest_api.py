"""POST /v2/analytics/backtest, over a desk that keeps what it is asked."""

from collections.abc import Iterator
from dataclasses import replace

import anyio
import msgspec
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from app.asgi import create_app
from exporters.analytics.running import QueryCancelled
from exporters.analytics.settings import AnalyticsUnavailable
from integrations.credentials.secret import Secret
from tests.app.api.conftest import LOCAL
from tests.fakes.backtests import FakeBacktests
from tests.fakes.parts import FakeDialtone

PATH = "/v2/analytics/backtest"


async def left_alone(app: Litestar, path: str, body: bytes) -> None:
    """Ask, and leave before the answer."""
    messages = [{"type": "http.request", "body": body, "more_body": False}, {"type": "http.disconnect"}]
    headers = ((b"host", b"127.0.0.1"), (b"content-type", b"application/json"))
    scope = {
        "type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"",
        "headers": [*headers, (b"content-length", str(len(body)).encode())], "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 4350), "scheme": "http", "root_path": "", "http_version": "1.1",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
    }  # fmt: skip

    async def receive() -> dict[str, object]:
        await anyio.sleep(0.01)
        return messages.pop(0) if len(messages) > 1 else messages[0]

    async def send(message: object) -> None:
        await anyio.lowlevel.checkpoint()

    with anyio.fail_after(5):
        await app(scope, receive, send)  # type: ignore[arg-type] # a plain ASGI scope


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
    assert answer.text.count("<svg ") == 4
    for word in ("<script", "http://", "https://", "src=", "@import"):
        assert word not in answer.text
    assert "@media print" in answer.text
    assert "&lt;b&gt;7 of 14&lt;/b&gt; calls failed" in answer.text


@pytest.mark.parametrize(
    ("asked", "key", "words"),
    [
        ({"policy": {"breaker.failur": 1}}, "policy.breaker.failur", "there is no 'failur'"),
        ({"check": {"fail_aftr": 1}}, "check.fail_aftr", "did you mean fail_after?"),
        ({"alerts": {"group_wat": 1}}, "alerts.group_wat", "did you mean group_wait?"),
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


def test_rules_of_alerting_are_laid_over_those_of_today(client, desk, dialtone):
    asked = {
        "check": {"fail_after": 5},
        "alerts": {"rules.IntegrationDown.for": 60, "watchdog": {}},
        "integrations": ["slack-prod"],
    }
    answer = client.post(PATH, json=asked)
    (order,) = desk.orders
    assert answer.status_code == 200
    assert (order.alerts.today.check.fail_after, order.alerts.proposed.check.fail_after) == (3, 5)
    assert {rule.wait for rule in order.alerts.proposed.alerts.rules} == {60.0}
    assert order.alerts.connection.id == "slack-prod"
    assert order.alerts.ahead == dialtone.clock.time() - dialtone.clock.monotonic()
    assert order.alerts.ignored == ("alerts.watchdog",)
    found = answer.json()["backtests"][0]["alerts"]
    assert found["today"]["messages"] == {"pager": 2}
    assert found["unnoticed"][0]["delay"] == 30.0


def test_no_secret_goes_into_an_order_or_its_answer(dialtone, desk):
    canary = "hunter2-canary"
    line = next(iter(dialtone.lines.values()))
    parts = replace(dialtone.parts(), backtests=desk)
    registered = parts.framework.integration(line.id)
    secret = msgspec.structs.replace(
        registered,
        connection=msgspec.structs.replace(registered.connection, secrets={"token": Secret(canary)}),
    )

    class Framework(type(dialtone)):
        def integrations(self):
            return [secret]

        def integration(self, _):
            return secret

    with TestClient(create_app(replace(parts, framework=Framework())), base_url=LOCAL) as client:
        answer = client.post(PATH, json={"alerts": {"receivers": [{"name": "x", "url": canary}]}})
    assert answer.status_code == 200
    assert canary not in answer.text
    assert desk.orders[0].alerts.connection.secrets == {}
    assert canary not in repr(desk.orders)


def test_its_id_is_handed_on_and_one_that_is_none_is_refused(client, desk):
    client.post(PATH, json={"integrations": ["slack-prod"], "id": "mine"})
    desk.error = ValueError("an id has 1 to 64 letters, digits, - and _")
    answer = client.post(PATH, json={"integrations": ["slack-prod"], "id": "not this"})
    assert desk.ids == ["mine"]
    assert (answer.status_code, answer.json()["errors"][0]["key"]) == (422, "id")


def test_one_that_was_ended_says_so(client, desk):
    desk.error = QueryCancelled("the query was ended before its answer")
    assert client.post(PATH, json={"integrations": ["slack-prod"]}).status_code == 409


async def test_a_client_that_leaves_ends_the_work(dialtone, desk):
    desk.hangs = True
    app = create_app(replace(dialtone.parts(), backtests=desk))
    await left_alone(app, PATH, b'{"integrations": ["slack-prod"]}')
    assert desk.left == 1


def test_the_page_draws_incidents_and_names_what_would_be_missed(client):
    answer = client.post(f"{PATH}/page", json={"integrations": ["slack-prod"]})
    assert answer.text.count('<rect class="incident"') == 1
    assert answer.text.count('<rect class="told"') == 1
    assert "Incidents that would not be noticed any more" in answer.text
    assert "&lt;i&gt;3 checks&lt;/i&gt; in a row failed" in answer.text
    assert "Alerts that only today&#39;s rules raise" in answer.text
    assert "Checks were taken as they were." in answer.text
    assert "<td>check.fail_after</td><td>3</td><td>9</td>" in answer.text
