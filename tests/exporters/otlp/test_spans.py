"""What spans say of calls, attempts and requests."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from exporters.otlp.spans import ServedRequest, TracedCall, no_template, spans_of
from integrations.execution.outcome import Attempt, FailureKind
from tests.fakes.telemetry_intake import attributes_of
from tests.golden.telemetry.build import HERE, RECORD, REQUEST, bodies, readable, template

GOLDEN = list(bodies())
TEXT = st.text(max_size=30)


def parsed(told: ServedRequest | TracedCall) -> list[Span]:
    return [Span.FromString(span) for span in spans_of(told, template=template)]


@pytest.mark.parametrize(("name", "body"), GOLDEN, ids=[name for name, _ in GOLDEN])
def test_what_is_sent_is_byte_for_byte_the_golden_file_of_telemetry(name: str, body: bytes) -> None:
    assert body == (HERE / f"{name}.binpb").read_bytes()
    assert readable(name, body) == (HERE / f"{name}.json").read_text(encoding="utf-8")


def test_a_call_is_one_span_with_one_span_under_it_for_each_attempt() -> None:
    call, first, second = parsed(TracedCall(RECORD))

    assert (call.kind, first.kind, second.kind) == (
        Span.SPAN_KIND_INTERNAL,
        Span.SPAN_KIND_CLIENT,
        Span.SPAN_KIND_CLIENT,
    )
    assert {first.parent_span_id, second.parent_span_id} == {call.span_id}
    assert len({call.span_id, first.span_id, second.span_id}) == 3
    assert call.end_time_unix_nano - call.start_time_unix_nano == 1_250_000_000
    assert first.start_time_unix_nano - call.start_time_unix_nano == 125_000_000
    assert second.end_time_unix_nano == call.end_time_unix_nano


def test_a_repeated_attempt_says_the_how_manieth_it_is() -> None:
    _, first, second = (attributes_of(span.attributes) for span in parsed(TracedCall(RECORD)))

    assert "http.request.resend_count" not in first
    assert second["http.request.resend_count"] == 1


@pytest.mark.parametrize(
    ("attempt", "error"),
    [
        (Attempt(start=0.0, duration=0.1, status=200), None),
        (Attempt(start=0.0, duration=0.1, status=404, kind=FailureKind.NOT_FOUND), "404"),
        (Attempt(start=0.0, duration=0.1, status=200, kind=FailureKind.VENDOR_ERROR), "vendor_error"),
        (Attempt(start=0.0, duration=0.1, kind=FailureKind.DNS), "dns"),
    ],
)
def test_an_attempts_error_is_its_status_or_the_kind_of_failure(attempt: Attempt, error: str | None) -> None:
    _, span = parsed(TracedCall(replace(RECORD, attempts=(attempt,))))

    assert attributes_of(span.attributes).get("error.type") == error
    assert span.status.code == (Status.STATUS_CODE_ERROR if error else Status.STATUS_CODE_UNSET)


def test_a_caller_that_went_away_is_no_error() -> None:
    (span,) = parsed(TracedCall(replace(RECORD, kind=FailureKind.CANCELLED, attempts=())))

    assert span.status.code == Status.STATUS_CODE_UNSET
    assert attributes_of(span.attributes)["dialtone.outcome"] == "cancelled"


@pytest.mark.parametrize(
    ("server", "address", "port"),
    [
        ("https://api.github.com", "api.github.com", 443),
        ("http://api.github.com", "api.github.com", 80),
        ("http://[::1]:8080", "::1", 8080),
        ("http://10.0.0.7:4350", "10.0.0.7", 4350),
    ],
)
def test_an_attempt_names_the_server_that_it_went_to(server: str, address: str, port: int) -> None:
    _, span, _ = parsed(TracedCall(replace(RECORD, server=server)))

    found = attributes_of(span.attributes)
    assert (found["server.address"], found["server.port"]) == (address, port)


@pytest.mark.parametrize(
    ("step", "name"),
    [
        ("request", "GET /repos/{owner}/{repo}/issues"),
        ("page-3", "GET /repos/{owner}/{repo}/issues"),
        ("csrf", "GET"),
    ],
)
def test_only_the_actions_own_requests_have_its_path(step: str, name: str) -> None:
    _, span, _ = parsed(TracedCall(replace(RECORD, step=step)))

    assert span.name == name


def test_a_request_is_an_error_from_500_on() -> None:
    codes = [parsed(replace(REQUEST, status=status))[0].status.code for status in (200, 404, 429, 500)]

    assert codes == [0, 0, 0, Status.STATUS_CODE_ERROR]


@given(integration=TEXT, action=TEXT, caller=TEXT, detail=TEXT, code=st.text(max_size=6000))
def test_any_text_makes_spans_that_can_be_read(
    integration: str, action: str, caller: str, detail: str, code: str
) -> None:
    record = replace(
        RECORD, integration=integration, action=action, caller=caller, detail=detail, code=code, step=code
    )

    spans = list(spans_of(TracedCall(record), template=no_template))

    assert [Span.FromString(span).SerializeToString() for span in spans] == spans
