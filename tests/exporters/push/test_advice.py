"""What a trial tells to do: the key to change and the thing to look at, by what went wrong."""

import httpx
import pytest

from exporters.push.advice import CUT, PROXY_FAILED, advice
from exporters.push.exporter import Reply
from integrations.execution.failure import translate
from integrations.execution.outcome import FailureKind

NAMES = (
    "otlp",
    "otlp-traces",
    "otlp-logs",
    "datadog",
    "datadog-events",
    "newrelic",
    "newrelic-events",
)
URL = "https://intake.example.com/v1/metrics"
CANARY = "canary-8841"


def told(name: str, status: int | None, *, body: bytes = b"", kind: FailureKind | None = None) -> str:
    return advice(name, URL, Reply(status, body=body, kind=kind), has_proxy=False)


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        (FailureKind.DNS, "does not know the name intake.example.com"),
        (FailureKind.CONNECTION, "No connection to intake.example.com, port 443"),
        (FailureKind.TLS, "network.ca_file"),
        (FailureKind.TIMEOUT, "intake.example.com, port 443, takes too long"),
    ],
)
@pytest.mark.parametrize("name", NAMES)
def test_a_failure_on_the_way_names_what_to_look_at(name: str, kind: FailureKind, says: str) -> None:
    found = told(name, None, kind=kind)

    assert says in found
    assert ("HTTPS_PROXY is not read" in found) == (kind is not FailureKind.TLS)


@pytest.mark.parametrize(
    ("ending", "says"),
    [
        ("", "It is about network.proxy: does it run there, and does it let intake.example.com through?"),
        (": status 407", "write user and password into network.proxy"),
    ],
)
def test_a_proxy_that_fails_is_all_that_is_told_of(ending: str, says: str) -> None:
    failure = translate(httpx.ProxyError("")).detail
    assert failure.startswith(PROXY_FAILED)
    reply = Reply(None, failure=f"{PROXY_FAILED}{ending}", kind=FailureKind.CONNECTION)

    found = advice("newrelic", URL, reply, has_proxy=True)

    assert says in found
    assert "port 443" not in found


@pytest.mark.parametrize("error", [httpx.ReadError(""), ConnectionResetError(104, "reset")])
@pytest.mark.parametrize("has_proxy", [True, False])
def test_who_hangs_up_was_reached(error: Exception, *, has_proxy: bool) -> None:
    failure = translate(error)
    assert failure.detail.startswith(CUT)
    reply = Reply(None, failure=failure.detail, kind=failure.kind)

    found = advice("datadog", URL, reply, has_proxy=has_proxy)

    assert "was reached and hung up" in found
    assert ("network.proxy" in found) is has_proxy
    assert "No connection" not in found
    assert "firewall" not in found


@pytest.mark.parametrize(
    "reply",
    [
        Reply(None, failure=CUT, kind=FailureKind.CONNECTION),
        Reply(None, failure="the answer is not valid HTTP", kind=FailureKind.MALFORMED),
    ],
    ids=["hangs up", "no HTTP"],
)
def test_the_port_of_grpc_is_named_where_something_else_than_http_answers(reply: Reply) -> None:
    url = "http://collector:4317/v1/metrics"

    assert "4317 is that of gRPC" in advice("otlp", url, reply, has_proxy=False)
    assert "gRPC" not in advice("newrelic", url, reply, has_proxy=False)


def test_a_proxy_that_is_set_is_part_of_the_way() -> None:
    reply = Reply(None, kind=FailureKind.CONNECTION)

    found = advice("otlp", "http://collector:4318/v1/metrics", reply, has_proxy=True)

    assert "No connection to collector, port 4318" in found
    assert "Requests go over network.proxy: does it run, and does it let collector through?" in found


@pytest.mark.parametrize("url", ["udp://127.0.0.1:8125", "unix:///run/datadog/dsd.socket"])
def test_an_agent_that_does_not_listen_is_asked_for(url: str) -> None:
    assert "Does a Datadog Agent listen there" in advice("datadog", url, Reply(None), has_proxy=False)


@pytest.mark.parametrize(
    ("name", "status", "says"),
    [
        ("otlp", 401, "exporters.otlp.headers"),
        ("otlp-traces", 404, "/v1/metrics, /v1/traces and /v1/logs are added"),
        ("otlp", 405, "exporters.otlp.endpoint must be the base"),
        ("datadog", 403, "not an application key"),
        ("datadog", 404, "exporters.datadog.url must be the base"),
        ("newrelic", 403, "a license key (Ingest - License) of the region"),
        ("newrelic", 404, "the whole address, such as http://proxy:8080/metric/v1"),
        ("newrelic-events", 403, "of account_id"),
        ("newrelic-events", 404, "account_id must be the account"),
        ("otlp", 302, "redirects, which is not followed"),
        ("otlp", 400, "a fault of Dialtone: please report it"),
        ("newrelic", 407, "user and password into network.proxy"),
        ("datadog", 413, "too large"),
        ("otlp", 415, "another format"),
        ("newrelic", 429, "nothing is wrong here"),
        ("datadog", 503, "nothing is wrong here, and data waits"),
        ("otlp", 418, "Is the address that of such an intake (exporters.otlp.endpoint)?"),
    ],
)
def test_an_answer_that_refuses_names_the_key_to_change(name: str, status: int, says: str) -> None:
    assert says in told(name, status)


@pytest.mark.parametrize("name", NAMES)
def test_every_refusal_has_words(name: str) -> None:
    silent = [status for status in (100, *range(300, 600)) if not told(name, status).endswith((".", "?"))]

    assert silent == []


def test_new_relic_is_asked_what_it_kept() -> None:
    metrics = told("newrelic", 202, body=b'{"requestId":"f0e7-01"}')
    events = told("newrelic-events", 200, body=b'{"success":true, "uuid":"c1"}')

    query = "FROM NrIntegrationError SELECT message WHERE requestId = '{}' SINCE 10 minutes ago."
    assert metrics.endswith(query.format("f0e7-01"))
    assert events.endswith(query.format("c1"))
    assert "FROM DialtoneTrial SELECT *" in events


@pytest.mark.parametrize("body", [b"", b"\xff", b'{"requestId":"x\' OR 1"}', b'{"requestId":7}'])
def test_an_id_that_is_none_is_left_out_of_the_query(body: bytes) -> None:
    found = told("newrelic", 202, body=body)

    assert found.endswith("FROM NrIntegrationError SELECT message SINCE 10 minutes ago.")


@pytest.mark.parametrize("name", NAMES)
def test_a_web_page_in_the_place_of_an_intake_is_told(name: str) -> None:
    assert "a web page and not the intake" in told(name, 200, body=b"\n<!DOCTYPE html><title>Sign in")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("status", [None, 200, 302, 400, 403, 500])
def test_nothing_of_the_answer_gets_into_the_advice(name: str, status: int | None) -> None:
    assert CANARY not in told(name, status, body=f'{{"error":"{CANARY}"}}'.encode())
