"""What the vendors' doubles do of their own: authentication, paging, state, quota, forms of refusal."""

import base64

import httpx
import msgspec
import pytest

from integrations.manifest.contract import Lock
from integrations.simulator.simulator import Simulator
from tests.fakes.clock import FakeClock
from tests.fakes.small_catalog import SmallCatalog

ORIGIN = "http://simulator"

ISSUES = "/repos/acme/shop/issues"


@pytest.mark.parametrize(
    "headers",
    [{"authorization": ""}, {"authorization": "Bearer wrong"}, {"authorization": "Basic sim_"}],
    ids=["none", "wrong token", "wrong scheme"],
)
async def test_github_answers_401_without_the_right_token(
    github: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    answer = await github.get("/user", headers=headers)

    assert (answer.status_code, answer.json()["message"]) == (401, "Bad credentials")


async def test_slack_answers_invalid_auth_without_the_right_token(slack: httpx.AsyncClient) -> None:
    answer = await slack.post("/auth.test", headers={"authorization": "Bearer wrong"})

    assert (answer.status_code, answer.json()) == (200, {"ok": False, "error": "invalid_auth"})


async def test_a_key_and_basic_open_the_same_vendor(client: httpx.AsyncClient, simulator: Simulator) -> None:
    secrets = simulator.secrets("plain")
    pair = base64.b64encode(f"{secrets['username']}:{secrets['password']}".encode()).decode()
    url = f"{simulator.base_url('plain', ORIGIN)}/v2/things"

    by_key = await client.get(url, headers={"x-key": secrets["token"]})
    by_basic = await client.get(url, headers={"authorization": f"Basic {pair}"})
    by_nothing = await client.get(url)

    assert [answer.status_code for answer in (by_key, by_basic, by_nothing)] == [200, 200, 401]
    assert len(by_key.json()["data"]["things"]) == 3


async def test_a_vendor_without_ways_of_its_own_is_answered_by_its_manifest(
    client: httpx.AsyncClient, simulator: Simulator
) -> None:
    headers = {"x-key": simulator.secrets("plain")["token"]}
    base = simulator.base_url("plain", ORIGIN)

    deleted = await client.delete(f"{base}/v2/things/7", headers=headers)
    wrong_method = await client.post(f"{base}/v2/things", headers=headers)
    wrong_path = await client.get(f"{base}/v2/nothing", headers=headers)
    deep = await client.get(f"{base}/v2/files/a/b/c.txt", headers=headers)

    statuses = [answer.status_code for answer in (deleted, wrong_method, wrong_path, deep)]
    assert statuses == [204, 405, 404, 200]
    assert wrong_method.headers["allow"] == "GET"


async def test_an_unknown_vendor_is_404(client: httpx.AsyncClient) -> None:
    assert (await client.get("/nobody/x")).status_code == 404
    assert (await client.get("/slack/not-its-mount")).status_code == 404


async def test_an_issue_that_was_created_reads_back_and_can_be_closed(github: httpx.AsyncClient) -> None:
    made = (await github.post(ISSUES, json={"title": "Broken", "labels": ["bug"]})).json()

    read = (await github.get(f"{ISSUES}/{made['number']}")).json()
    newest = (await github.get(ISSUES)).json()[0]
    await github.patch(f"{ISSUES}/{made['number']}", json={"state": "closed"})
    closed = (await github.get(f"{ISSUES}/{made['number']}")).json()

    assert read == newest == made
    assert (made["title"], made["labels"][0]["name"]) == ("Broken", "bug")
    assert closed == {**made, "state": "closed"}
    assert (await github.get(f"{ISSUES}/99999")).status_code == 404


async def test_a_comment_reads_back(github: httpx.AsyncClient) -> None:
    await github.post(f"{ISSUES}/3/comments", json={"body": "Me too"})

    comments = (await github.get(f"{ISSUES}/3/comments")).json()

    assert [comment["body"] for comment in comments] == ["Me too"]


async def test_github_pages_follow_their_links_to_the_end(github: httpx.AsyncClient) -> None:
    numbers: list[int] = []
    url: str | None = f"{github.base_url}{ISSUES.lstrip('/')}?per_page=20"
    while url:
        answer = await github.get(url)
        numbers += [issue["number"] for issue in answer.json()]
        url = answer.links.get("next", {}).get("url")

    assert numbers == list(range(42, 0, -1))
    assert set(answer.links) == {"prev", "first"}


async def test_github_counts_its_quota_and_says_when_it_resets(
    github: httpx.AsyncClient, simulator: Simulator, clock: FakeClock
) -> None:
    token = simulator.add_account("github", "ci", limit=2, window=60)["token"]
    github.headers["authorization"] = f"Bearer {token}"

    answers = [await github.get("/user") for _ in range(3)]
    free = await github.get("/rate_limit")
    clock.advance(61)
    later = await github.get("/user")

    assert [answer.status_code for answer in answers] == [200, 200, 403]
    assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["1", "0", "0"]
    assert float(answers[0].headers["x-ratelimit-reset"]) == 1_800_000_060
    assert answers[0].headers["x-ratelimit-resource"] == "core"
    assert free.json()["resources"]["core"] == {
        "limit": 2,
        "used": 2,
        "remaining": 0,
        "reset": 1_800_000_060,
    }
    assert later.status_code == 200


async def test_github_counts_searches_apart(github: httpx.AsyncClient) -> None:
    answer = await github.get("/search/issues?q=bug")

    assert answer.headers["x-ratelimit-resource"] == "search"
    assert (answer.headers["x-ratelimit-limit"], answer.headers["x-ratelimit-remaining"]) == ("30", "29")


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        (b"{}", 422, "missing_field"),
        (b'{"title": [1]}', 422, "invalid"),
        (b'{"title": "a", "labels": 7}', 422, "invalid"),
        (b"{", 400, "Problems parsing JSON"),
    ],
    ids=["without a title", "a list as title", "a number as labels", "no JSON"],
)
async def test_github_refuses_a_wrong_body(
    github: httpx.AsyncClient, body: bytes, status: int, text: str
) -> None:
    answer = await github.post(ISSUES, content=body, headers={"content-type": "application/json"})

    assert answer.status_code == status
    assert text in answer.text


