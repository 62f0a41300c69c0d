"""A canary secret, given to every kind of credential and echoed by a hostile vendor, shows up nowhere."""

import base64
import hmac
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import anyio
import httpx
import msgspec
import pytest
import structlog

from app.logs import Logs
from app.settings import load_settings
from app.wiring import Dialtone
from integrations.execution.call import LineSpec

CANARY = "canary-7f3a91c0d2e84b56"
FORMS = (
    CANARY.encode(),
    base64.b64encode(f"user:{CANARY}".encode()),
    base64.b64encode(CANARY.encode()).rstrip(b"="),
    CANARY.encode().hex().encode(),
)

CONFIG = """
state_dir: {dir}/state
defaults: {{check: {{interval: 1, retry_interval: 1}}, policy: {{retry: {{attempts: 2}}}}}}
alerts:
  group_wait: 0
  group_wait_critical: 0
  receivers:
    - {{name: hook, type: webhook, url: "https://in.invalid/${{CANARY}}", headers: {{x-key: "${{CANARY}}"}}}}
    - {{name: pager, type: pagerduty, routing_key: "${{CANARY}}", url: "https://pager.invalid/"}}
    - {{name: chat, type: slack, token: "xoxb-${{CANARY}}", channel: C1, api_url: "https://chat.invalid"}}
    - {{name: genie, type: opsgenie, api_key: "${{CANARY}}", url: "https://genie.invalid/"}}
    - {{name: now, type: servicenow, url: "https://now.invalid/", username: user, password: "${{CANARY}}"}}
  route:
    receiver: hook
    group_by: [integration]
    routes:
      - {{receiver: pager, matchers: ['integration="github"'], continue: true}}
      - {{receiver: chat, matchers: ['integration="slack"'], continue: true}}
      - {{receiver: now, matchers: ['integration="key"'], continue: true}}
      - {{receiver: hook}}
  watchdog: {{heartbeat_url: "https://beat.invalid/${{CANARY}}", interval: 5}}
integrations:
  - {{id: github, vendor: github, auth: token,
     secrets: {{token: "ghp_${{CANARY}}", webhook_secret: "${{CANARY}}"}}}}
  - {{id: linear, vendor: linear, auth: app, secrets: {{client_id: app-1, client_secret: "${{CANARY}}"}},
     config: {{base_url: "https://linear.invalid"}}}}
  - {{id: refused, vendor: linear, auth: app, secrets: {{client_id: app-1, client_secret: "${{CANARY}}"}},
     config: {{base_url: "https://refusing.invalid"}}}}
  - {{id: slack, vendor: slack, secrets: {{token: "xoxb-${{CANARY}}"}}}}
  - {{id: basic, vendor: http, auth: basic, secrets: {{username: user, password: "${{file:{dir}/secret}}"}},
     config: {{url: "https://vendor.invalid/basic"}}}}
  - {{id: key, vendor: http, auth: key, secrets: {{key: "${{CANARY}}"}},
     config: {{url: "https://vendor.invalid/key", expect: {{json: {{pointer: /token, equals: other}}}}}}}}
  - {{id: query, vendor: http, config: {{url: "https://vendor.invalid/q?api_key={canary}"}}}}
"""

Echo = Callable[[httpx.Request, str], httpx.Response]


def _refused(_request: httpx.Request, sent: str) -> httpx.Response:
    return httpx.Response(
        401, json={"message": f"bad credential {sent}", "error": sent}, headers={"x-echo": sent}
    )


def _failing(_request: httpx.Request, sent: str) -> httpx.Response:
    return httpx.Response(500, text=f"Traceback: token={sent}")


def _says_no(_request: httpx.Request, sent: str) -> httpx.Response:
    return httpx.Response(200, json={"ok": False, "error": sent, "token": sent})


def _garbage(_request: httpx.Request, sent: str) -> httpx.Response:
    return httpx.Response(200, text=f"<html>{sent}", headers={"content-type": "application/json"})


def _redirect(_request: httpx.Request, sent: str) -> httpx.Response:
    return httpx.Response(302, headers={"location": f"https://elsewhere.invalid/?t={sent}"})


def _no_connection(request: httpx.Request, sent: str) -> httpx.Response:
    raise httpx.ConnectError(f"cannot reach {request.url} with {sent}", request=request)


ECHOES: tuple[Echo, ...] = (_refused, _failing, _says_no, _garbage, _redirect, _no_connection)


