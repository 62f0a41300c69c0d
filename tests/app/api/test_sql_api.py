"""POST, GET and DELETE /v2/analytics/sql over a desk that answers, refuses and waits on command."""

import hashlib

import anyio
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from app.api.answers import MEDIA_TYPES
from app.asgi import create_app
from exporters.analytics.running import QueryCancelled, RunningQuery
from exporters.analytics.settings import AnalyticsBusy, AnswerTooLarge, QueryTimeout
from exporters.analytics.sql.desk import SQLFailed, SQLRefused
from exporters.analytics.sql.frames import Format
from tests.fakes.parts import FakeDialtone, Token
from tests.fakes.sql import BODIES

PATH = "/v2/analytics/sql"
TOKENS = tuple(
    Token(name=name, sha256=hashlib.sha256(name.encode()).hexdigest(), scopes=(scope,))
    for name, scope in (("ann", "read"), ("bob", "read"), ("oncall", "operate"))
)


def by(name: str) -> dict[str, str]:
    return {"authorization": f"Bearer {name}"}


@pytest.fixture
def guarded(dialtone: FakeDialtone) -> TestClient[Litestar]:
    return TestClient(create_app(dialtone.parts(tokens=TOKENS)), base_url="http://127.0.0.1:4350")


@pytest.mark.parametrize("shape", list(Format))
def test_a_statement_is_answered_in_the_format_asked_for(
    client: TestClient[Litestar], dialtone: FakeDialtone, shape: Format
) -> None:
    answer = client.post(PATH, json={"sql": "SELECT 1", "format": shape.value, "rows": 5, "seconds": 2})

    assert answer.status_code == 200
    assert answer.content == BODIES[shape]
    assert answer.headers["content-type"].partition(";")[0] == MEDIA_TYPES[shape]
    assert answer.headers["dialtone-truncated"] == "false"
    assert answer.headers["dialtone-rows"] == "1"
    assert answer.headers["dialtone-as-of"].startswith("2026-11-18T")
    ((asked, caller),) = dialtone.sql.asked
    assert (asked.sql, asked.format, asked.rows, asked.seconds) == ("SELECT 1", shape, 5, 2)
    assert caller == "local"


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (SQLRefused("only SELECT is answered"), 422, "sql-refused"),
        (SQLFailed("Binder Error: no such column"), 422, "sql-failed"),
        (AnswerTooLarge("more than 5 bytes"), 422, "answer-too-large"),
        (QueryCancelled("the query was ended"), 409, "query-cancelled"),
        (QueryTimeout("longer than 3 s"), 503, "query-timeout"),
        (AnalyticsBusy("18 queries run or wait"), 503, "analytics-unavailable"),
    ],
)
def test_what_is_not_answered_is_a_problem_that_says_why(
    client: TestClient[Litestar], dialtone: FakeDialtone, error: Exception, status: int, kind: str
) -> None:
    dialtone.sql.error = error

    answer = client.post(PATH, json={"sql": "SELECT 1"})

    assert answer.status_code == status
    assert answer.json()["type"] == f"urn:dialtone:problem:{kind}"
    assert answer.json()["detail"] == str(error)
    assert ("retry-after" in answer.headers) == (kind == "analytics-unavailable")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"sql": ""},
        {"sql": "SELECT 1", "format": "xml"},
        {"sql": "SELECT 1", "rows": 0},
        {"statement": "x"},
    ],
)
def test_a_body_that_is_none_is_refused(
    client: TestClient[Litestar], dialtone: FakeDialtone, body: dict[str, object]
) -> None:
    assert client.post(PATH, json=body).status_code == 400
    assert dialtone.sql.asked == []


def test_without_a_token_nobody_asks(guarded: TestClient[Litestar], dialtone: FakeDialtone) -> None:
    assert guarded.post(PATH, json={"sql": "SELECT 1"}).status_code == 401
    assert guarded.get(PATH).status_code == 401
    assert guarded.delete(f"{PATH}/q").status_code == 401
    assert dialtone.sql.asked == []


def test_the_caller_is_the_token_and_who_it_says_finer(
    guarded: TestClient[Litestar], dialtone: FakeDialtone
) -> None:
    guarded.post(PATH, json={"sql": "SELECT 1"}, headers=by("ann") | {"dialtone-caller": "notebook"})

    assert dialtone.sql.asked[0][1] == "ann/notebook"


def test_what_runs_is_listed(client: TestClient[Litestar], dialtone: FakeDialtone) -> None:
    query = RunningQuery(id="q", caller="ann", query="sql", sql="SELECT 1", started_at=5.0)
    dialtone.sql.queries = [query]

    [listed] = client.get(PATH).json()["queries"]

    assert listed == {
        "id": "q",
        "caller": "ann",
        "query": "sql",
        "sql": "SELECT 1",
        "started_at": 5.0,
        "progress": None,
    }


@pytest.mark.parametrize(("who", "status"), [("ann", 204), ("oncall", 204), ("bob", 403)])
def test_a_query_is_ended_by_its_owner_or_an_operator(
    guarded: TestClient[Litestar], dialtone: FakeDialtone, who: str, status: int
) -> None:
    dialtone.sql.queries = [
        RunningQuery(id="q", caller="ann/notebook", query="sql", sql="SELECT 1", started_at=5.0)
    ]

    assert guarded.delete(f"{PATH}/q", headers=by(who)).status_code == status
    assert dialtone.sql.cancelled == (["q"] if status == 204 else [])


def test_a_query_that_is_not_there_cannot_be_ended(client: TestClient[Litestar]) -> None:
    answer = client.delete(f"{PATH}/nothing")

    assert answer.status_code == 404
    assert "nothing" in answer.json()["detail"]


async def test_a_client_that_leaves_ends_its_query(dialtone: FakeDialtone) -> None:
    dialtone.sql.hangs = True
    app = create_app(dialtone.parts())
    body = b'{"sql": "SELECT 1"}'
    messages = [
        {"type": "http.request", "body": body, "more_body": False},
        {"type": "http.disconnect"},
    ]
    headers = [
        (b"host", b"127.0.0.1"),
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    scope = {
        "type": "http", "method": "POST", "path": PATH, "raw_path": PATH.encode(), "query_string": b"",
        "headers": headers, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 4350), "scheme": "http",
        "root_path": "", "http_version": "1.1", "asgi": {"version": "3.0", "spec_version": "2.3"},
    }  # fmt: skip

    async def receive() -> dict[str, object]:
        await anyio.sleep(0.01)
        return messages.pop(0) if len(messages) > 1 else messages[0]

    async def send(message: object) -> None:
        await anyio.lowlevel.checkpoint()

    with anyio.fail_after(5):
        await app(scope, receive, send)  # type: ignore[arg-type] # a plain ASGI scope

    assert dialtone.sql.left == 1