async def test_github_refuses_a_number_that_is_none(github: httpx.AsyncClient) -> None:
    assert (await github.get(f"{ISSUES}?per_page=many")).status_code == 422


async def test_what_the_lock_requires_and_the_manifest_forgot_is_refused(clock: FakeClock) -> None:
    catalog = SmallCatalog()
    lock = {
        "operations": {
            "": {
                "kind": "contract",
                "method": "GET",
                "path": "/user",
                "parameters": {"api-version": {"in": "header", "required": True}},
            }
        }
    }
    catalog.locks["github"] = msgspec.convert(lock, Lock)
    simulator = Simulator(catalog, clock=clock)
    headers = {"authorization": f"Bearer {simulator.secrets('github')['token']}"}
    transport = httpx.ASGITransport(simulator)

    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers=headers) as client:
        without = await client.get("/github/user")
        given = await client.get("/github/user", headers={"api-version": "1"})

    assert (without.status_code, given.status_code) == (422, 200)
    assert without.json()["errors"][0]["field"] == "api-version"


async def test_a_message_that_was_posted_reads_back_and_can_be_changed(slack: httpx.AsyncClient) -> None:
    sent = await slack.post("/chat.postMessage", data={"channel": "#alerts", "text": "Disk is full"})
    posted = sent.json()
    change = {"channel": posted["channel"], "ts": posted["ts"], "text": "Disk is fine"}
    await slack.post("/chat.update", data=change)

    history = (await slack.get("/conversations.history", params={"channel": posted["channel"]})).json()

    assert posted["ok"]
    assert posted["message"]["text"] == "Disk is full"
    assert [message["text"] for message in history["messages"]] == ["Disk is fine"]


@pytest.mark.parametrize(
    ("data", "error"),
    [
        ({"text": "hi"}, "channel_not_found"),
        ({"channel": "nowhere", "text": "hi"}, "channel_not_found"),
        ({"channel": "alerts"}, "no_text"),
    ],
    ids=["no channel", "unknown channel", "no text"],
)
async def test_slack_names_what_is_wrong_with_a_message(
    slack: httpx.AsyncClient, data: dict[str, str], error: str
) -> None:
    answer = await slack.post("/chat.postMessage", data=data)

    assert (answer.status_code, answer.json()["error"]) == (200, error)


async def test_slack_pages_follow_their_cursor_to_the_end(slack: httpx.AsyncClient) -> None:
    names: list[str] = []
    cursor = ""
    while True:
        page = (await slack.get("/conversations.list", params={"limit": 3, "cursor": cursor})).json()
        names += [channel["name"] for channel in page["channels"]]
        cursor = page["response_metadata"]["next_cursor"]
        if not cursor:
            break

    assert names == ["alerts", "deploys", "general", "support"]
    wrong = await slack.get("/conversations.list", params={"cursor": "!"})
    assert wrong.json()["error"] == "invalid_cursor"


async def test_slack_does_not_know_a_method_that_is_none(slack: httpx.AsyncClient) -> None:
    assert (await slack.post("/chat.shout")).json()["error"] == "unknown_method"


async def test_prometheus_answers_queries_and_refuses_bad_ones(client: httpx.AsyncClient) -> None:
    now = (await client.get("/prometheus/api/v1/query?query=up")).json()
    times = "start=100&end=160&step=15s"
    ranged = (await client.get(f"/prometheus/api/v1/query_range?query=up&{times}")).json()
    too_fine = await client.get("/prometheus/api/v1/query_range?query=up&start=0&end=99999&step=1")
    empty = await client.get("/prometheus/api/v1/query?query=")

    assert (now["status"], now["data"]["resultType"], len(now["data"]["result"])) == ("success", "vector", 3)
    assert [at for at, _ in ranged["data"]["result"][0]["values"]] == [100, 115, 130, 145, 160]
    assert (too_fine.status_code, too_fine.json()["errorType"]) == (400, "bad_data")
    assert (empty.status_code, empty.json()["errorType"]) == (400, "bad_data")


async def test_prometheus_has_targets_rules_and_a_version(client: httpx.AsyncClient) -> None:
    paths = ("targets", "rules", "status/buildinfo")
    answers = [(await client.get(f"/prometheus/api/v1/{path}")).json()["data"] for path in paths]

    assert {target["health"] for target in answers[0]["activeTargets"]} == {"up"}
    assert answers[1]["groups"][0]["rules"][0]["name"] == "InstanceDown"
    assert answers[2]["version"]


async def test_a_site_is_an_account_with_a_health_document(
    client: httpx.AsyncClient, simulator: Simulator
) -> None:
    simulator.add_account("http", "shop")

    health = await client.get("/http/shop/health")
    page = await client.get("/http/shop/")
    echo = await client.post("/http/shop/orders", json={"sku": 7})
    unknown = await client.get("/http/nobody/health")

    assert (health.json()["status"], health.json()["service"]) == ("ok", "shop")
    assert page.headers["content-type"].startswith("text/html")
    assert echo.json() == {"method": "POST", "received": {"sku": 7}}
    assert unknown.status_code == 404
