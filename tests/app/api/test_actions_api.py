"""The short way and the handler's way to call an action: one answer for both."""

import hashlib
import json
import random
from types import SimpleNamespace

import pytest
from litestar.testing import TestClient

from app.api.actions import MAX_KEY, Shortcut
from app.api.served import RequestTrace
from app.api.tokens import LOCAL as CALLER
from app.asgi import create_app
from integrations.errors import InvalidParams
from integrations.execution.outcome import FailureKind, Outcome, Source
from integrations.execution.tracing import trace_of
from tests.fakes.parts import FakeDialtone, Token, refused

CALL = "/v2/integrations/slack-prod/actions/issues.list"
WHOLE = {"params": {"repo": "a/b", "deep": [{"n": 1.5}]}, "timeout": 2, "idempotency_key": "k"}
LOCAL = "http://127.0.0.1:4350"
HANDLERS_WAY = "?trace=false"


def sent(body):
    return {"content": body, "headers": {"content-type": "application/json"}}


REQUESTS = [
    pytest.param({"json": {}}, id="nothing asked"),
    pytest.param({"json": WHOLE}, id="all asked"),
    pytest.param({"json": {"timeout": "2"}}, id="a number as text, which the handler takes"),
    pytest.param({"json": {"timeout": 0}}, id="a timeout of nothing"),
    pytest.param({"json": {"parms": {}}}, id="an unknown field"),
    pytest.param({"json": []}, id="a list"),
    pytest.param({}, id="no body"),
    pytest.param(sent(b""), id="an empty body"),
    pytest.param(sent(b"{"), id="half a body"),
    pytest.param(sent(b'{"params": {"a": "\xff"}}'), id="no UTF-8"),
    pytest.param(sent(b'{"params": ' + b"[" * 5000), id="too deep"),
    pytest.param(sent(b'{"params": {"a": "' + b"x" * 100_000 + b'"}}'), id="long"),
    pytest.param(sent(b'{"params": {"a": "' + b"x" * 2**20 + b'"}}'), id="too long"),
    pytest.param(sent([b'{"params":', b' {"a": 1}}']), id="in two pieces"),
    pytest.param({"json": {}, "headers": {"Dialtone-Caller": "agent-7"}}, id="a caller"),
    pytest.param({"json": {}, "headers": {"Dialtone-Caller": "x" * 65}}, id="a caller too long"),
    pytest.param({"json": {}, "headers": {"Idempotency-Key": "k" * MAX_KEY}}, id="the longest key"),
    pytest.param({"json": {}, "headers": {"Idempotency-Key": "k" * (MAX_KEY + 1)}}, id="a key too long"),
    pytest.param(
        {"json": {}, "headers": [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]}, id="two keys"
    ),
    pytest.param({"json": WHOLE, "headers": {"Idempotency-Key": "other"}}, id="keys that differ"),
    pytest.param({"json": {}, "headers": {"Dialtone-Priority": "high"}}, id="a priority"),
    pytest.param({"json": {}, "headers": {"Dialtone-Priority": "now!"}}, id="no priority"),
    pytest.param({"json": {}, "headers": {"Content-Type": "text/plain"}}, id="no JSON"),
    pytest.param({"json": {}, "headers": {"Origin": "https://evil.example"}}, id="from another site"),
]


@pytest.fixture(scope="module", name="served")
def once_for_all():
    dialtone = FakeDialtone()
    with TestClient(create_app(dialtone.parts()), base_url=LOCAL, raise_server_exceptions=False) as client:
        yield dialtone, client


@pytest.fixture
def dialtone(served):
    dialtone, _ = served
    dialtone.calls.clear()
    dialtone.outcome, dialtone.fail_with = FakeDialtone().outcome, None
    return dialtone


@pytest.fixture
def client(served):
    return served[1]


def told(answer):
    """An answer without what is each request's own."""
    headers = {name: value for name, value in answer.headers.items() if name != "traceresponse"}
    body = json.loads(answer.content)
    body.pop("trace_id", None)
    return answer.status_code, headers | {"content-length": ""}, body


def both_ways(client, dialtone, request):
    """What is answered and what was called, the short way and the handler's."""
    pair = []
    for query in ("", HANDLERS_WAY):
        dialtone.calls.clear()
        content = request.get("content")
        again = {**request, "content": iter(content)} if isinstance(content, list) else request
        answer = told(client.post(CALL + query, **again))
        # Each way names a run by chance, and its trace after it.
        assert all(call["trace_id"] in {"", trace_of(call["run_id"])} for call in dialtone.calls)
        pair.append((answer, [{**call, "trace_id": "", "run_id": ""} for call in dialtone.calls]))
    return pair


@pytest.mark.parametrize("request_", REQUESTS)
def test_a_request_is_answered_alike_on_both_ways(client, dialtone, request_):
    short, long = both_ways(client, dialtone, request_)
    assert short == long


@pytest.mark.parametrize(
    "outcome",
    [
        pytest.param(Outcome(data={"a": [1, "é", None]}, status=200, source=Source.LIVE), id="data"),
        pytest.param(Outcome(data="text", source=Source.STALE, age=12.4), id="a stale answer"),
        pytest.param(refused(FailureKind.THROTTLED, retry_after=30), id="throttled"),
        pytest.param(refused(FailureKind.REJECTED), id="refused by us"),
        pytest.param(refused(FailureKind.NOT_FOUND), id="not found at the vendor"),
    ],
)
def test_an_outcome_is_told_alike_on_both_ways(client, dialtone, outcome):
    dialtone.outcome = outcome
    short, long = both_ways(client, dialtone, {"json": {}})
    assert short == long


def test_errors_of_the_call_are_told_alike_on_both_ways(client, dialtone):
    for fault in (InvalidParams("issues.list", {"repo": "is required"}), RuntimeError("a bug")):
        dialtone.fail_with = fault
        short, long = both_ways(client, dialtone, {"json": {}})
        assert short == long


@pytest.mark.parametrize(("scope", "status"), [("", 401), ("read", 403), ("operate", 200)])
def test_tokens_open_both_ways_alike(dialtone, scope, status):
    token = Token(name="ci", sha256=hashlib.sha256(b"secret").hexdigest(), scopes=(scope or "admin",))
    headers = {"Authorization": "Bearer secret"} if scope else {}
    with TestClient(
        create_app(dialtone.parts(tokens=[token])), base_url="https://dialtone.example"
    ) as client:
        short, long = both_ways(client, dialtone, {"json": {}, "headers": headers})
    assert short == long
    assert short[0][0] == status


@pytest.mark.parametrize(
    ("body", "query", "is_short"),
    [
        pytest.param(b"{}", b"", True, id="an ordinary request"),
        pytest.param(b"{}", b"trace=true", False, id="a query"),
        pytest.param(b"[]", b"", False, id="a body that does not fit"),
    ],
)
async def test_the_handler_gets_what_is_no_ordinary_request(dialtone, body, query, is_short):
    handled, messages = [], []

    async def handler(_scope, receive, _send):
        handled.append(await receive())

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        messages.append(message)

    scope = {
        "type": "http", "query_string": query, "headers": [], "user": CALLER,
        "path_params": {"integration_id": "slack-prod", "action": "issues.list"},
        "litestar_app": SimpleNamespace(state={"parts": dialtone.parts()}),
    }  # fmt: skip
    scope["state"] = {"trace": RequestTrace(scope, sampler=None, rng=random.Random(0))}
    await Shortcut(handler)(scope, receive, send)
    assert [one["body"] for one in handled] == ([] if is_short else [body])
    assert len(messages) == (2 if is_short else 0)
