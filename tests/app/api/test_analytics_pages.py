"""GET /v2/analytics/queries, performance, integrations and running, over pages that fakes give."""

import hashlib

import anyio
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from app.api.answers import MEDIA_TYPES
from app.asgi import create_app
from exporters.analytics.parameters import InvalidParams
from exporters.analytics.running import QueryCancelled, RunningQuery
from exporters.analytics.settings import AnalyticsBusy, AnswerTooLarge, QueryTimeout
from exporters.analytics.sql.frames import Format
from tests.fakes.parts import FakeDialtone, Token

PATH = "/v2/analytics/queries/performance"
TOKENS = tuple(
    Token(name=name, sha256=hashlib.sha256(name.encode()).hexdigest(), scopes=(scope,))
    for name, scope in (("ann", "read"), ("bob", "read"), ("oncall", "operate"))
)


@pytest.fixture
def guarded(dialtone: FakeDialtone) -> TestClient[Litestar]:
    return TestClient(create_app(dialtone.parts(tokens=TOKENS)), base_url="http://127.0.0.1:4350")


def by(name: str) -> dict[str, str]:
    return {"authorization": f"Bearer {name}"}


def test_a_page_comes_in_each_format_with_what_there_is_to_know(
    client: TestClient[Litestar], dialtone: FakeDialtone
) -> None:
    for shape in Format:
        answer = client.get(PATH, params={"format": shape.value, "from": "-1h", "rows": 5, "id": "mine"})

        assert answer.status_code == 200
        assert answer.headers["content-type"].partition(";")[0] == MEDIA_TYPES[shape]
        assert answer.headers["dialtone-query"] == "mine"
        assert (answer.headers["dialtone-rows"], answer.headers["dialtone-truncated"]) == ("2", "false")
        assert answer.headers["dialtone-as-of"].startswith("2026-11-18T")
        kept = answer.headers.get("content-disposition", "")
        is_shown = shape in {Format.JSON, Format.RECORDS}
        assert kept == ("" if is_shown else f'attachment; filename="performance-20261118T110640Z.{shape}"')
        request, _ = dialtone.pages[-1]
        assert (request.format, request.params, request.rows) == (shape, {"from": "-1h"}, 5)


def test_json_says_its_name_and_leads_to_the_next_page(
    client: TestClient[Litestar], dialtone: FakeDialtone
) -> None:
    dialtone.next_page = "c2"

    answer = client.get(PATH, params={"from": "-1h", "integration": "a,b", "cursor": "c1", "id": "mine"})

    assert answer.json() == {
        "name": "performance",
        "columns": ["integration", "calls"],
        "rows": [["github-prod", 12], ["slack-prod", 9]],
        "truncated": True,
        "duration": 0.01,
        "next": "c2",
    }
    assert answer.headers["dialtone-next"] == "c2"
    following = client.get(answer.url.join(answer.links["next"]["url"]))
    assert following.json()["next"] is None
    assert "link" not in following.headers
    request, _ = dialtone.pages[-1]
    assert (request.cursor, request.params) == ("c2", {"from": "-1h", "integration": "a,b"})
    assert request.id == ""


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("performance", {"from": "-1h", "bucket": "5m", "origin": "all", "injected": "with"}),
        ("integrations", {"from": "-7d", "to": "-1d", "vendor": "slack", "integration": "slack-prod"}),
    ],
)
def test_a_fixed_route_is_the_named_query_with_its_parameters(
    client: TestClient[Litestar], dialtone: FakeDialtone, path: str, params: dict[str, str]
) -> None:
    answer = client.get(f"/v2/analytics/{path}", params=params | {"format": "ndjson"})

    assert answer.status_code == 200
    ((request, caller),) = dialtone.pages
    assert (request.name, request.params, request.format, caller) == (path, params, Format.NDJSON, "local")


def test_a_fixed_route_knows_its_parameters(client: TestClient[Litestar]) -> None:
    answer = client.get("/v2/analytics/performance?integratoin=a")

    assert answer.status_code == 422
    assert "did you mean integration" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (AnswerTooLarge("more than 5 bytes"), 422, "answer-too-large"),
        (QueryCancelled("the query was ended"), 409, "query-cancelled"),
        (QueryTimeout("longer than 3 s"), 503, "query-timeout"),
        (AnalyticsBusy("18 queries wait"), 503, "analytics-unavailable"),
        (InvalidParams("cursor", found="x", expected="the next"), 422, "invalid-value"),
    ],
)
def test_what_is_not_answered_is_a_problem_that_says_why(
    client: TestClient[Litestar], dialtone: FakeDialtone, error: Exception, status: int, kind: str
) -> None:
    dialtone.fail_with = error

    answer = client.get(PATH)

    assert (answer.status_code, answer.json()["detail"]) == (status, str(error))
    assert answer.json()["type"].endswith(kind)
    assert ("retry-after" in answer.headers) == (kind == "analytics-unavailable")


def test_what_runs_is_listed_and_ended_by_its_owner_or_an_operator(
    guarded: TestClient[Litestar], dialtone: FakeDialtone
) -> None:
    path = "/v2/analytics/running"
    dialtone.sql.queries = [RunningQuery(id="q", caller="ann/cli", query="performance", started_at=5.0)]

    listed = guarded.get(path, headers=by("bob")).json()["queries"]
    statuses = [guarded.delete(f"{path}/q", headers=by(who)).status_code for who in ("bob", "ann", "oncall")]

    assert [(one["id"], one["caller"], one["query"]) for one in listed] == [("q", "ann/cli", "performance")]
    assert statuses == [403, 204, 204]
    assert dialtone.sql.cancelled == ["q", "q"]
    assert guarded.delete(f"{path}/x", headers=by("oncall")).status_code == 404
    assert guarded.get(path).status_code == guarded.delete(f"{path}/q").status_code == 401


async def test_a_client_that_leaves_ends_its_query(dialtone: FakeDialtone) -> None:
    dialtone.hangs = True
    app = create_app(dialtone.parts())
    messages = [{"type": "http.request", "body": b"", "more_body": False}, {"type": "http.disconnect"}]
    scope = {
        "type": "http", "method": "GET", "path": PATH, "raw_path": PATH.encode(), "query_string": b"",
        "headers": [(b"host", b"127.0.0.1")], "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 4350),
        "scheme": "http", "root_path": "", "http_version": "1.1",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
    }  # fmt: skip

    async def receive() -> dict[str, object]:
        await anyio.sleep(0.01)
        return messages.pop(0) if len(messages) > 1 else messages[0]

    async def send(message: object) -> None:
        await anyio.lowlevel.checkpoint()

    with anyio.fail_after(5):
        await app(scope, receive, send)  # type: ignore[arg-type] # a plain ASGI scope

    assert dialtone.left == 1


def test_the_description_tells_the_formats_of_each_answer(client: TestClient[Litestar]) -> None:
    paths = client.get("/schema/openapi.json").json()["paths"]

    for path in ("queries/{name}", "performance", "integrations"):
        answered = paths[f"/v2/analytics/{path}"]["get"]["responses"]["200"]
        assert set(answered["content"]) == set(MEDIA_TYPES.values())
