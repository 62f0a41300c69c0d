"""The whole Dialtone with an endpoint for traces and logs: what one request leaves there."""

import hashlib
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import structlog

from app.logs import Logs
from app.settings import load_settings
from app.wiring import Dialtone
from integrations.execution.call import LineSpec
from tests.fakes.execution import ScriptedVendor
from tests.fakes.telemetry_intake import TelemetryIntake, attributes_of

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
CALL = "/v2/integrations/{}/actions/repos.get"
CANARY = "ghp_canary3391"
CONFIG = """
state_dir: state
log: {level: info}
exporters:
  otlp:
    endpoint: https://otlp.invalid
    headers: {api-key: "${KEY}"}
    metrics: {enabled: false}
    traces: {enabled: true, checks: none}
    logs: {enabled: true}
defaults:
  check: {enabled: false}
integrations:
  - id: github-told
    vendor: github
    secrets: {token: "${KEY}"}
    policy: {trace_context: true}
  - id: github-prod
    vendor: github
    secrets: {token: "${KEY}", webhook_secret: "${KEY}"}
"""


class World:
    """What is outside of Dialtone."""

    def __init__(self) -> None:
        self.intake = TelemetryIntake()
        self.vendor = ScriptedVendor(httpx.Response(503), httpx.Response(200, json={"id": 7}))

    def transport(self, spec: LineSpec) -> httpx.AsyncBaseTransport:
        is_export = spec.integration.startswith("exporter:")
        return httpx.MockTransport(self.intake if is_export else self.vendor)


@asynccontextmanager
async def running(tmp_path: Path, world: World) -> AsyncIterator[httpx.AsyncClient]:
    path = tmp_path / "dialtone.yaml"
    path.write_text(CONFIG)
    logs = Logs(level="info", style="json")
    dialtone = Dialtone(
        load_settings(path, environment={"KEY": CANARY}), transport=world.transport, logs=logs
    )
    logs.start()
    try:
        async with dialtone.running():
            client = httpx.AsyncClient(
                transport=httpx.ASGITransport(dialtone.app), base_url="http://127.0.0.1:4350"
            )
            async with client:
                yield client
    finally:
        logs.stop()
        structlog.reset_defaults()


async def test_one_request_is_one_trace_from_the_caller_to_the_vendor(tmp_path: Path) -> None:
    world = World()
    sent = {"traceparent": f"00-{TRACE}-{CALLER}-01", "tracestate": "congo=t61"}

    async with running(tmp_path, world) as client:
        params = {"params": {"owner": "octo", "repo": "hello"}}
        answer = await client.post(CALL.format("github-told"), json=params, headers=sent)
        await client.post(CALL.format("github-prod"), json=params, headers=sent)

    intake = world.intake
    assert (answer.status_code, intake.faults) == (200, [])
    own = answer.headers["traceresponse"].split("-")[2]
    (request,) = [span for span in intake.spans if span.span_id.hex() == own]
    (call,) = intake.children(request)
    attempts = intake.children(call)
    assert (request.trace_id.hex(), request.parent_span_id.hex()) == (TRACE, CALLER)
    assert (call.name, [span.name for span in attempts]) == (
        "github repos.get",
        ["GET /repos/{owner}/{repo}"] * 2,
    )
    first, second, third = world.vendor.requests
    # The header is put in anew for each attempt, into the request that they share.
    assert second.headers["traceparent"] == f"00-{TRACE}-{attempts[1].span_id.hex()}-01"
    assert first.headers["tracestate"] == "congo=t61"
    assert "traceparent" not in third.headers
    assert attributes_of(attempts[0].attributes)["http.response.status_code"] == 503
    assert {about["service.name"] for about in intake.resources} == {"dialtone"}


async def test_the_log_goes_the_same_way_and_no_secret_goes_with_it(tmp_path: Path) -> None:
    world = World()

    async with running(tmp_path, world) as client:
        params = {"params": {"owner": "octo", "repo": f"{CANARY}?key={CANARY}"}}
        await client.post(CALL.format("github-told"), json=params)
        structlog.get_logger("dialtone").warning("something", integration="github-prod")

    lines = {record.body.string_value: attributes_of(record.attributes) for record in world.intake.records}
    assert lines["something"]["dialtone.integration"] == "github-prod"
    assert "configuration in effect" in lines
    assert world.intake.spans
    assert CANARY.encode() not in b"".join(world.intake.bodies)


async def test_a_webhook_is_a_span_that_whoever_handles_it_can_go_on_from(tmp_path: Path) -> None:
    world = World()
    body = b'{"zen": "calm"}'
    sent = {
        "x-hub-signature-256": "sha256=" + hmac.new(CANARY.encode(), body, hashlib.sha256).hexdigest(),
        "x-github-delivery": "d-1",
        "x-github-event": "push",
        "traceparent": f"00-{TRACE}-{CALLER}-01",
    }

    async with running(tmp_path, world) as client:
        good = await client.post("/v2/webhooks/github-prod?secret=x", content=body, headers=sent)
        bad = await client.post("/v2/webhooks/github-prod", content=b"{}", headers=sent)
        await client.post("/v2/webhooks/nobody", content=b"{}")
        events = (await client.get("/v2/webhooks/github-prod/events")).json()["events"]

    spans = [span for span in world.intake.spans if span.name == "POST /v2/webhooks/{integration_id}"]
    taken, refused, lost = sorted(spans, key=lambda span: span.start_time_unix_nano)
    assert (good.status_code, bad.status_code) == (202, 401)
    assert (taken.trace_id.hex(), taken.parent_span_id.hex()) == (TRACE, CALLER)
    assert [event["headers"]["traceparent"] for event in events] == [f"00-{TRACE}-{taken.span_id.hex()}-01"]
    assert attributes_of(taken.attributes)["dialtone.webhook.verdict"] == "accepted"
    assert attributes_of(refused.attributes)["dialtone.webhook.verdict"] == "bad_signature"
    # A stranger's word for an integration is no value of an attribute.
    assert "dialtone.integration" not in attributes_of(lost.attributes)
