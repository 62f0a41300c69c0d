"""The trace of a request to Dialtone: in the answer, in problems, in the log, and in the span of it."""

import structlog
from litestar.testing import TestClient

from app.api.served import NoSpans, Served
from app.asgi import create_app
from exporters.otlp.spans import ServedRequest
from integrations.execution.outcome import FailureKind
from integrations.execution.tracing import Sampler, trace_of
from tests.fakes.clock import FakeClock
from tests.fakes.parts import refused

CALL = "/v2/integrations/slack-prod/actions/issues.list"
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = {"traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": "congo=t61"}


class Spans:
    """Keeps the requests it is told of."""

    def __init__(self, sampler: Sampler | None = None) -> None:
        self.sampler = sampler
        self.requests: list[ServedRequest] = []

    def served(self, request: ServedRequest, /) -> None:
        self.requests.append(request)


def client_of(dialtone, spans):
    return TestClient(create_app(dialtone.parts(), spans=spans), base_url="http://127.0.0.1:4350")


def test_a_request_without_a_trace_gets_one_and_the_answer_says_which(client, dialtone):
    answer = client.post(CALL, json={})
    _, trace_id, span_id, flags = answer.headers["traceresponse"].split("-")
    assert (len(trace_id), len(span_id), flags) == (32, 16, "00")
    assert dialtone.calls[-1]["trace_id"] == trace_id
    assert trace_of(dialtone.calls[-1]["run_id"]) == trace_id
    assert client.get("/healthz").headers["traceresponse"].split("-")[1] != trace_id


def test_every_problem_tells_its_trace(client, dialtone):
    dialtone.outcome = refused(FailureKind.TIMEOUT)
    asked = [
        client.post(CALL, json={}, headers=PARENT),
        client.get("/v2/integrations/nobody", headers=PARENT),
        client.post(CALL, json={}, headers={**PARENT, "sec-fetch-site": "cross-site"}),
        client.get("/v2/nothing", headers=PARENT),
        client.post(CALL, json={"params": 3}, headers=PARENT),
    ]
    assert [answer.status_code for answer in asked] == [504, 404, 403, 404, 400]
    assert {answer.json()["trace_id"] for answer in asked} == {TRACE}


def test_calls_go_under_the_requests_own_span_where_spans_are_kept(dialtone):
    spans = Spans(Sampler())
    with client_of(dialtone, spans) as client:
        answer = client.post(CALL, json={}, headers=PARENT)
    (request,) = spans.requests
    call = dialtone.calls[-1]
    assert answer.headers["traceresponse"] == f"00-{TRACE}-{request.span_id}-01"
    assert (call["trace_id"], call["parent_span_id"], call["trace_state"]) == (
        TRACE,
        request.span_id,
        "congo=t61",
    )
    assert (request.trace_id, request.parent_span_id, request.trace_state) == (TRACE, SPAN, "congo=t61")
    assert (request.method, request.status) == ("POST", 200)
    assert request.route == "/v2/integrations/{integration_id}/actions/{action}"


def test_requests_that_only_look_make_no_trace_of_their_own(dialtone):
    spans = Spans(Sampler())
    with client_of(dialtone, spans) as client:
        client.get("/healthz")
        client.get("/metrics")
        client.get("/v2/integrations", headers=PARENT)
    assert [request.parent_span_id for request in spans.requests] == [SPAN]


def test_the_sampler_decides_and_its_word_is_the_calls(dialtone):
    spans = Spans(Sampler(ratio=0.0))
    with client_of(dialtone, spans) as client:
        client.post(CALL, json={})
        client.post(CALL, json={}, headers=PARENT)
    assert [call["sampled"] for call in dialtone.calls] == [False, True]
    assert [request.trace_id for request in spans.requests] == [TRACE]


def test_a_method_that_nobody_knows_is_no_value_of_its_own(dialtone):
    spans = Spans(Sampler())
    with client_of(dialtone, spans) as client:
        client.request("BREW", "/v2/integrations")
    assert [request.method for request in spans.requests] == ["_OTHER"]


def test_a_line_logged_during_a_request_carries_its_trace(dialtone):
    seen = []

    def watched(integration_id):
        seen.append(dict(structlog.contextvars.get_contextvars()))
        return original(integration_id)

    parts = dialtone.parts()
    original, parts.framework.integration = parts.framework.integration, watched
    with TestClient(create_app(parts, spans=NoSpans()), base_url="http://127.0.0.1:4350") as client:
        client.post(CALL, json={}, headers=PARENT)
    assert seen[0]["trace_id"] == TRACE
    assert len(seen[0]["span_id"]) == 16


async def test_a_layer_leaves_the_context_as_it_was():
    seen = []

    async def app(_scope, _receive, send):
        seen.append(structlog.contextvars.get_contextvars()["trace_id"])
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def send(message):
        seen.append(message["headers"][0][0])

    layer = Served(app, clock=FakeClock(), spans=NoSpans())
    await layer({"type": "http", "method": "GET", "headers": [], "path": "/"}, None, send)

    assert (len(seen[0]), seen[1]) == (32, b"traceresponse")
    assert structlog.contextvars.get_contextvars() == {}
