import json

import httpx
import pytest

from integrations.connection import Connection
from integrations.credentials.secret import Secret
from integrations.errors import ConfigurationError
from integrations.execution.outcome import FailureKind, Outcome
from integrations.execution.policy import Policy, RetryPolicy
from tests.fakes.framework import SECRET, RecordingVendor, framework_for

ONCE = Policy(retry=RetryPolicy(attempts=1))


async def checked(
    answer: httpx.Response | Exception, *, auth: str = "", **config: object
) -> tuple[Outcome, RecordingVendor]:
    def handler(_: httpx.Request) -> httpx.Response:
        if isinstance(answer, Exception):
            raise answer
        return answer

    vendor = RecordingVendor(handler=handler)
    framework = framework_for(vendor)
    secrets = {"token": Secret(SECRET)} if auth == "bearer" else {}
    framework.register_integration(
        Connection(
            id="shop", vendor="http", config={"url": "https://shop.example/health?x=1", **config}, auth=auth,
            secrets=secrets, policy=ONCE,
        )
    )  # fmt: skip
    return await framework.run_check(framework.checks("shop")[0], timeout=2.0), vendor


async def test_a_2xx_is_good_by_default() -> None:
    outcome, vendor = await checked(httpx.Response(204))

    assert outcome.ok
    assert (vendor.requests[0].method, str(vendor.requests[0].url)) == (
        "GET",
        "https://shop.example/health?x=1",
    )


@pytest.mark.parametrize("status", [301, 404, 500, 503])
async def test_another_status_says_what_was_seen(status: int) -> None:
    outcome, _ = await checked(httpx.Response(status))

    assert (outcome.kind, outcome.detail) == (FailureKind.EXPECTATION, f"status was {status}, wanted 2xx")


async def test_the_configured_request_is_sent() -> None:
    _, vendor = await checked(
        httpx.Response(200), method="POST", headers={"X-Probe": "yes"}, body='{"ping": 1}', auth="bearer"
    )

    request = vendor.requests[0]
    assert (request.method, json.loads(request.content)) == ("POST", {"ping": 1})
    assert request.headers["x-probe"] == "yes"
    assert request.headers["authorization"] == f"Bearer {SECRET}"


async def test_a_status_that_is_expected_is_good_whatever_it_is() -> None:
    outcome, _ = await checked(httpx.Response(503), expect={"status": [503]})

    assert outcome.ok


@pytest.mark.parametrize(
    ("expect", "detail"),
    [
        ({"json": {"pointer": "/status", "equals": "ok"}}, 'json /status was "degraded", wanted "ok"'),
        (
            {"header": {"name": "x-version", "matches": "^2"}},
            'header x-version was "1.4", wanted a match of ^2',
        ),
        ({"body": {"contains": "all good"}}, 'the body does not contain "all good"'),
        ({"all": [{"status": [200]}, {"latency_below": 0}]}, "latency was 0 s, wanted below 0 s"),
        (
            {"any": [{"status": [204]}, {"json": {"pointer": "/n", "more_than": 5}}]},
            "none of these was met: status was 200, wanted 204; json /n was 3, wanted more than 5",
        ),
    ],
    ids=str,
)
async def test_a_failed_condition_is_named_with_what_was_seen(expect: dict[str, object], detail: str) -> None:
    answer = httpx.Response(200, json={"status": "degraded", "n": 3}, headers={"x-version": "1.4"})

    outcome, _ = await checked(answer, expect=expect)

    assert (outcome.kind, outcome.detail) == (FailureKind.EXPECTATION, detail)


async def test_what_was_seen_never_holds_the_credential() -> None:
    echo = httpx.Response(200, json={"sent": "x" * 20 + SECRET})

    outcome, _ = await checked(
        echo, auth="bearer", expect={"json": {"pointer": "/sent", "equals": "nothing"}}
    )

    assert outcome.detail == 'json /sent was "xxxxxxxxxxxxxxxxxxxx***", wanted "nothing"'


async def test_throttling_and_a_refused_credential_keep_their_kind() -> None:
    throttled, _ = await checked(httpx.Response(429, headers={"retry-after": "30"}))
    refused, _ = await checked(httpx.Response(401), auth="bearer")

    assert (throttled.kind, throttled.retry_after) == (FailureKind.THROTTLED, 30.0)
    assert refused.kind is FailureKind.UNAUTHORIZED
    assert refused.detail.startswith("status was 401, wanted 2xx")


async def test_no_answer_is_no_expectation() -> None:
    outcome, _ = await checked(httpx.ConnectTimeout("no answer"))

    assert outcome.kind is FailureKind.TIMEOUT


async def test_fetch_returns_the_text() -> None:
    framework = framework_for(RecordingVendor(httpx.Response(200, text="hello")))
    framework.register_integration(
        Connection(id="shop", vendor="http", config={"url": "https://shop.example/"})
    )

    outcome = await framework.execute_integration("shop", "fetch", {})

    assert (outcome.ok, outcome.data) == (True, "hello")


@pytest.mark.parametrize(
    "headers",
    [{"x-a": "b\r\nx-evil: 1"}, {"x-a\r\nx-evil": "1"}, {"x a": "1"}, {"": "1"}, {"x-a": "é"}, {"x-ä": "1"}],
)
def test_headers_that_cannot_be_sent_are_refused_when_it_is_configured(headers: dict[str, str]) -> None:
    framework = framework_for(RecordingVendor(httpx.Response(200)))

    with pytest.raises(ConfigurationError, match=r"config\.headers"):
        framework.register_integration(
            Connection(id="shop", vendor="http", config={"url": "https://shop.example", "headers": headers})
        )


@pytest.mark.parametrize(
    ("method", "times"), [("GET", 3), ("HEAD", 3), ("PUT", 3), ("DELETE", 3), ("POST", 1), ("PATCH", 1)]
)
async def test_a_method_that_may_be_repeated_is_tried_again(method: str, times: int) -> None:
    vendor = RecordingVendor(httpx.Response(503))
    framework = framework_for(vendor)
    framework.register_integration(
        Connection(id="shop", vendor="http", config={"url": "https://shop.example", "method": method})
    )

    await framework.execute_integration("shop", "fetch", {})

    assert len(vendor.requests) == times


async def test_a_key_goes_into_its_header() -> None:
    vendor = RecordingVendor(httpx.Response(200))
    framework = framework_for(vendor)
    framework.register_integration(
        Connection(
            id="shop", vendor="http", config={"url": "https://a.example"}, auth="key",
            secrets={"key": Secret(SECRET)},
        )
    )  # fmt: skip

    await framework.execute_integration("shop", "fetch", {})

    assert vendor.requests[0].headers["x-api-key"] == SECRET
