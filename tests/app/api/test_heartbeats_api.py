"""Heartbeats over HTTP: where jobs report, what is read, and the keys of URLs."""

import hashlib
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import anyio
import httpx
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from app.api.beats import MAX_BODY, Beats
from app.asgi import create_app
from exporters.otlp.spans import ServedRequest
from integrations.connection import Labels
from integrations.execution.tracing import Sampler
from integrations.signals import Health, OperatorAction
from monitors.alerts.settings import AlertSettings
from monitors.heartbeat import Beat, HeartbeatState
from monitors.heartbeat_keys import HeartbeatKeys
from monitors.heartbeat_settings import HeartbeatSettings
from monitors.heartbeats import HeartbeatWatch
from monitors.slo_settings import SLOSettings
from tests.fakes.clock import FakeClock
from tests.fakes.desks import FakeAlerting
from tests.fakes.parts import FakeDialtone, Token

LOCAL = "http://127.0.0.1:4350"
CANARY = "canary-in-a-job's-output"
SETTINGS = AlertSettings(
    heartbeats=(
        HeartbeatSettings(
            id="backup",
            name="Nightly backup",
            cron="0 3 * * *",
            zone="Europe/Paris",
            labels=Labels(team="ops"),
        ),
        HeartbeatSettings(id="sync", period=300, grace=30),
    ),
    slos=(SLOSettings(name="chat", objective=99.9),),
)


@pytest.fixture
def dialtone() -> FakeDialtone:
    made = FakeDialtone()
    made.alerting = FakeAlerting(made.clock, log=made, settings=SETTINGS)
    return made


@pytest.fixture
def client(dialtone: FakeDialtone) -> Iterator[TestClient[Litestar]]:
    with TestClient(create_app(dialtone.parts()), base_url=LOCAL, raise_server_exceptions=False) as client:
        yield client


@contextmanager
def scoped(dialtone: FakeDialtone, scope: str) -> Iterator[TestClient[Litestar]]:
    token = Token(name=scope, sha256=hashlib.sha256(scope.encode()).hexdigest(), scopes=(scope,))
    app = create_app(dialtone.parts(tokens=(token,)))
    with TestClient(app, base_url=LOCAL) as client:
        client.headers["authorization"] = f"Bearer {scope}"
        yield client


def url(client: TestClient[Litestar], heartbeat: str = "backup") -> str:
    return client.get(f"/v2/heartbeats/{heartbeat}/url").json()["url"]


def state(client: TestClient[Litestar], heartbeat: str = "backup") -> dict[str, object]:
    return client.get(f"/v2/heartbeats/{heartbeat}").json()


class RecordedSpans:
    """Keeps the requests that spans would be made of."""

    sampler: Sampler | None = Sampler()

    def __init__(self) -> None:
        self.requests: list[ServedRequest] = []

    def served(self, request: ServedRequest, /) -> None:
        self.requests.append(request)


