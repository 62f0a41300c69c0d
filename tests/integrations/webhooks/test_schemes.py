"""Each scheme there is: what its vendor sends passes, and one changed byte of it does not."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.credentials.secret import Secret
from integrations.errors import ConfigurationError
from integrations.manifest.inbound import Verification, WebhookField, Webhooks
from integrations.webhooks.policy import WebhookPolicy
from integrations.webhooks.refusals import BadSignatureError, StaleError
from integrations.webhooks.verify import verify
from tests.integrations.webhooks.deliveries import (
    BODY,
    CARRYING,
    KEY,
    NOW,
    SIGNING,
    Scheme,
    b64,
    delivery,
    digest,
    endpoint_for,
    signed,
)

ALL = {**SIGNING, **CARRYING}
TIMED = [name for name, one in SIGNING.items() if "timestamp" in str(one.sign(b"", "1")) or name == "stripe"]


async def verdict_of(scheme: Scheme, payload: object, *secrets: str) -> str:
    endpoint = endpoint_for(scheme.verify, *(secrets or (scheme.secret,)))
    return (await endpoint.judge(payload)).verdict  # type: ignore[arg-type]  # what `delivery` made


@pytest.mark.parametrize("name", ALL)
async def test_what_the_vendor_sends_is_accepted(name: str) -> None:
    assert await verdict_of(ALL[name], signed(ALL[name])) == "accepted"


@pytest.mark.parametrize("name", ALL)
async def test_another_secret_refuses_and_no_secret_too(name: str) -> None:
    scheme = ALL[name]
    other = ("whsec_" if "whsec" in scheme.secret else "") + b64(b"another secret of thirty-two byt")

    assert await verdict_of(scheme, signed(scheme), other) == "bad_signature"
    assert (await endpoint_for(scheme.verify).judge(signed(scheme))).verdict == "unverifiable"


@pytest.mark.parametrize("name", ALL)
async def test_the_previous_secret_counts_as_well(name: str) -> None:
    scheme = ALL[name]
    new = ("whsec_" if "whsec" in scheme.secret else "") + b64(b"another secret of thirty-two byt")

    assert await verdict_of(scheme, signed(scheme), new, scheme.secret) == "accepted"


@pytest.mark.parametrize("name", ALL)
async def test_without_its_headers_a_delivery_is_refused(name: str) -> None:
    assert await verdict_of(ALL[name], delivery()) == "bad_signature"


@pytest.mark.parametrize("name", SIGNING)
@given(data=st.data())
def test_one_changed_byte_of_what_is_signed_or_of_the_signature_is_refused(
    name: str, data: st.DataObject
) -> None:
    scheme = SIGNING[name]
    payload = signed(scheme)
    header = data.draw(st.sampled_from(["body", *payload.headers]))
    given_bytes = payload.body if header == "body" else payload.headers[header].encode()
    place = data.draw(st.integers(0, len(given_bytes) - 1))
    byte = data.draw(st.integers(0x21, 0x7E).filter(lambda one: one != given_bytes[place]))
    changed = given_bytes[:place] + bytes([byte]) + given_bytes[place + 1 :]
    if header == "body":
        payload = msgspec.structs.replace(payload, body=changed)
    elif is_ignored(name, header, place, changed):
        return
    else:
        headers = {**payload.headers, header: changed.decode()}
        payload = msgspec.structs.replace(payload, headers=headers)

    with pytest.raises((BadSignatureError, StaleError)):
        verify(scheme.verify, payload, [Secret(scheme.secret)])


def is_ignored(name: str, header: str, place: int, changed: bytes) -> bool:
    """What the vendor means to be passed over in a header: a signature by another key or version."""
    if name == "pagerduty":
        return place < len("v1=") + 64 or changed[67:68] != b","
    if name == "stripe" and header == "stripe-signature":
        return place >= len(f"t={int(NOW)},v1=") + 64
    return False


@pytest.mark.parametrize("name", TIMED)
async def test_a_signed_time_outside_the_tolerance_is_stale(name: str) -> None:
    payload = signed(SIGNING[name])

    for off, verdict in ((299, "accepted"), (301, "stale"), (-299, "accepted"), (-301, "stale")):
        late = msgspec.structs.replace(payload, received_at=NOW + off)
        assert await verdict_of(SIGNING[name], late) == verdict


def test_every_scheme_with_a_signed_time_is_tried() -> None:
    assert {"slack", "stripe", "svix", "discord", "zendesk", "standard webhooks"} <= set(TIMED)


async def test_twilios_form_is_signed_with_its_fields_in_order() -> None:
    scheme = Verification(
        kind="hmac", secret="s", header="x-twilio-signature", algorithm="sha1", encoding="base64",
        payload="{url}{form}",
    )  # fmt: skip
    body, url = b"To=%2B15&CallSid=CA1&From=%2B14", "https://example.com/hook?a=1"
    text = url + "CallSidCA1From+14To+15"
    headers = {
        "x-twilio-signature": b64(digest(text.encode(), algorithm="sha1")),
        "content-type": "application/x-www-form-urlencoded",
    }
    webhooks = Webhooks(verify=scheme, type=WebhookField(default="call"), id=WebhookField(pointer="/CallSid"))

    verdict = await endpoint_for(scheme, KEY, webhooks=webhooks).judge(delivery(body, headers, url=url))
    wrong = await endpoint_for(scheme, KEY, webhooks=webhooks).judge(delivery(body + b"1", headers, url=url))

    assert (verdict.verdict, verdict.webhook_id) == ("accepted", "CA1")
    assert wrong.verdict == "bad_signature"


async def test_the_url_that_is_signed_is_the_one_the_operator_gives() -> None:
    scheme = SIGNING["trello"]
    payload = msgspec.structs.replace(signed(scheme), url="http://10.0.0.7:4350/v2/webhooks/it")
    policy = WebhookPolicy(url=signed(scheme).url)

    assert (await endpoint_for(scheme.verify, KEY, policy=policy).judge(payload)).verdict == "accepted"
    assert await verdict_of(scheme, payload) == "bad_signature"


async def test_a_signed_body_and_timestamp_do_not_pass_as_a_body_without_one() -> None:
    timed, plain = SIGNING["grafana with a timestamp"], SIGNING["grafana"]
    webhooks = Webhooks(
        verify=plain.verify, schemes={"timestamped": timed.verify}, type=WebhookField(default="alert")
    )
    headers = timed.sign(BODY, str(int(NOW)))
    moved = delivery(f"{int(NOW)}:".encode() + BODY, {k: v for k, v in headers.items() if "time" not in k})
    endpoint = endpoint_for(plain.verify, KEY, webhooks=webhooks, policy=WebhookPolicy(scheme="timestamped"))

    assert (await endpoint.judge(delivery(BODY, headers))).verdict == "accepted"
    assert (await endpoint.judge(moved)).verdict == "bad_signature"


async def test_a_header_that_the_vendor_lets_one_name_is_the_operators() -> None:
    scheme = SIGNING["grafana with a timestamp"]
    policy = WebhookPolicy(header="X-Mine", timestamp_header="X-Mine-Time")
    given = dict(zip(("x-mine", "x-mine-time"), scheme.sign(BODY, str(int(NOW))).values(), strict=True))

    verdict = await endpoint_for(scheme.verify, KEY, policy=policy).judge(delivery(BODY, given))

    assert verdict.verdict == "accepted"


@pytest.mark.parametrize(
    ("policy", "key"),
    [(WebhookPolicy(scheme="hmca"), "webhooks.scheme"), (WebhookPolicy(scheme="token"), "webhooks.header")],
)
def test_a_scheme_that_cannot_be_used_is_refused_at_once(policy: WebhookPolicy, key: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        endpoint_for(Verification(kind="key"), policy=policy)

    assert error.value.key == key


def test_a_vendor_that_signs_offers_no_weaker_way() -> None:
    with pytest.raises(ConfigurationError, match="expected one of hmac"):
        endpoint_for(SIGNING["github"].verify, KEY, policy=WebhookPolicy(scheme="bearer"))


async def test_the_key_in_the_url_opens_and_nothing_else_does() -> None:
    keys = (Secret("k" * 43), Secret("p" * 43))
    endpoint = endpoint_for(Verification(kind="key"), url_keys=keys)

    answers = [(await endpoint.judge(delivery(key=key))) for key in ("k" * 43, "p" * 43, "x" * 43, "")]

    assert [(one.verdict, one.status) for one in answers] == [
        ("accepted", 202), ("accepted", 202), ("bad_signature", 404), ("bad_signature", 404),
    ]  # fmt: skip


async def test_before_a_key_is_made_the_url_takes_nothing() -> None:
    verdict = await endpoint_for(Verification(kind="key")).judge(delivery(key=""))

    assert verdict.verdict == "bad_signature"
