"""/v2/signals/stream, asked as an ASGI server asks it."""

import time
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import anyio
import pytest
from litestar.testing import TestClient

from app.api.stream import SEND_SECONDS
from app.asgi import create_app
from app.live.view import LiveView
from integrations.execution.outcome import FailureKind
from integrations.signals import APIRequest
from tests.app.live.reading import Browser
from tests.fakes.calls import call_record
from tests.fakes.clock import VIRTUAL_TIME, FakeClock, LoopClock
from tests.fakes.parts import FakeDialtone, Token

STREAM = "/v2/signals/stream"
LOCAL = "http://127.0.0.1:4350"


@pytest.fixture
def anyio_backend():
    return VIRTUAL_TIME


@pytest.fixture
async def live() -> LiveView:
    return LiveView(clock=LoopClock(), max_readers=2)


class Client:
    """One request, as an ASGI server would pass it on; a client that `is_stuck` takes nothing."""

    def __init__(self, app: Callable, *, query: str = "", headers: dict[str, str] | None = None) -> None:
        self.app = app
        given = {"host": "127.0.0.1:4350"} | (headers or {})
        self.scope = {
            "type": "http",
            "method": "GET",
            "path": STREAM,
            "raw_path": STREAM.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "scheme": "http",
            "http_version": "1.1",
            "headers": [(name.lower().encode(), value.encode()) for name, value in given.items()],
            "client": ("127.0.0.1", 5_000),
            "server": ("127.0.0.1", 4350),
            "asgi": {"version": "3.0"},
            "extensions": {},
        }
        self.status = 0
        self.headers: dict[str, str] = {}
        self.browser = Browser()
        self.events = []
        self.chunks = 0
        self.is_stuck = False
        self.has_ended = False
        self.left = anyio.Event()
        self._asked = False

    async def run(self) -> None:
        await self.app(self.scope, self._receive, self._send)

    def kinds(self) -> list[str]:
        return [one.kind for one in self.events]

    async def _receive(self) -> dict[str, object]:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode().lower(): value.decode() for name, value in message["headers"]}
            return
        if self.is_stuck:
            await anyio.sleep_forever()
        self.chunks += 1
        self.events += self.browser.events(message["body"]) if self.status == 200 else []
        self.has_ended = not message.get("more_body")


@asynccontextmanager
async def asking(live: LiveView, **request: object):
    """A client that is reading; it leaves at the end."""
    client = Client(create_app(replace(FakeDialtone().parts(), live=live)), **request)
    async with anyio.create_task_group() as group:
        group.start_soon(client.run)
        # A refusal comes from a thread, so this waits for real, in small steps of virtual time.
        ends = time.perf_counter() + 30
        while not client.chunks and time.perf_counter() < ends:  # noqa: ASYNC110 - the same
            await anyio.sleep(0.001)
        assert client.chunks
        yield client
        await anyio.sleep(0.2)
        client.left.set()


def readers(live: LiveView) -> float:
    return next(iter(live.samples())).value


async def test_signals_come_as_they_happen(live):
    async with asking(live) as client:
        live.on_signal(call_record(call_id="c1"))
        await anyio.sleep(0.1)
        live.on_signal(call_record(call_id="c2"))
    assert client.status == 200
    assert client.headers["content-type"].startswith("text/event-stream")
    assert client.headers["cache-control"] == "no-store"
    assert client.headers["x-accel-buffering"] == "no"
    assert "content-length" not in client.headers
    assert [(one.kind, one.data["call_id"]) for one in client.events] == [
        ("call_record", "c1"),
        ("call_record", "c2"),
    ]


async def test_filters_come_from_the_query(live):
    query = (
        "kind=call_record&integration=slack-prod&integration=shop&vendor=slack&capability=read&failed=true"
    )
    async with asking(live, query=f"{query}&origin=traffic") as client:
        for integration in ("slack-prod", "github-prod", "shop"):
            for kind in (None, FailureKind.TIMEOUT):
                live.on_signal(call_record(integration=integration, vendor="slack", kind=kind))
    assert [(one.data["integration"], one.data["kind"]) for one in client.events] == [
        ("slack-prod", "timeout"),
        ("shop", "timeout"),
    ]


