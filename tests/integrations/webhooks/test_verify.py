"""Official vectors of vendors, and every way in which a proof may fail."""

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.credentials.secret import Secret
from integrations.manifest.inbound import Verification
from integrations.webhooks.payload import InboundWebhook
from integrations.webhooks.refusals import BadSignatureError, StaleError
from integrations.webhooks.verify import verify
from tests.fakes.framework import CATALOG

BODY = b'{"test": 2432232314}'
STANDARD = Verification(kind="standard_webhooks", secret="s")
STANDARD_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
STANDARD_SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
OTHER_SIGNATURE = "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc="
SENT = 1614265330
GITHUB_SECRET = "It's a Secret to Everybody"
GITHUB_DIGEST = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
JIRA_DIGEST = "a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9"
SLACK_SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
SLACK_BODY = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
    b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
    b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
    b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)
SLACK_SIGNATURE = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"


def of(vendor: str) -> Verification:
    webhooks = CATALOG.manifest(vendor).webhooks
    assert webhooks is not None
    return webhooks.verify


def delivery(
    body: bytes, headers: dict[str, str], *, now: float = SENT, url: str = "https://us/hook"
) -> InboundWebhook:
    return InboundWebhook(body=body, headers=headers, method="POST", url=url, received_at=now)


def standard(signature: str = STANDARD_SIGNATURE, *, now: float = SENT, **changes: str) -> InboundWebhook:
    headers = {
        "Webhook-Id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "Webhook-Timestamp": str(SENT),
        "Webhook-Signature": signature,
    } | {name.replace("_", "-"): value for name, value in changes.items()}
    return delivery(BODY, headers, now=now)


def refused(scheme: Verification, payload: InboundWebhook, *secrets: str) -> str:
    with pytest.raises((BadSignatureError, StaleError)) as error:
        verify(scheme, payload, [Secret(secret) for secret in secrets])
    return str(error.value)


@pytest.mark.parametrize(
    ("secret", "body", "signature"),
    [
        (GITHUB_SECRET, b"Hello, World!", GITHUB_DIGEST),
        ("mysecret", b'{"foo":"bar"}', "4864d2759938a15468b5df9ade20bf161da9b4f737ea61794142f3484236bda3"),
        (GITHUB_SECRET, b"Hello World!", JIRA_DIGEST),
    ],
    ids=["GitHub", "octokit", "Jira and Bitbucket"],
)  # fmt: skip
def test_githubs_vectors(secret: str, body: bytes, signature: str) -> None:
    payload = delivery(body, {"X-Hub-Signature-256": f"sha256={signature}"})

    verify(of("github"), payload, [Secret(secret)])

    assert refused(of("github"), delivery(body + b" ", payload.headers), secret) == "no signature fits"
    assert refused(of("github"), payload, secret + "x") == "no signature fits"


@pytest.mark.parametrize(
    "header",
    [
        "",
        "sha256=",
        "sha1=757107ea",
        GITHUB_DIGEST,
        "sha256=ä",
        "sha256=" + "0" * 64,
    ],
)
def test_what_is_no_signature_of_githubs_is_refused(header: str) -> None:
    refused(
        of("github"),
        delivery(b"Hello, World!", {"x-hub-signature-256": header}),
        GITHUB_SECRET,
    )
    refused(of("github"), delivery(b"Hello, World!", {}), GITHUB_SECRET)


def test_slacks_vector() -> None:
    headers = {"X-Slack-Signature": SLACK_SIGNATURE, "X-Slack-Request-Timestamp": "1531420618"}

    verify(of("slack"), delivery(SLACK_BODY, headers, now=1531420618 + 299), [Secret(SLACK_SECRET)])

    stale = refused(of("slack"), delivery(SLACK_BODY, headers, now=1531420618 + 301), SLACK_SECRET)
    assert stale == "the timestamp is 301 s off, 300 s are tolerated"
    refused(of("slack"), delivery(SLACK_BODY, headers, now=1531420618 - 301), SLACK_SECRET)
    moved = {**headers, "X-Slack-Request-Timestamp": "1531420619"}
    assert (
        refused(of("slack"), delivery(SLACK_BODY, moved, now=1531420618), SLACK_SECRET) == "no signature fits"
    )
    for word in ("", "soon", "-1", "1e9", "1531420618 "):
        refused(
            of("slack"), delivery(SLACK_BODY, {**headers, "X-Slack-Request-Timestamp": word}), SLACK_SECRET
        )


