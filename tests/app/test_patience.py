"""Bodies that do not come, seen from the application: 408, and an end of the connection."""

import anyio
import pytest
from litestar.types import Message, Send

from app.asgi import create_app
from app.connection import WHOLE
from app.patience import BODY_SECONDS, Bodies
from tests.fakes.clock import VIRTUAL_TIME, LoopClock
from tests.fakes.parts import FakeDialtone, calm


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


def scope(method: str, path: str, **headers: str) -> dict[str, object]:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "scheme": "http",
        "headers": [(b"host", b"localhost"), *raw],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
    }


async def ask(asked: dict[str, object], *, every: float) -> list[Message]:
    """What the application answers to a client that sends one byte of its body each so many seconds."""
    sent: list[Message] = []

    async def receive() -> Message:
        await anyio.sleep(every)
        return {"type": "http.request", "body": b" ", "more_body": True}

    async def send(message: Message) -> None:
        sent.append(message)

    app = create_app(FakeDialtone(calm(), clock=LoopClock()).parts())
    with anyio.fail_after(60):
        await Bodies(app)(asked, receive, send)
    return sent


@pytest.mark.parametrize("every", [1.0, 3_600.0])
async def test_a_body_that_does_not_come_whole_is_answered_408(every: float) -> None:
    body = {"content_length": "100", "content_type": "application/json"}
    began = anyio.current_time()

    sent = await ask(scope("POST", f"/v2/integrations/{calm()[0].id}/pause", **body), every=every)

    # Making the application takes real time, of which a loaded machine has plenty.
    assert 20 <= anyio.current_time() - began < 40
    assert sent[0]["status"] == 408
    assert (b"connection", b"close") in sent[0]["headers"]
    assert b"urn:dialtone:problem:slow-body" in sent[1]["body"]


async def test_an_answer_before_the_body_is_the_connections_last() -> None:
    sent = await ask(scope("POST", "/nowhere", content_length="5", content_type="text/plain"), every=1)

    assert sent[0]["status"] == 415
    assert (b"connection", b"close") in sent[0]["headers"]


async def test_a_request_without_a_body_keeps_its_connection() -> None:
    sent = await ask(scope("GET", "/healthz"), every=1)

    assert sent[0]["status"] == 200
    assert not any(name == b"connection" for name, _ in sent[0]["headers"])


async def test_an_application_that_lets_the_failure_through_is_answered_for() -> None:
    async def reads(_: object, receive: object, __: object) -> None:
        while True:
            await receive()

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        await anyio.sleep_forever()

    await Bodies(reads)(scope("POST", "/a", content_length="5"), receive, send)

    assert sent[0]["status"] == 408


async def test_a_body_that_has_arrived_is_not_watched() -> None:
    asked = scope("POST", "/a", content_length="5")
    asked["state"] = {WHOLE: True}
    sent: list[Message] = []

    async def answers_late(_: object, __: object, send: Send) -> None:
        await anyio.sleep(BODY_SECONDS * 2)
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def send(message: Message) -> None:
        sent.append(message)

    await Bodies(answers_late)(asked, anyio.sleep_forever, send)

    assert sent == [{"type": "http.response.start", "status": 200, "headers": []}]