async def test_a_client_resumes_by_the_header_browsers_send_before_its_first_query(live):
    for number in range(1, 6):
        live.on_signal(call_record(call_id=f"c{number}"))
    query = f"after={live.ring.identify(1)}"
    async with asking(live, query=query, headers={"Last-Event-ID": live.ring.identify(3)}) as client:
        pass
    assert [one.data["call_id"] for one in client.events] == ["c4", "c5"]
    async with asking(live, query=query) as client:
        pass
    assert [one.data["call_id"] for one in client.events] == ["c2", "c3", "c4", "c5"]


async def test_a_client_of_another_process_is_told_of_the_gap(live):
    async with asking(live, headers={"Last-Event-ID": "0-7"}) as client:
        live.on_signal(call_record())
    assert client.kinds() == ["gap", "call_record"]
    assert client.events[0].data == {"missed": None}


async def test_a_client_that_leaves_gives_its_place_back(live):
    async with asking(live):
        assert readers(live) == 1
    assert readers(live) == 0


async def test_a_quiet_stream_is_kept_alive(live):
    async with asking(live) as client:
        await anyio.sleep(61)
    assert client.chunks - 2 in {2, 3, 4}
    assert client.events == []


async def test_a_client_that_takes_nothing_is_cut_off_and_nobody_waits(live):
    async with asking(live) as client:
        client.is_stuck = True
        live.on_signal(call_record())
        await anyio.sleep(SEND_SECONDS + 1)
        assert readers(live) == 0
    assert [one.value for one in live.samples()][1] == 1


async def test_a_slow_client_is_told_that_it_was_dropped_and_the_stream_ends():
    live = LiveView(clock=LoopClock(), capacity=4)
    async with asking(live) as client:
        for _ in range(9):
            live.on_signal(call_record())
    assert client.kinds() == ["dropped"]
    assert client.has_ended


async def test_at_the_end_of_dialtone_the_stream_ends_at_once_with_a_farewell(live):
    async with asking(live) as client:
        live.on_signal(call_record())
        live.close()
        await anyio.sleep(0.1)
        assert client.has_ended
    assert client.kinds() == ["call_record", "bye"]


async def test_more_readers_than_may_are_refused_and_told_when_to_come_back(live):
    async with asking(live), asking(live), asking(live) as third:
        assert (third.status, third.headers["retry-after"]) == (503, "5")
    async with asking(live) as later:
        assert later.status == 200


async def test_a_stream_is_one_request_in_the_metrics(live):
    dialtone = FakeDialtone()
    client = Client(create_app(replace(dialtone.parts(), live=live)))
    client.left.set()
    await client.run()
    (request,) = dialtone.published.of(APIRequest)
    assert (request.route, request.status) == (STREAM, 200)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        pytest.param("kind=call_recod", "call_record", id="kind"),
        pytest.param("kind=call_record&kind=nothing", "health_change", id="one of two kinds"),
        pytest.param("integration=slack-prd", "slack-prod", id="integration"),
        pytest.param("vendor=slak", "slack", id="vendor"),
        pytest.param("capability=reed", "read", id="capability"),
        pytest.param("origin=trafic", "traffic", id="origin"),
        pytest.param("failed=tru", "true", id="flag"),
        pytest.param("intgration=slack-prod", "integration", id="parameter"),
        pytest.param("after=7", "after", id="id"),
    ],
)
def test_a_value_that_lets_nothing_pass_is_refused_with_the_nearest(query, words):
    parts = replace(FakeDialtone().parts(), live=LiveView(clock=FakeClock()))
    with TestClient(create_app(parts), base_url=LOCAL) as client:
        answer = client.get(f"{STREAM}?{query}")
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert words in answer.text


def test_without_a_live_view_the_answer_is_503(client):
    assert client.get(STREAM).json()["type"] == "urn:dialtone:problem:no-live-view"


def test_the_stream_needs_the_scope_read():
    token = Token(name="x", sha256="0" * 64, scopes=("read",))
    with TestClient(create_app(FakeDialtone().parts(tokens=(token,))), base_url=LOCAL) as client:
        assert client.get(STREAM).status_code == 401


def test_the_description_names_every_value_that_a_filter_takes(client):
    operation = client.get("/schema/openapi.json").json()["paths"][STREAM]["get"]
    schemas = {one["name"]: one["schema"] for one in operation["parameters"]}
    assert "health_change" in schemas["kind"]["items"]["enum"]
    assert "traffic" in schemas["origin"]["items"]["enum"]
    assert "text/event-stream" in operation["responses"]["200"]["content"]
