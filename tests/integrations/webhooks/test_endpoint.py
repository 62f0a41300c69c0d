"""What an endpoint reads out of a delivery, how it answers handshakes, and what tells deliveries apart."""

import json
import sys

import msgspec
import pytest

from integrations.credentials.secret import Secret
from integrations.manifest.conditions import Condition, HeaderCondition, JSONCondition
from integrations.manifest.inbound import (
    Handshake,
    Reply,
    Verification,
    WebhookField,
    WebhookMoment,
    Webhooks,
)
from integrations.manifest.inbound_rules import inbound_problems
from integrations.webhooks.endpoint import Verdict
from tests.fakes.modules import unloaded
from tests.integrations.webhooks.deliveries import KEY, NOW, SIGNING, delivery, endpoint_for, sha256, signed

BEARER = Verification(kind="bearer", secret="s")
AUTHORIZED = {"authorization": f"Bearer {KEY}"}
FORM = {"content-type": "application/x-www-form-urlencoded"}


async def judged(webhooks: Webhooks, body: bytes, headers: dict[str, str] | None = None) -> Verdict:
    endpoint = endpoint_for(BEARER, KEY, webhooks=webhooks)
    return await endpoint.judge(delivery(body, {**AUTHORIZED, **(headers or {})}))


def reading(**keys: object) -> Webhooks:
    return msgspec.convert({"verify": BEARER, "type": {"pointer": "/type"}, **keys}, Webhooks)


@pytest.mark.parametrize(
    ("scheme", "is_loaded"),
    [
        ("standard webhooks v1a", True),
        ("discord", True),
        ("standard webhooks", False),
        ("shopify", False),
    ],
)
def test_what_proves_by_public_keys_is_loaded_before_the_first_delivery(
    scheme: str, *, is_loaded: bool
) -> None:
    module = "integrations.webhooks.public_keys"
    with unloaded(module):
        endpoint_for(SIGNING[scheme].verify, SIGNING[scheme].secret)
        assert (module in sys.modules) is is_loaded


@pytest.mark.parametrize(
    ("field", "body", "word"),
    [
        ({"pointer": "/a/b"}, b'{"a": {"b": "x"}}', "x"),
        ({"pointer": "/a"}, b'{"a": 7}', "7"),
        ({"pointer": "/a"}, b'{"a": true}', ""),
        ({"pointer": "/a", "default": "plain"}, b'{"a": null}', "plain"),
        ({"first": ["/a", "/b"]}, b'{"b": "second"}', "second"),
        ({"joined": ["/a", "/b", "/c"]}, b'{"a": "key", "c": "firing"}', "key:firing"),
        ({"header": "X-Type"}, b"no JSON at all", "of-header"),
        ({"default": "always"}, b"no JSON at all", "always"),
        ({"pointer": "/a"}, b'{"a": "li\\nne"}', "li?ne"),
        ({"pointer": "/a"}, json.dumps({"a": "x" * 300}).encode(), "x" * 200),
    ],
)
async def test_a_fact_is_read_where_the_manifest_says(field: object, body: bytes, word: str) -> None:
    verdict = await judged(reading(type=field), body, {"x-type": "of-header"})

    assert (verdict.verdict, verdict.event_type) == ("accepted", word)


async def test_ids_that_only_begin_alike_are_two() -> None:
    begin = "x" * 200
    first, second = [
        await judged(reading(id={"pointer": "/a"}), json.dumps({"a": begin + end}).encode()) for end in "12"
    ]

    assert len(first.webhook_id) == len(second.webhook_id) == 200
    assert first.delivery_key != second.delivery_key


async def test_what_the_items_of_a_list_hold_is_joined() -> None:
    webhooks = reading(type={"list": "/events", "pointer": "/id"})
    bodies = (
        b'{"events": [{"id": "a"}, {"x": 1}, {"id": "b"}]}',
        b'{"events": {"id": "c"}}',
        b'{"events": []}',
    )

    assert [(await judged(webhooks, body)).event_type for body in bodies] == ["a:b", "c", ""]