@pytest.mark.parametrize(
    "signature",
    [
        STANDARD_SIGNATURE,
        f"{OTHER_SIGNATURE} v2,xx {STANDARD_SIGNATURE} {OTHER_SIGNATURE}",
    ],
)
def test_the_vectors_of_standard_webhooks(signature: str) -> None:
    verify(STANDARD, standard(signature), [Secret(STANDARD_SECRET)])
    verify(STANDARD, standard(signature), [Secret(STANDARD_SECRET.removeprefix("whsec_"))])


@pytest.mark.parametrize(
    "signature",
    [
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OA=",
        "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        "v1,",
        " ",
        " ".join(["v1,x"] * 40 + [STANDARD_SIGNATURE]),
    ],
)
def test_the_vectors_that_must_fail(signature: str) -> None:
    assert refused(STANDARD, standard(signature), STANDARD_SECRET) == "no signature fits"


@pytest.mark.parametrize("change", [{"webhook_id": "msg.1"}, {"webhook_id": ""}, {"webhook_timestamp": ""}])
def test_a_header_that_is_needed_and_wrong_refuses(change: dict[str, str]) -> None:
    payload = standard()
    headers = {name.lower(): value for name, value in payload.headers.items()}
    headers |= {name.replace("_", "-"): value for name, value in change.items()}

    refused(STANDARD, delivery(BODY, headers), STANDARD_SECRET)


@pytest.mark.parametrize("off", [301, -301])
def test_a_timestamp_is_tolerated_both_ways(off: int) -> None:
    verify(STANDARD, standard(now=SENT + off * 299 / 301), [Secret(STANDARD_SECRET)])
    with pytest.raises(StaleError):
        verify(STANDARD, standard(now=SENT + off), [Secret(STANDARD_SECRET)])