class Jobs:
    """What stands in front of the API, over a real watch, and nothing behind it."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.watch = HeartbeatWatch(clock=self.clock, report=lambda _: None)
        self.watch.configure(SETTINGS.heartbeats)
        self.keys = HeartbeatKeys(store=None, clock=self.clock)
        self.turned_away = Counter[str]()
        self.app = Beats(passed_on, keys=self.keys, watch=self.watch, turned_away=self.turned_away)

    async def key(self) -> str:
        return (await self.keys.key("backup")).reveal()

    async def report(self, suffix: str = "", *, method: str = "POST", content: bytes = b"") -> httpx.Response:
        return await self.ask(f"/v2/heartbeats/backup/{await self.key()}{suffix}", method, content)

    async def ask(self, path: str, method: str = "POST", content: bytes = b"") -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url=LOCAL) as client:
            return await client.request(method, path, content=content)

    @property
    def backup(self) -> HeartbeatState:
        return self.watch.status("backup").state


async def passed_on(_: object, __: object, send: Callable[[object], Awaitable[None]]) -> None:
    await send({"type": "http.response.start", "status": 418, "headers": []})
    await send({"type": "http.response.body", "body": b"passed on"})


@pytest.mark.parametrize(
    ("suffix", "route"),
    [("", ""), ("/start", "/start"), ("/success", "/success"), ("/3", "/{exit_status}")],
)
def test_the_span_of_a_report_names_its_heartbeat_and_no_key(
    dialtone: FakeDialtone, suffix: str, route: str
) -> None:
    spans = RecordedSpans()
    with TestClient(create_app(dialtone.parts(), spans=spans), base_url=LOCAL) as client:
        place = url(client).removeprefix(LOCAL)
        client.post(place + suffix)
        client.post(place.replace("backup", "sync") + suffix)
    right, wrong = spans.requests
    assert (right.route, right.status) == ("/v2/heartbeats/{heartbeat_id}/{key}" + route, 200)
    assert right.details == {"dialtone.heartbeat": "backup"}
    # Who has not the key has no say in what an attribute holds.
    assert (wrong.route, wrong.status, wrong.details) == (right.route, 404, {})


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "HEAD"])
async def test_a_job_reports_a_success_with_any_method(method: str) -> None:
    jobs = Jobs()
    answer = await jobs.report(method=method)
    assert (answer.status_code, answer.text) == (200, "" if method == "HEAD" else "OK\n")
    assert (jobs.backup.health, jobs.backup.last_beat) == (Health.UP, Beat.SUCCESS)


@pytest.mark.parametrize(
    ("suffix", "health", "beat", "exit_status"),
    [
        ("", Health.UP, Beat.SUCCESS, None),
        ("/success", Health.UP, Beat.SUCCESS, None),
        ("/start", Health.UNKNOWN, Beat.START, None),
        ("/log", Health.UNKNOWN, Beat.LOG, None),
        ("/fail", Health.DOWN, Beat.FAIL, None),
        ("/0", Health.UP, Beat.SUCCESS, 0),
        ("/3", Health.DOWN, Beat.FAIL, 3),
        ("/255", Health.DOWN, Beat.FAIL, 255),
    ],
)
async def test_what_stands_behind_the_key_says_what_happened(
    suffix: str, health: Health, beat: Beat, exit_status: int | None
) -> None:
    jobs = Jobs()
    assert (await jobs.report(suffix, content=b"done")).status_code == 200
    state = jobs.backup
    assert (state.health, state.last_beat, state.exit_status, state.text) == (
        health,
        beat,
        exit_status,
        "done",
    )


async def test_runs_that_overlap_are_told_apart_by_their_id() -> None:
    jobs = Jobs()
    await jobs.report("/start?rid=one")
    jobs.clock.advance(10)
    await jobs.report("/start?rid=two")
    jobs.clock.advance(5)
    await jobs.report("?rid=one")
    assert (jobs.backup.duration, len(jobs.backup.runs)) == (15.0, 1)


@pytest.mark.parametrize(
    ("path", "status", "counted"),
    [
        pytest.param("/v2/heartbeats/nobody/{key}", 404, "unknown", id="no such heartbeat"),
        pytest.param("/v2/heartbeats/sync/{key}", 404, "unknown", id="another's key"),
        pytest.param("/v2/heartbeats/backup/" + "x" * 43, 404, "unknown", id="a wrong key"),
        pytest.param("/v2/heartbeats/backup/{key}/256", 400, "malformed", id="no exit status"),
        pytest.param("/v2/heartbeats/backup/{key}?rid=a%20b", 400, "malformed", id="no run's id"),
        pytest.param("/v2/heartbeats/backup/{key}/explode", 418, "", id="no such event: the API's affair"),
        pytest.param("/v2/heartbeats/backup/short", 418, "", id="no key: the API's affair"),
        pytest.param("/v2/heartbeats", 418, "", id="the API"),
    ],
)
async def test_what_is_wrong_is_refused_counted_and_changes_nothing(
    path: str, status: int, counted: str
) -> None:
    jobs = Jobs()
    answer = await jobs.ask(path.format(key=await jobs.key()))
    assert answer.status_code == status
    assert dict(jobs.turned_away) == ({counted: 1} if counted else {})
    assert jobs.backup.last_beat is None


async def test_an_unknown_place_and_a_wrong_key_are_answered_alike() -> None:
    jobs = Jobs()
    await jobs.key()
    answers = [
        await jobs.ask(f"/v2/heartbeats/{name}/{'x' * 43}") for name in ("backup", "sync", "nobody-at-all")
    ]
    assert len({(one.status_code, one.text) for one in answers}) == 1


async def test_methods_that_are_none_of_a_job_are_refused() -> None:
    answer = await Jobs().report(method="DELETE")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, POST, PUT")


async def test_a_long_body_is_cut_and_one_that_is_too_long_refused() -> None:
    jobs = Jobs()
    assert (await jobs.report("/log", content=b"x" * MAX_BODY)).status_code == 200
    assert len(jobs.backup.text) == 1024
    assert (await jobs.report(content=b"x" * (MAX_BODY + 1))).status_code == 413
    assert jobs.backup.last_beat is Beat.LOG


async def test_a_body_that_is_no_text_harms_nobody() -> None:
    assert (await Jobs().report(content=b"\xff\xfe\x00")).status_code == 200


def test_the_list_and_the_unknown_name_the_nearest(client: TestClient[Litestar]) -> None:
    listed = client.get("/v2/heartbeats").json()["heartbeats"]
    assert [(one["id"], one["name"], one["cron"], one["period"]) for one in listed] == [
        ("backup", "Nightly backup", "0 3 * * *", None),
        ("sync", "sync", "", 300.0),
    ]
    answer = client.get("/v2/heartbeats/bakcup")
    assert answer.status_code == 404
    assert answer.json()["detail"] == "There is no heartbeat 'bakcup'; did you mean backup?"


def test_the_url_needs_admin_and_a_rotated_key_is_on_record(dialtone: FakeDialtone) -> None:
    with scoped(dialtone, "operate") as client:
        assert client.get("/v2/heartbeats/backup/url").status_code == 403
        assert client.post("/v2/heartbeats/backup/url/rotate", json={"reason": "x"}).status_code == 403
    with scoped(dialtone, "admin") as client:
        before = url(client)
        answer = client.post("/v2/heartbeats/backup/url/rotate", json={"reason": "it leaked"})
        after = answer.json()["url"]
        assert (answer.status_code, after != before) == (200, True)
        assert client.get(before).status_code == client.get(after).status_code == 200
        assert client.get("/v2/heartbeats/nobody/url").status_code == 404
    (action,) = [one for one in dialtone.alerting.published if isinstance(one, OperatorAction)]
    assert (action.actor, action.action, action.integration, action.reason) == (
        "admin",
        "heartbeat_url_rotate",
        "heartbeat:backup",
        "it leaked",
    )


def test_jobs_need_no_token_and_their_words_are_for_those_who_operate(dialtone: FakeDialtone) -> None:
    with scoped(dialtone, "admin") as client:
        place = url(client)
        job = client.post(place + "/fail", content=CANARY.encode(), headers={"authorization": ""})
        assert job.status_code == 200
        assert state(client)["text"] == CANARY
    with scoped(dialtone, "read") as client:
        assert CANARY not in client.get("/v2/heartbeats").text
        assert state(client)["health"] == "down"
        assert state(client)["reason"] == "It reported a failure."


def test_what_a_job_says_and_its_key_stand_in_no_incident(
    client: TestClient[Litestar], dialtone: FakeDialtone
) -> None:
    place = url(client)
    client.post(place + "/7", content=CANARY.encode())
    incident = dialtone.alerting.incidents.of("heartbeat:backup")
    assert incident is not None
    assert incident.reason == "It reported a failure (exit status 7)."
    told = repr(dialtone.alerting.published) + repr(incident) + repr(dialtone.alerting.engine.alerts())
    assert CANARY not in told
    assert place.rpartition("/")[2] not in told
    assert place.rpartition("/")[2] not in repr(dialtone.alerting.desks.watching.keys.__dict__)


def test_objectives_and_root_causes_are_read(client: TestClient[Litestar]) -> None:
    (slo,) = client.get("/v2/slos").json()["slos"]
    assert (slo["name"], slo["budget_left"], [one["windows"] for one in slo["burns"]]) == (
        "chat",
        1.0,
        ["5m/1h", "30m/6h", "2h/1d", "6h/3d"],
    )
    parents = client.get("/v2/parents").json()
    assert parents["parents"] == []
    assert parents["egress"]["is_down"] is False


def test_the_description_has_the_places_where_heartbeats_arrive(client: TestClient[Litestar]) -> None:
    paths = client.get("/schema/openapi.json").json()["paths"]
    for suffix in ("", "/start", "/fail", "/log", "/{exit_status}"):
        operation = paths["/v2/heartbeats/{heartbeat_id}/{key}" + suffix]["post"]
        assert operation["security"] == [{}]
        assert {"200", "400", "404", "405", "408", "413", "503"} <= set(operation["responses"])


class Slow:
    """Takes beats and holds them."""

    known = frozenset({"backup"})

    def __init__(self) -> None:
        self.stored = True

    def opens(self, heartbeat: str, given: str, /, *, known: object) -> bool:
        return True

    async def hear(
        self, heartbeat: str, beat: Beat, /, *, run: str, exit_status: int | None, text: str
    ) -> bool:
        return self.stored


async def answered(layer: Beats, *messages: dict[str, object]) -> tuple[int, bytes]:
    sent: list[dict[str, object]] = []
    waiting = list(messages)

    async def receive() -> dict[str, object]:
        if not waiting:
            await anyio.sleep_forever()
        return waiting.pop(0)

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": f"/v2/heartbeats/backup/{'k' * 43}",
        "query_string": b"",
        "headers": [],
    }
    await layer(scope, receive, send)  # type: ignore[arg-type]
    return (int(sent[0]["status"]), bytes(sent[1]["body"])) if sent else (0, b"")  # type: ignore[call-overload]


async def nobody(*_: object) -> None:
    raise AssertionError("passed on")


async def test_a_beat_that_could_not_be_stored_yet_is_taken_and_says_so() -> None:
    slow = Slow()
    slow.stored = False
    layer = Beats(nobody, keys=slow, watch=slow, turned_away={})  # type: ignore[arg-type]
    assert await answered(layer, {"type": "http.request", "body": b""}) == (200, b"OK, but not stored yet\n")


async def test_a_job_that_leaves_before_its_body_is_read_is_not_answered() -> None:
    slow = Slow()
    layer = Beats(nobody, keys=slow, watch=slow, turned_away={})  # type: ignore[arg-type]
    assert await answered(layer, {"type": "http.disconnect"}) == (0, b"")