async def test_a_form_is_read_by_pointers_and_its_payload_as_json() -> None:
    webhooks = reading(type={"first": ["/payload/type", "/command"]})

    plain = await judged(webhooks, b"command=%2Fdeploy&text=now", FORM)
    inner = await judged(webhooks, b"payload=%7B%22type%22%3A%22block_actions%22%7D", FORM)
    broken = await judged(webhooks, b"payload=%7Bbroken&command=x", FORM)

    assert [one.event_type for one in (plain, inner, broken)] == ["/deploy", "block_actions", "x"]


@pytest.mark.parametrize(
    ("body", "headers"),
    [(b"<xml/>", {}), (b"\xff", FORM), (b"&".join([b"a=1"] * 2000), FORM), (b"[" * 100_000, {})],
)
async def test_a_body_that_must_be_read_and_cannot_be_is_malformed(
    body: bytes, headers: dict[str, str]
) -> None:
    verdict = await judged(reading(), body, headers)

    assert (verdict.verdict, verdict.status) == ("malformed", 400)


async def test_slacks_forms_have_no_id_so_what_is_signed_stands_for_it() -> None:
    body = b"token=x&command=%2Fdeploy&trigger_id=1"
    payload = signed(SIGNING["slack"], body)
    payload = msgspec.structs.replace(payload, headers={**payload.headers, **FORM})
    webhooks = Webhooks(
        verify=SIGNING["slack"].verify,
        type=WebhookField(pointer="/command"),
        id=WebhookField(pointer="/event_id"),
    )

    verdict = await endpoint_for(SIGNING["slack"].verify, KEY, webhooks=webhooks).judge(payload)

    assert verdict.verdict == "accepted"
    assert verdict.webhook_id == verdict.delivery_key == sha256(f"v0:{int(NOW)}:".encode() + body)


async def test_an_id_that_is_not_signed_does_not_make_a_signed_body_new() -> None:
    github = SIGNING["github"]
    webhooks = Webhooks(
        verify=github.verify, type=WebhookField(header="x-github-event"), id=WebhookField(header="x-id")
    )
    endpoint = endpoint_for(github.verify, KEY, webhooks=webhooks)
    payload = signed(github)

    one, two = [
        await endpoint.judge(msgspec.structs.replace(payload, headers={**payload.headers, "x-id": name}))
        for name in ("one", "two")
    ]

    assert (one.delivery_key, two.delivery_key) == ("one", "two")
    assert one.content_key == two.content_key == sha256(payload.body)


async def test_another_content_type_does_not_make_a_signed_body_new() -> None:
    """The content type is not signed, and says how the id is read."""
    github = SIGNING["github"]
    webhooks = Webhooks(
        verify=github.verify, type=WebhookField(default="push"), id=WebhookField(pointer="/id")
    )
    endpoint = endpoint_for(github.verify, KEY, webhooks=webhooks)
    payload = signed(github)
    again = msgspec.structs.replace(payload, headers={**payload.headers, **FORM})

    first, second = await endpoint.judge(payload), await endpoint.judge(again)

    assert (first.delivery_key, second.webhook_id) == ("ev-1", sha256(payload.body))
    assert first.content_key == second.content_key == sha256(payload.body)


@pytest.mark.parametrize("method", ["POST", "GET", "HEAD", "OPTIONS", "PUT"])
@pytest.mark.parametrize("key", ["", "wrong"])
async def test_without_its_key_a_url_is_none_of_ours_whatever_is_asked(method: str, key: str) -> None:
    scheme = Verification(kind="key")
    endpoint = endpoint_for(scheme, url_keys=[Secret("right")])
    huge = b"x" * (endpoint.webhooks.max_body + 1)

    verdicts = [await endpoint.judge(delivery(body, method=method, key=key)) for body in (b"{}", huge)]

    assert [(one.verdict, one.status) for one in verdicts] == [("bad_signature", 404)] * 2
    assert (await endpoint.judge(delivery(key="right"))).verdict == "accepted"


