"""Webhooks over HTTP: taken from everybody, stored before the 202, read with a token."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import anyio
import httpx
import msgspec
import pytest

from app.api.arrivals import MAX_EACH, Arrivals
from app.storage.errors import StorageUnavailableError
from integrations.signals import WebhookReceipt
from integrations.webhooks.store import Delivery, NewDelivery
from tests.app.webhook_server import WebhookServer
from tests.integrations.webhooks.deliveries import KEY, SIGNING

GITHUB = SIGNING["github"]
REASON = {"reason": "the handler was mended"}


@pytest.fixture
def server(tmp_path: Path) -> WebhookServer:
    return WebhookServer(tmp_path)


def sent(client: httpx.Client, body: bytes = b'{"n": 1}', *, name: str = "d1", **more: str) -> httpx.Response:
    headers = {
        **GITHUB.sign(body, ""),
        "x-github-event": "push",
        "x-github-delivery": name,
        "cookie": "c=1",
        **more,
    }
    headers["authorization"] = "Bearer of-the-vendor"
    return client.post("/v2/webhooks/gh", content=body, headers=headers)


def eventually(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + 5
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_webhook_is_stored_answered_published_and_read_by_a_cursor(server: WebhookServer) -> None:
    with server.client("operate") as client:
        answers = [
            sent(client),
            sent(client),
            sent(client, name="another-id"),
            sent(client, b'{"n": 2}', name="d2"),
        ]
        first = client.get("/v2/webhooks/gh/events", params={"limit": 1}).json()
        second = client.get("/v2/webhooks/gh/events", params={"after": first["next"]}).json()
        none = client.get("/v2/webhooks/gh/events", params={"after": second["next"], "wait": 0.05}).json()

    assert [one.status_code for one in answers] == [202] * 4
    assert [one["body"] for one in first["events"] + second["events"]] == ['{"n": 1}', '{"n": 2}']
    assert none == {"events": [], "next": second["next"]}
    verdicts = [one.verdict for one in server.seen.of(WebhookReceipt)]
    assert verdicts == ["accepted", "duplicate", "duplicate", "accepted"]
    assert set(first["events"][0]["headers"]) == {
        "content-type", "user-agent", "x-github-event", "x-github-delivery",
    } - ({"content-type"} if "content-type" not in first["events"][0]["headers"] else set())  # fmt: skip


def test_replays_are_known_again_after_a_restart(tmp_path: Path) -> None:
    for expected in ("accepted", "duplicate"):
        server = WebhookServer(tmp_path)
        with server.client() as client:
            assert sent(client).status_code == 202
        assert [one.verdict for one in server.seen.of(WebhookReceipt)] == [expected]


def test_strangers_are_refused_and_a_place_that_is_not_ours_names_nobody(server: WebhookServer) -> None:
    with server.client() as client:
        wrong = client.post("/v2/webhooks/gh", content=b"{}", headers={"x-hub-signature-256": "sha256=00"})
        unknown = client.post("/v2/webhooks/nobody", content=b"{}")
        keyed = client.post("/v2/webhooks/nobody/" + "k" * 43, content=b"{}")
        got = client.get("/v2/webhooks/gh")

    assert (wrong.status_code, wrong.content) == (401, b"")
    assert (unknown.status_code, unknown.content) == (404, b"")
    assert (keyed.status_code, keyed.content) == (404, b"")
    assert got.status_code == 405
    assert server.desk.turned_away == {"unknown": 2}


def test_a_body_over_the_cap_is_not_read_to_its_end(server: WebhookServer) -> None:
    most = server.framework.inbound.endpoint("gh").webhooks.max_body

    def endless() -> Iterator[bytes]:
        for _ in range(most // 2**20 + 3):
            yield b"x" * 2**20

    with server.client() as client:
        answer = client.post("/v2/webhooks/gh", content=endless())

    assert answer.status_code == 413
    assert server.desk.turned_away == {"large": 1}


class Broken:
    """A store on a disk that is full."""

    async def accept(self, delivery: NewDelivery) -> bool:
        raise StorageUnavailableError(f"no room for {len(delivery.body)} bytes")


def test_when_our_storage_fails_the_vendor_is_asked_to_come_again(server: WebhookServer) -> None:
    with server.client() as client:
        store = server.framework.inbound._intake._store
        server.framework.inbound._intake._store = Broken()  # type: ignore[assignment]  # all that is asked
        failed = sent(client)
        server.framework.inbound._intake._store = store
        again = sent(client)

    assert (failed.status_code, failed.headers["retry-after"]) == (503, "5")
    assert again.status_code == 202
    assert [one.verdict for one in server.seen.of(WebhookReceipt)] == ["accepted"]
    samples = {(sample.metric, sample.labels): sample.value for sample in server.desk.samples()}
    assert samples["dialtone_webhooks_unstored_total", ("gh",)] == 1


def test_a_vendor_that_sends_too_much_waits_and_what_it_sends_again_is_new(server: WebhookServer) -> None:
    connection = server.framework.integration("gh").connection
    slow = msgspec.structs.replace(
        connection, webhooks=msgspec.structs.replace(connection.webhooks, rate=0.5)
    )
    server.framework.register_integration(slow)

    with server.client() as client:
        answers = [sent(client, f'{{"n": {number}}}'.encode(), name=str(number)) for number in range(2)]

    assert [one.status_code for one in answers] == [202, 503]
    assert answers[1].headers["retry-after"] == "2"


async def test_a_slow_body_is_given_up_and_many_at_once_are_put_off(server: WebhookServer) -> None:
    hang = anyio.Event()
    statuses: list[int] = []
    arrivals = Arrivals(
        server.app.asgi_handler,  # type: ignore[arg-type]  # never reached
        door=server.framework.inbound,
        clock=server.dialtone.clock,
        turned_away=server.desk.turned_away,
    )

    async def receive() -> object:
        await hang.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, object]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(int(str(message["status"])))

    scope = {"type": "http", "path": "/v2/webhooks/gh", "method": "POST", "headers": []}
    async with anyio.create_task_group() as group:
        for _ in range(MAX_EACH + 3):
            group.start_soon(arrivals, scope, receive, send)
        await anyio.wait_all_tasks_blocked()
        hang.set()

    assert statuses == [503] * 3
    assert server.desk.turned_away == {"busy": 3}


def test_reading_takes_a_token_and_bodies_take_more(server: WebhookServer) -> None:
    with server.client() as client:
        sent(client)
        number = server.seen.of(WebhookReceipt) and 1

        def status(path: str, scope: str) -> int:
            headers = {"authorization": f"Bearer {scope}"} if scope else {}
            return client.get(f"/v2/webhooks{path}", headers=headers).status_code

        assert [status("", scope) for scope in ("", "read")] == [401, 200]
        assert [status("/gh/events", scope) for scope in ("", "read", "operate")] == [401, 403, 200]
        assert [status("/gh/url", scope) for scope in ("operate", "admin")] == [403, 200]
        detail = [
            client.get(
                f"/v2/webhooks/gh/receipts/{number}", headers={"authorization": f"Bearer {scope}"}
            ).json()
            for scope in ("read", "admin")
        ]

    assert [one["body"] for one in detail] == [None, '{"n": 1}']
    assert "signature" not in str(detail)
    assert "c=1" not in str(detail)


def test_webhooks_are_listed_by_what_is_asked_for(server: WebhookServer) -> None:
    with server.client("read") as client:
        for number in range(3):
            sent(client, f'{{"n": {number}}}'.encode(), name=str(number))
        client.post("/v2/webhooks/gh", content=b"{}", headers={"x-hub-signature-256": "sha256=00"})

        def found(**params: object) -> list[str]:
            body = client.get("/v2/webhooks", params=params).json()  # type: ignore[arg-type]  # plain values
            return [one.get("webhook_id", "-") for one in body["webhooks"]]

        assert found() == ["-", "2", "1", "0"]
        assert found(verdict="accepted", limit=2) == ["2", "1"]
        assert found(type="push") == ["2", "1", "0"]
        assert found(integration="other") == []
        assert found(since=time.time() + 60) == []
        page = client.get("/v2/webhooks", params={"limit": 2}).json()
        assert [
            one["webhook_id"]
            for one in client.get("/v2/webhooks", params={"before": page["next"]}).json()["webhooks"]
        ] == ["1", "0"]
        assert client.get("/v2/webhooks", params={"integraton": "gh"}).status_code == 422
        assert client.get("/v2/webhooks", params={"verdict": "good"}).status_code == 400


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [("before", 10**30, 400), ("before", 2**63, 400), ("since", "inf", 200), ("since", "nan", 200)],
)
def test_a_number_that_storage_cannot_hold_breaks_nothing(
    server: WebhookServer, name: str, value: object, status: int
) -> None:
    with server.client("read") as client:
        answer = client.get("/v2/webhooks", params={name: str(value)})

    assert answer.status_code == status, answer.text


def test_a_word_that_nothing_stored_can_hold_finds_nothing(server: WebhookServer) -> None:
    with server.client("operate") as client:
        sent(client)
        found = [client.get("/v2/webhooks", params={name: "a\0"}) for name in ("integration", "type")]
        detail = client.get("/v2/webhooks/a%00/receipts/1")

    assert [(one.status_code, one.json()["webhooks"]) for one in found] == [(200, [])] * 2
    assert detail.status_code == 404


def test_a_handler_gets_it_and_gets_it_again_on_request(server: WebhookServer) -> None:
    got: list[Delivery] = []

    async def handle(delivery: Delivery) -> None:
        got.append(delivery)

    with server.client("operate") as client:
        assert client.post("/v2/webhooks/gh/receipts/1/replay", json=REASON).status_code == 409
        server.framework.on_webhook(handle, integration_id="gh")
        sent(client)
        eventually(lambda: len(got) == 1)
        eventually(lambda: client.get("/v2/webhooks", params={"state": "handled"}).json()["webhooks"] != [])
        replayed = client.post(f"/v2/webhooks/gh/receipts/{got[0].id}/replay", json=REASON)
        eventually(lambda: len(got) == 2)
        missing = client.post("/v2/webhooks/gh/receipts/999/replay", json=REASON)
        dead = client.post("/v2/webhooks/gh/dead/replay", json=REASON)

    assert replayed.json() == {"replayed": 1}
    assert (got[0].body, got[1].id) == (b'{"n": 1}', got[0].id)
    assert missing.status_code == 404
    assert dead.json() == {"replayed": 0}
    assert [one.action for one in server.dialtone.recorded] == ["webhook_replay", "webhook_replay"]


def test_an_integration_whose_vendor_calls_nobody_is_told_so(server: WebhookServer) -> None:
    with server.client("admin") as client:
        none, unknown = (client.get(f"/v2/webhooks/{one}/url") for one in ("slack-prod", "slack-prd"))

    assert (none.status_code, unknown.status_code) == (404, 404)
    assert none.json()["detail"] == "slack-prod takes no webhooks: none of Slack are read here."
    assert unknown.json()["detail"] == "there is no integration 'slack-prd'; did you mean slack-prod?"


def test_the_url_holds_a_key_only_where_the_vendor_signs_nothing(server: WebhookServer) -> None:
    with server.client("admin") as client:
        shown = client.get("/v2/webhooks/gh/url").json()
        rotated = client.post("/v2/webhooks/gh/url/rotate", json=REASON)

    assert shown == {"url": "http://us.example/v2/webhooks/gh", "scheme": "hmac", "secret": "webhook_secret"}
    assert rotated.status_code == 409
    assert KEY not in str(shown)