class HostileVendors:
    """Answers everything with what it was sent, in each of the ways in turn."""

    def __init__(self) -> None:
        self._turn = 0
        self.is_token_used = self.has_refused = False

    def __call__(self, _spec: LineSpec) -> httpx.AsyncBaseTransport:
        return httpx.MockTransport(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self._turn += 1
        if request.url.path == "/oauth/token":
            return self._sell(request)
        sent = request.headers.get("authorization") or request.headers.get("x-api-key") or str(request.url)
        self.is_token_used |= sent.endswith(f"{CANARY}-bought")
        return ECHOES[self._turn % len(ECHOES)](request, sent)

    def _sell(self, request: httpx.Request) -> httpx.Response:
        """A token that holds the canary; elsewhere a refusal that says all that was asked."""
        if request.url.host == "refusing.invalid":
            self.has_refused = True
            return httpx.Response(400, json={"error": "no", "error_description": request.content.decode()})
        return httpx.Response(
            200, json={"access_token": f"{CANARY}-bought", "token_type": "Bearer", "expires_in": 3600}
        )


async def _deliver(client: httpx.AsyncClient) -> list[httpx.Response]:
    """Webhooks that are genuine, forged and garbage, and all that tells of them."""
    body = b'{"action": "opened"}'
    signature = "sha256=" + hmac.digest(CANARY.encode(), body, "sha256").hex()
    head = {"content-type": "application/json", "x-github-event": "issues"}
    answers = [
        await client.post(
            "/v2/webhooks/github",
            content=content,
            headers={**head, "x-github-delivery": str(number), "x-hub-signature-256": sign},
        )
        for number, (content, sign) in enumerate([(body, signature), (body, "sha256=00"), (b"{", signature)])
    ]
    listed = await client.get("/v2/webhooks")
    paths = [f"/v2/webhooks/github/receipts/{one['id']}" for one in listed.json()["webhooks"]]
    paths += ["/v2/webhooks/github/events", "/v2/webhooks/github/url"]
    return [*answers, listed, *[await client.get(path) for path in paths]]


@pytest.fixture
def vendors() -> HostileVendors:
    return HostileVendors()


@pytest.fixture
async def dialtone(tmp_path: Path, vendors: HostileVendors) -> AsyncIterator[Dialtone]:
    (tmp_path / "secret").write_text(CANARY + "\n")
    config = tmp_path / "dialtone.yaml"
    config.write_text(CONFIG.format(dir=tmp_path, canary=CANARY))
    settings = load_settings(config, environment={"CANARY": CANARY})
    config.unlink()
    (tmp_path / "secret").unlink()
    dialtone = Dialtone(settings, transport=vendors)
    async with dialtone.running():
        # However the checks stand, there is something to tell of.
        for name in ("github", "slack", "key"):
            await dialtone.monitor.alert_integration_failure(name, "a caller said so")
        yield dialtone


def _client(dialtone: Dialtone) -> httpx.AsyncClient:
    """A client on the event loop that Dialtone runs on."""
    transport = httpx.ASGITransport(dialtone.app, raise_app_exceptions=False, client=("127.0.0.1", 50_000))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:4350", timeout=30)


RECEIVERS = ("hook", "pager", "chat", "genie", "now")


async def _alert(client: httpx.AsyncClient) -> list[httpx.Response]:
    """Receivers that fail in every way, and all that tells of incidents, alerts and deliveries."""
    tests = [await client.post(f"/v2/receivers/{name}/test", json={}) for name in RECEIVERS * len(ECHOES)]
    incidents = await client.get("/v2/incidents")
    deliveries = await client.get("/v2/deliveries")
    one = [f"/v2/incidents/{each['id']}" for each in incidents.json()["incidents"]]
    one += [f"/incidents/{each['id']}" for each in incidents.json()["incidents"]]
    one += [f"/v2/deliveries/{each['id']}" for each in deliveries.json()["deliveries"]]
    others = ("/incidents", "/v2/alerts", "/v2/receivers", "/v2/silences", "/v2/maintenance")
    others += ("/api/v2/status", "/api/v2/alerts", "/api/v2/alerts/groups", "/api/v2/receivers")
    assert incidents.json()["incidents"]
    assert deliveries.json()["deliveries"]
    return [*tests, incidents, deliveries, *[await client.get(path) for path in (*one, *others)]]


async def _provoke(client: httpx.AsyncClient) -> list[httpx.Response]:
    """Every route that says anything of integrations, with vendors failing in every way."""
    answers = await _deliver(client)
    calls = {"github": ("user.get", "issues.list"), "slack": ("auth.test", "chat.post_message"),
             "linear": ("viewer.get",), "refused": ("viewer.get",), "basic": ("fetch",), "key": ("fetch",),
             "query": ("fetch",)}  # fmt: skip
    for integration, actions in calls.items():
        for action in actions * len(ECHOES):
            path = f"/v2/integrations/{integration}/actions/{action}"
            params = {"owner": "o", "repo": "r"} if action == "issues.list" else {}
            params = {"channel": "C1", "text": "hello"} if action == "chat.post_message" else params
            answers.append(await client.post(path, json={"params": params}))
        answers.append(await client.post(f"/v2/integrations/{integration}/check", json={}))
        answers.append(
            await client.post(f"/v2/integrations/{integration}/pause", json={"reason": "canary test"})
        )
        answers += [
            await client.get(f"/v2/integrations/{integration}{tail}") for tail in ("", "/status", "/metrics")
        ]
        answers.append(await client.get(f"/integrations/{integration}"))
    openmetrics = {"accept": "application/openmetrics-text;version=1.0.0"}
    pages = ("/", "/metrics", "/v2/integrations", "/v2/vendors", "/v2/operations", "/readyz", "/docs")
    answers += [await client.get(path) for path in pages]
    answers.append(await client.get("/metrics", headers=openmetrics))
    await anyio.sleep(2)
    answers += await _alert(client)
    for query in ("performance", "usage_by_caller", "health_timeline", "top_errors"):
        answers.append(await client.get(f"/v2/analytics/queries/{query}", params={"from": "-1h"}))
    return answers


def _holding(data: bytes) -> list[bytes]:
    return [form for form in FORMS if form in data]


async def test_a_canary_secret_shows_up_nowhere(
    dialtone: Dialtone, vendors: HostileVendors, capfd: pytest.CaptureFixture[str]
) -> None:
    logs = Logs(level="debug", style="json")
    logs.start()
    async with _client(dialtone) as client:
        answers = await _provoke(client)
    structlog.get_logger("test").info("the log is on")
    logs.stop()
    written = capfd.readouterr()
    assert "the log is on" in written.err
    assert _holding((written.out + written.err).encode()) == []

    assert vendors.is_token_used
    assert vendors.has_refused
    assert len(answers) > 60
    assert [answer.status_code for answer in answers[:3]] == [202, 401, 401]
    assert [answer.status_code for answer in answers if answer.status_code == 500] == []
    leaks = {(str(answer.request.url.path), form) for answer in answers for form in _holding(answer.content)}
    data = {path for path, _ in leaks if "/actions/" in path}
    assert {path for path, _ in leaks} == data, "only an action's own data may hold what the vendor answered"
    assert [_holding(str(dict(answer.headers)).encode()) for answer in answers] == [[]] * len(answers)


async def test_neither_do_the_files_nor_any_repr_hold_it(dialtone: Dialtone) -> None:
    async with _client(dialtone) as client:
        await _provoke(client)
    shown = [
        repr(dialtone.settings),
        repr(dialtone.framework.integrations()),
        str(dialtone.settings.integrations),
    ]
    shown += [
        repr(getattr(integration, name))
        for integration in dialtone.framework.integrations()
        for name in type(integration).__slots__
    ]
    assert [text for text in shown if _holding(text.replace(f"api_key={CANARY}", "").encode())] == []
    files = [path for path in dialtone.settings.state_dir.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} >= {".sqlite", ".duckdb"}
    assert [path.name for path in files if _holding(path.read_bytes())] == []


async def test_no_trace_and_no_debug_answer_holds_it(dialtone: Dialtone) -> None:
    calls = {
        "github": "user.get",
        "linear": "viewer.get",
        "slack": "auth.test",
        "basic": "fetch",
        "key": "fetch",
        "query": "fetch",
    }
    traces, debugged = [], []
    async with _client(dialtone) as client:
        for integration, action in calls.items():
            path = f"/v2/integrations/{integration}"
            for _ in ECHOES:
                answer = await client.post(f"{path}/actions/{action}?trace=true", json={"params": {}})
                outcome = answer.json().get("outcome") or answer.json()
                traces.append(msgspec.json.encode(outcome["trace"]))
                debugged.append((await client.post(f"{path}/check/debug", json={})).content)

    assert len(traces) == len(debugged) == len(calls) * len(ECHOES)
    assert sum(b"attempt 1 sent" in trace for trace in traces) > len(calls)
    assert sum(b'"answer":{"status"' in each for each in debugged) > len(calls)
    assert [trace for trace in traces if _holding(trace)] == []
    assert [each for each in debugged if _holding(each)] == []