@pytest.mark.parametrize(
    ("moment", "lag"),
    [
        ({"pointer": "/at"}, 10.0),
        ({"pointer": "/seconds", "unit": "seconds"}, 4.0),
        ({"pointer": "/ms", "unit": "milliseconds"}, 2.5),
        ({"header": "x-at", "unit": "seconds"}, 1.0),
        ({"pointer": "/ahead", "unit": "seconds"}, 0.0),
        ({"pointer": "/none"}, None),
        ({"pointer": "/nan", "unit": "seconds"}, None),
        ({"pointer": "/nan"}, None),
    ],
)
async def test_the_lag_is_told_by_the_vendors_own_time(moment: object, lag: float | None) -> None:
    body = json.dumps(
        {
            "at": "2027-01-15T07:59:50Z",
            "seconds": NOW - 4,
            "ms": NOW * 1000 - 2500,
            "ahead": NOW + 9,
            "nan": "nan",
        }
    ).encode()

    verdict = await judged(reading(sent_at=moment), body, {"x-at": str(NOW - 1)})

    assert verdict.lag == lag


async def test_without_a_time_of_its_own_the_signed_one_tells_the_lag() -> None:
    slack = SIGNING["slack"]
    payload = msgspec.structs.replace(signed(slack), received_at=NOW + 7)

    assert (await endpoint_for(slack.verify, KEY).judge(payload)).lag == 7.0


async def test_what_is_pinned_must_stand_there() -> None:
    webhooks = reading(pins={"/org": "{config.url|host}"})

    assert (await judged(webhooks, b'{"org": "a.example"}')).verdict == "accepted"
    assert (await judged(webhooks, b'{"org": "b.example"}')).status == 401
    assert (await judged(webhooks, b"{}")).status == 401


HEAD = Handshake(method="HEAD", verified=False)
CLOUD_EVENTS = Handshake(
    method="OPTIONS",
    when=Condition(header=HeaderCondition(name="webhook-request-origin", present=True)),
    echo_headers={"webhook-allowed-origin": "webhook-request-origin"},
    reply=Reply(headers={"webhook-allowed-rate": "120"}),
    verified=False,
)
CHALLENGE = Handshake(
    when=Condition(json=JSONCondition(pointer="/type", equals="url_verification")), echo="/challenge"
)


async def test_handshakes_are_told_by_method_and_condition() -> None:
    endpoint = endpoint_for(BEARER, KEY, handshakes=(HEAD, CLOUD_EVENTS, CHALLENGE))
    asked = {"webhook-request-origin": "eventemitter.example.com"}

    head = await endpoint.judge(delivery(b"", method="HEAD"))
    options = await endpoint.judge(delivery(b"", asked, method="OPTIONS"))
    bare = await endpoint.judge(delivery(b"", method="OPTIONS"))
    get = await endpoint.judge(delivery(b"", method="GET"))
    challenge = await endpoint.judge(
        delivery(b'{"type": "url_verification", "challenge": "abc"}', AUTHORIZED)
    )
    stranger = await endpoint.judge(delivery(b'{"type": "url_verification", "challenge": "abc"}'))

    assert (head.status, head.verdict) == (200, "handshake")
    assert options.headers == {
        "webhook-allowed-rate": "120", "webhook-allowed-origin": "eventemitter.example.com",
    }  # fmt: skip
    assert [bare.status, get.status] == [405, 405]
    assert (challenge.body, challenge.verdict) == ("abc", "handshake")
    assert (stranger.status, stranger.body) == (401, "")


