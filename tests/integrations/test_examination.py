"""What a debug answer shows of a check, and what it never shows."""

import base64

import httpx
import msgspec
import pytest

from integrations.connection import Connection
from integrations.credentials.secret import Secret
from integrations.examination import Examination
from integrations.execution.outcome import FailureKind
from integrations.execution.shown import MOST_BODY, shown_body, shown_headers, shown_url, sounds_secret
from tests.fakes.framework import RecordingVendor, framework_for

CANARY = "canary-7f3a91c0d2e84b56"


async def examine(
    *answers: httpx.Response,
    expect: object = None,
    url: str = "https://shop.example/health",
    **fields: object,
) -> Examination:
    config = {"url": url} if expect is None else {"url": url, "expect": expect}
    framework = framework_for(RecordingVendor(*answers))
    framework.register_integration(Connection(id="shop", vendor="http", config=config, **fields))
    examination = Examination()
    (check,) = framework.checks("shop")
    await framework.run_check(check, timeout=5.0, cold=True, examination=examination)
    return examination


async def test_request_and_answer_are_shown() -> None:
    answer = httpx.Response(200, text="all is well", headers={"x-served-by": "a1"})

    (exchange,) = (await examine(answer)).exchanges

    assert exchange.request.method == "GET"
    assert exchange.request.url == "https://shop.example/health"
    assert exchange.answer.status == 200
    assert exchange.answer.headers["x-served-by"] == "a1"
    assert exchange.answer.body == "all is well"
    assert (exchange.kind, exchange.rule) == (None, "plain HTTP")


async def test_every_part_of_a_condition_is_told_with_what_was_found() -> None:
    expect = {
        "all": [
            {"status": ["5xx"]},
            {"header": {"name": "X-Served-By", "equals": "a1"}},
            {"any": [{"json": {"pointer": "/ok", "equals": True}}, {"body": {"contains": "well"}}]},
            {"not": {"json": {"pointer": "/gone", "exists": True}}},
            {"latency_below": 5},
        ]
    }
    answer = httpx.Response(200, json={"ok": False, "say": "well"}, headers={"x-served-by": "a1"})

    examination = await examine(answer, expect=expect)

    found = [(one.depth, one.held, one.found) for one in examination.findings.all]
    assert [(depth, held) for depth, held, _ in found] == [
        (0, False),
        (1, False),
        (1, True),
        (1, True),
        (2, False),
        (2, True),
        (1, True),
        (2, False),
        (1, True),
    ]
    assert [text for _, _, text in found[1:3]] == ["200", '"a1"']
    assert found[4][2] == "false"
    assert found[7][2] == "absent"
    assert examination.outcome.kind is FailureKind.EXPECTATION
    assert examination.exchanges[0].rule == "config.expect"


async def test_what_was_held_and_what_was_not_agrees_with_the_verdict() -> None:
    examination = await examine(httpx.Response(200, text="x"), expect={"body": {"contains": "x"}})

    assert [one.held for one in examination.findings.all] == [True]
    assert examination.outcome.ok


async def test_a_failed_connection_still_shows_the_request() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    framework = framework_for(refuse)
    framework.register_integration(
        Connection(id="shop", vendor="http", config={"url": "https://shop.example/health"})
    )
    examination = Examination()

    await framework.run_check(framework.checks("shop")[0], timeout=5.0, examination=examination)

    (exchange,) = examination.exchanges
    assert (exchange.answer, exchange.kind) == (None, FailureKind.CONNECTION)
    assert exchange.request.url == "https://shop.example/health"


@pytest.mark.parametrize(
    ("auth", "secrets", "sent"),
    [
        pytest.param("basic", {"username": "user", "password": CANARY}, None, id="basic"),
        pytest.param("key", {"key": CANARY}, CANARY, id="key"),
        pytest.param("bearer", {"token": CANARY}, CANARY, id="bearer"),
    ],
)
async def test_no_secret_is_shown_though_the_vendor_quotes_it_everywhere(
    auth: str, secrets: dict[str, str], sent: str | None
) -> None:
    form = sent or base64.b64encode(f"user:{CANARY}".encode()).decode()
    answer = httpx.Response(
        200,
        json={"you": form, "slashed": f"{form}/x", "plain": CANARY},
        headers={"x-echo": form, "set-cookie": "session=abc", "location": f"https://a.example/?t={form}"},
    )

    examination = await examine(
        answer,
        auth=auth,
        expect={"json": {"pointer": "/you", "equals": CANARY}},
        secrets={name: Secret(value) for name, value in secrets.items()},
    )

    shown = msgspec.json.encode([examination.exchanges, examination.findings.all])
    assert CANARY.encode() not in shown
    assert form.encode() not in shown
    assert b"session=abc" not in shown
    assert examination.exchanges[0].answer.headers["set-cookie"] == "***"


@pytest.mark.parametrize("name", ["api_key", "x"])
async def test_a_key_in_the_query_of_a_configured_url_is_shown_nowhere(name: str) -> None:
    answer = httpx.Response(500, text=f"cannot handle /q?{name}={CANARY}")

    examination = await examine(answer, url=f"https://shop.example/q?{name}={CANARY}")

    assert CANARY.encode() not in msgspec.json.encode([examination.exchanges, examination.findings.all])
    assert examination.exchanges[0].request.url == f"https://shop.example/q?{name}=***"


def test_only_the_beginning_of_a_body_is_shown_and_no_half_of_a_secret() -> None:
    body = b"a" * (MOST_BODY - 4) + b"SECRETSECRET"

    shown = shown_body(body, "text/plain", lambda text: text.replace("SECRETSECRET", "***"))

    assert "SECR" not in shown
    assert len(shown_body(b"x" * 99_999, "text/plain", str)) < MOST_BODY + 50


def test_of_a_binary_body_only_its_length_is_told() -> None:
    assert shown_body(b"\x89PNG\x00\xff", "image/png", str) == "(binary, 6 bytes)"


def test_a_body_whose_json_escapes_slashes_shows_no_secret() -> None:
    shown = shown_body(b'{"t":"ab\\/cd"}', "application/json", lambda text: text.replace("ab/cd", "***"))

    assert shown == '{"t":"***"}'


@pytest.mark.parametrize(
    "name",
    ["Authorization", "cookie", "Set-Cookie", "X-API-Key", "api_key", "access_token", "X-Hub-Signature-256",
     "client_secret", "X-Amz-Security-Token", "sig", "code", "session_id"],
)  # fmt: skip
def test_names_of_secrets_are_known(name: str) -> None:
    assert sounds_secret(name)
    assert shown_headers({name: "abc"}, str) == {name.lower(): "***"}


@pytest.mark.parametrize(
    "name",
    ["content-type", "date", "x-ratelimit-remaining", "server", "etag", "design", "page", "retry-after"],
)
def test_harmless_names_are_shown(name: str) -> None:
    assert not sounds_secret(name)


def test_a_url_is_shown_without_user_and_password() -> None:
    url = httpx.URL("https://user:pass@shop.example:8443/a%20b?q=1&token=t")

    assert shown_url(url) == "https://shop.example:8443/a b?q=1&token=***"
