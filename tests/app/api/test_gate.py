"""Who may ask, from where, and what is told about it."""

import base64
import hashlib

import anyio
import pytest
from litestar.testing import TestClient

from app.asgi import create_app
from integrations.execution.outcome import Outcome
from integrations.signals import APIRequest
from tests.fakes.parts import FakeDialtone, Token

LOCAL = "http://127.0.0.1:4350"
PAUSE = "/v2/integrations/slack-prod/pause"
REASON = {"reason": "x"}


def token(name: str, *scopes: str) -> Token:
    return Token(name=name, sha256=hashlib.sha256(f"{name}-secret".encode()).hexdigest(), scopes=scopes)


TOKENS = (token("viewer", "read"), token("oncall", "operate"), token("root", "admin"))


@pytest.fixture
def guarded(dialtone):
    with TestClient(create_app(dialtone.parts(tokens=TOKENS)), base_url="https://dialtone.example") as client:
        yield client


def bearer(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {name}-secret"}


def basic(password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"me:{password}".encode()).decode()}


@pytest.mark.parametrize(
    ("name", "get", "post"),
    [("viewer", 200, 403), ("oncall", 200, 200), ("root", 200, 200), ("ghost", 401, 401)],
)
def test_each_scope_includes_those_below_it(guarded, name, get, post):
    assert guarded.get("/v2/integrations", headers=bearer(name)).status_code == get
    assert guarded.post(PAUSE, json=REASON, headers=bearer(name)).status_code == post


def test_a_token_may_come_as_the_password_of_http_basic(guarded):
    assert guarded.get("/", headers=basic("viewer-secret")).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"Authorization": "Bearer"}, id="no token"),
        pytest.param({"Authorization": "Bearer viewer-secretx"}, id="wrong token"),
        pytest.param({"Authorization": "Basic !!!"}, id="no base64"),
        pytest.param(basic("wrong"), id="wrong password"),
        pytest.param({"Authorization": "Digest x"}, id="another scheme"),
        pytest.param({"Authorization": "Bearer ünïcode".encode()}, id="not ASCII"),
    ],
)
def test_without_a_known_token_the_answer_is_401_and_says_how(guarded, headers):
    answer = guarded.get("/v2/integrations", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith('Bearer realm="dialtone", Basic')
    assert answer.json()["type"] == "urn:dialtone:problem:unauthorized"


def test_a_missing_scope_is_named(guarded):
    problem = guarded.post(PAUSE, json=REASON, headers=bearer("viewer")).json()
    assert (problem["status"], problem["scope"]) == (403, "operate")
    assert "viewer" in problem["detail"]


def test_the_actor_is_the_token_and_what_the_caller_adds(guarded, dialtone):
    guarded.post(PAUSE, json=REASON, headers=bearer("oncall") | {"Dialtone-Caller": "runbook-3"})
    assert dialtone.recorded[0].actor == "oncall/runbook-3"


def test_a_caller_name_has_at_most_64_characters(client):
    assert client.get("/v2/integrations", headers={"Dialtone-Caller": "x" * 64}).status_code == 200
    assert client.get("/v2/integrations", headers={"Dialtone-Caller": "x" * 65}).status_code == 400


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/docs", "/schema/openapi.json", "/static/live.js"])
def test_what_names_nobody_is_open(guarded, path):
    assert guarded.get(path).status_code == 200


def test_every_other_route_asks_for_a_scope(dialtone):
    app = create_app(dialtone.parts(tokens=TOKENS))
    unguarded = {
        route.path
        for route in app.routes
        for handler in getattr(route, "route_handlers", [])
        if handler.http_methods != {"OPTIONS"} and not handler.resolve_guards()
    }
    assert unguarded == {
        "/healthz",
        "/readyz",
        "/metrics",
        "/docs",
        "/static/{name:str}",
        "/schema",
        "/schema/openapi.json",
        "/schema/{path:str}",
    }


@pytest.mark.parametrize(("public", "status"), [(False, 401), (True, 200)])
def test_metrics_need_a_token_unless_they_are_public(dialtone, public, status):
    app = create_app(dialtone.parts(tokens=TOKENS, public_metrics=public))
    with TestClient(app, base_url=LOCAL) as client:
        assert client.get("/metrics").status_code == status


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:4350", 200),
        ("localhost:4350", 200),
        ("[::1]:4350", 200),
        ("127.8.9.1", 200),
        ("evil.example", 403),
        ("evil.example:4350", 403),
        ("127.0.0.1.evil.example", 403),
        ("localhost.evil.example", 403),
        ("", 403),
        ("[", 403),
    ],
)
def test_without_tokens_only_names_of_this_machine_are_answered(client, host, status):
    assert client.get("/v2/integrations", headers={"host": host}).status_code == status