@pytest.mark.parametrize("origin", ["a\x00b", "x" * 300, "ä"])
async def test_nothing_that_is_no_header_is_echoed(origin: str) -> None:
    endpoint = endpoint_for(BEARER, KEY, handshakes=(CLOUD_EVENTS,))

    verdict = await endpoint.judge(delivery(b"", {"webhook-request-origin": origin}, method="OPTIONS"))

    assert "webhook-allowed-origin" not in verdict.headers


@pytest.mark.parametrize(
    "body", [b'{"type": "url_verification"}', b'{"type": "url_verification", "challenge": 7}']
)
async def test_a_challenge_without_a_text_is_malformed(body: bytes) -> None:
    verdict = await endpoint_for(BEARER, KEY, handshakes=(CHALLENGE,)).judge(delivery(body, AUTHORIZED))

    assert (verdict.verdict, verdict.status) == ("malformed", 400)


async def test_headers_that_prove_are_never_kept() -> None:
    webhooks = reading(headers=["X-Extra"], id={"header": "X-Id"})

    kept = endpoint_for(BEARER, KEY, webhooks=webhooks).kept_headers

    assert kept == {"content-type", "user-agent", "x-extra", "x-id"}


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"type": {}}, "exactly one of header, pointer, first, joined"),
        ({"type": {"pointer": "/a", "header": "b"}}, "exactly one of header, pointer, first, joined"),
        ({"type": {"list": "/a"}}, "a pointer beside it"),
        ({"type": {"pointer": "/a", "list": "a"}}, "a JSON Pointer starts with /"),
        ({"type": {"pointer": "a"}}, "a JSON Pointer starts with /"),
        ({"sent_at": {"unit": "iso"}}, "exactly one of header, pointer"),
        ({"verify": {"kind": "hmac"}}, "the name of the secret"),
        ({"verify": {"kind": "token", "secret": "s"}}, "the header that holds the proof"),
        ({"verify": {"kind": "jwt", "jwks": "http://a/", "audience": "b", "hosts": ["a"]}}, "an https URL"),
        ({"verify": {"kind": "jwt", "jwks": "https://a/", "hosts": ["a"]}}, "and an audience"),
        ({"verify": {"kind": "sns"}}, "the hosts that keys may be fetched from"),
        (
            {"verify": {"kind": "hmac", "secret": "s", "header": "h", "timestamp_header": "t"}},
            "{timestamp} in the payload",
        ),
        ({"verify": {"kind": "hmac", "secret": "s", "header": "h", "payload": "{timestamp}"}}, "beside it"),
        (
            {"verify": {"kind": "hmac", "secret": "s", "header": "h", "payload": "{id}"}},
            "an id_header beside",
        ),
        ({"verify": {"kind": "hmac", "secret": "s", "header": "h", "payload": "{boddy}"}}, "fields of body"),
        ({"handshakes": [{}]}, "a condition that tells this POST"),
        ({"handshakes": [{"method": "HEAD", "fetch": "/url", "verified": False}]}, "a verified handshake"),
        (
            {"handshakes": [{"when": {"json": {"pointer": "/a", "exists": True}}, "verified": False}]},
            "verified like any delivery",
        ),
        ({"accepted": {"status": 500}}, "a status from 200 to 299"),
        ({"accepted": {"json": {}, "text": "x"}}, "one of them"),
        ({"window": 3_000_000}, "so long deliveries are kept"),
    ],
)
def test_a_manifest_that_could_let_strangers_in_or_lose_facts_is_refused(
    keys: dict[str, object], said: str
) -> None:
    found = [expected for _, _, expected in inbound_problems(reading(**keys))]

    assert any(said in expected for expected in found), found


def test_a_good_manifest_has_no_problems() -> None:
    webhooks = reading(handshakes=[CHALLENGE, HEAD, CLOUD_EVENTS], sent_at=WebhookMoment(pointer="/at"))

    assert list(inbound_problems(webhooks)) == []