@pytest.mark.parametrize("padding", ["", "="])
def test_an_unpadded_secret_is_the_padded_one(padding: str) -> None:
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS=")
    message = f"msg_p5jXN8AQM9LWM0D4loKWxJek.{SENT}.".encode() + BODY
    signature = "v1," + base64.b64encode(hmac.digest(key, message, hashlib.sha256)).decode()

    verify(STANDARD, standard(signature), [Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS" + padding)])


@pytest.mark.parametrize(
    ("secrets", "said"),
    [
        ((), "no secret is configured"),
        (("",), "no secret is configured"),
        (("whsec_",), "the secret is empty"),
        (("whsec_$$$$",), "the secret is not base64"),
    ],
)
def test_without_a_usable_secret_everything_is_refused(secrets: tuple[str, ...], said: str) -> None:
    assert refused(STANDARD, standard(), *secrets) == said


def test_the_vector_of_svix_with_ed25519() -> None:
    signature = "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="
    public = Secret("whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=")

    verify(STANDARD, standard(signature), [public])

    for wrong in ("v1a,AAAA", signature.replace("h", "g", 1), "v1a,$", signature.replace("v1a", "v1")):
        refused(STANDARD, standard(wrong), public.reveal())


def test_ed25519_is_that_of_the_rfc() -> None:
    # RFC 8032, 7.1, test 3.
    scheme = Verification(kind="ed25519", secret="s", header="x-signature-ed25519")
    public = "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025"
    signature = (
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
        "4a7c15e9716ed28dc027beceea1ec40a"
    )

    verify(scheme, delivery(b"\xaf\x82", {"X-Signature-Ed25519": signature}), [Secret(public)])

    refused(scheme, delivery(b"\xaf\x83", {"X-Signature-Ed25519": signature}), public)
    refused(scheme, delivery(b"\xaf\x82", {"X-Signature-Ed25519": "zz"}), public)
    refused(scheme, delivery(b"\xaf\x82", {"X-Signature-Ed25519": signature}), "abc")


def test_both_secrets_count_while_one_replaces_the_other() -> None:
    verify(STANDARD, standard(), [Secret("whsec_bmV3IHNlY3JldA=="), Secret(STANDARD_SECRET)])


def test_a_token_is_compared_whole() -> None:
    scheme = Verification(kind="token", secret="s", header="X-Gitlab-Token")

    verify(scheme, delivery(b"", {"x-gitlab-token": "hush"}), [Secret("hush")])

    for wrong in ("hus", "hush ", "HUSH", ""):
        refused(scheme, delivery(b"", {"x-gitlab-token": wrong}), "hush")


def test_http_basic() -> None:
    scheme = Verification(kind="basic", secret="s")
    given = base64.b64encode(b"alert:manager").decode()

    verify(scheme, delivery(b"", {"Authorization": f"Basic {given}"}), [Secret("alert:manager")])

    for wrong in (f"Bearer {given}", given, "Basic x", ""):
        refused(scheme, delivery(b"", {"Authorization": wrong}), "alert:manager")


def test_a_time_in_the_signed_body_counts_in_milliseconds() -> None:
    scheme = Verification(
        kind="hmac", secret="s", header="linear-signature", timestamp_pointer="/webhookTimestamp",
        timestamp_unit="milliseconds", tolerance=60,
    )  # fmt: skip
    body = b'{"webhookTimestamp": 1614265330000}'
    headers = {"Linear-Signature": hmac.digest(b"key", body, hashlib.sha256).hex()}

    verify(scheme, delivery(body, headers, now=SENT + 59), [Secret("key")])

    with pytest.raises(StaleError):
        verify(scheme, delivery(body, headers, now=SENT + 61), [Secret("key")])
    assert refused(scheme, delivery(b"<xml>", headers), "key") == "the body is not JSON"


@pytest.mark.parametrize(
    "body", [b"{}", b'{"webhookTimestamp": 1614265330000.5}', b'{"webhookTimestamp": true}']
)
def test_a_time_that_is_wanted_in_the_body_and_is_not_there_refuses(body: bytes) -> None:
    scheme = Verification(
        kind="hmac", secret="s", header="linear-signature", timestamp_pointer="/webhookTimestamp",
        timestamp_unit="milliseconds",
    )  # fmt: skip
    headers = {"Linear-Signature": hmac.digest(b"key", body, hashlib.sha256).hex()}

    assert "timestamp" in refused(scheme, delivery(body, headers), "key")


def test_sha1_over_body_and_url_in_base64() -> None:
    scheme = Verification(
        kind="hmac",
        secret="s",
        header="x-trello-webhook",
        algorithm="sha1",
        encoding="base64",
        payload="{body}{url}",
    )
    signature = base64.b64encode(hmac.digest(b"app", BODY + b"https://us/hook", hashlib.sha1)).decode()

    verify(scheme, delivery(BODY, {"X-Trello-Webhook": signature}), [Secret("app")])

    refused(scheme, delivery(BODY, {"X-Trello-Webhook": signature}, url="https://them/hook"), "app")


def test_a_secret_in_hex() -> None:
    scheme = Verification(kind="hmac", secret="s", header="x", secret_encoding="hex")
    headers = {"x": hmac.digest(b"\x01\x02", BODY, hashlib.sha256).hex()}

    verify(scheme, delivery(BODY, headers), [Secret("0102")])

    assert refused(scheme, delivery(BODY, headers), "not hex") == "the secret is not hex"


@given(st.binary(max_size=40), st.text(max_size=20), st.text(max_size=20))
def test_nothing_hostile_passes_or_crashes(body: bytes, signature: str, timestamp: str) -> None:
    headers = {"x-slack-signature": signature, "x-slack-request-timestamp": timestamp}

    with pytest.raises((BadSignatureError, StaleError)):
        verify(of("slack"), delivery(body, headers), [Secret(SLACK_SECRET)])