@pytest.mark.parametrize(("peer", "status"), [("127.0.0.1", 200), ("::1", 200), ("192.0.2.7", 403)])
async def test_without_tokens_only_peers_of_this_machine_are_answered(dialtone, peer, status):
    assert await status_for(create_app(dialtone.parts()), peer=peer) == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({}, 200, id="a program"),
        pytest.param({"Sec-Fetch-Site": "same-origin"}, 200, id="our own page"),
        pytest.param({"Sec-Fetch-Site": "none"}, 200, id="typed by the user"),
        pytest.param({"Sec-Fetch-Site": "cross-site"}, 403, id="a foreign page"),
        pytest.param({"Sec-Fetch-Site": "same-site"}, 403, id="a sibling's page"),
        pytest.param({"Origin": "http://127.0.0.1:4350"}, 200, id="old browser, our page"),
        pytest.param({"Origin": "http://evil.example"}, 403, id="old browser, foreign page"),
        pytest.param({"Origin": "http://127.0.0.1:9999"}, 403, id="old browser, another port"),
        pytest.param({"Origin": "null"}, 403, id="sandboxed page"),
    ],
)
def test_a_page_of_another_site_changes_nothing(client, dialtone, headers, status):
    answer = client.post(PAUSE, json=REASON, headers=headers)
    assert answer.status_code == status
    assert bool(dialtone.orders) == (status == 200)


@pytest.mark.parametrize(
    "content_type", ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x"]
)
def test_a_form_of_a_web_page_changes_nothing(client, dialtone, content_type):
    answer = client.post(PAUSE, content=b'{"reason":"x"}', headers={"Content-Type": content_type})
    assert answer.status_code == 415
    assert not dialtone.orders


def test_a_body_over_one_mebibyte_is_refused(client, dialtone):
    answer = client.post(PAUSE, json={"reason": "x" * 1_100_000})
    assert answer.status_code == 413
    assert answer.json()["type"] == "urn:dialtone:problem:request-entity-too-large"
    assert not dialtone.orders


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param(b'{"reason": ' * 50_000, "nested too deeply", id="deep objects"),
        pytest.param(
            b'{"reason": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply", id="deep lists"
        ),
        pytest.param(b'{"reason": "\xff"}', "no UTF-8", id="no UTF-8"),
        pytest.param(b"\x00", "malformed", id="no JSON"),
        pytest.param(b"", "a JSON object is required", id="nothing"),
    ],
)
def test_a_hostile_body_is_the_clients_fault_and_told_so(client, dialtone, body, words):
    answer = client.post(PAUSE, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert words in answer.text
    assert not dialtone.orders


def test_every_answer_has_the_security_headers(client):
    for path in ("/", "/v2/integrations", "/nothing", "/healthz"):
        headers = client.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'self'")
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("method", "path", "status", "route"),
    [
        ("GET", "/v2/integrations/slack-prod?token=s3cret", 200, "/v2/integrations/{integration_id}"),
        ("GET", "/v2/integrations/nobody", 404, "/v2/integrations/{integration_id}"),
        ("GET", "/no/such/path", 404, "unknown"),
        ("DELETE", "/healthz", 405, "unknown"),
        ("BREW", "/healthz", 405, "unknown"),
        ("POST", "/v2/integrations/slack-prod/pause", 400, "/v2/integrations/{integration_id}/pause"),
    ],
)
def test_each_request_is_told_once_by_its_routes_template(client, dialtone, method, path, status, route):
    client.request(method, path)
    (told,) = dialtone.published.of(APIRequest)
    assert (told.route, told.status, told.caller) == (route, status, "local")
    assert told.method == (method if method != "BREW" else "other")


def test_a_refused_request_is_told_too(client, dialtone):
    client.get("/v2/integrations", headers={"host": "evil.example"})
    (told,) = dialtone.published.of(APIRequest)
    assert (told.status, told.route, told.caller) == (403, "unknown", "")


def test_our_own_failure_is_a_problem_that_tells_nothing_of_the_inside(client, dialtone):
    dialtone.fail_with = ZeroDivisionError("s3cret")
    answer = client.post("/v2/integrations/slack-prod/actions/issues.list", json={})
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "s3cret" not in answer.text


async def test_a_client_that_leaves_does_not_cancel_its_call(dialtone):
    finished = anyio.Event()

    class Slow(FakeDialtone):
        async def execute_integration(self, *args: object, **kwargs: object) -> Outcome:
            for _ in range(20):
                await anyio.lowlevel.checkpoint()
            finished.set()
            return self.outcome

    body = [
        {"type": "http.request", "body": b"{}", "more_body": False},
        {"type": "http.disconnect"},
    ]
    app = create_app(Slow(clock=dialtone.clock).parts())
    await status_for(
        app, path="/v2/integrations/slack-prod/actions/issues.list", method="POST", messages=body
    )
    assert finished.is_set()


async def status_for(app, *, peer="127.0.0.1", path="/v2/integrations", method="GET", messages=()) -> int:
    """Send one request as an ASGI server does, and return the status."""
    waiting = [*messages, {"type": "http.disconnect"}]
    sent: list[dict[str, object]] = []

    async def receive() -> dict[str, object]:
        return waiting.pop(0) if waiting else {"type": "http.disconnect"}

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"localhost:4350"), (b"content-type", b"application/json")],
        "client": (peer, 4711),
        "server": ("127.0.0.1", 4350),
        "state": {},
    }
    await app(scope, receive, send)
    return int(str(sent[0]["status"]))
