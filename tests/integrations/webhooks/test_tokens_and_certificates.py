"""Proofs that are held against fetched keys: bearer tokens by a key set, SNS by a certificate."""

import base64
import datetime as dt
import json
from collections.abc import Mapping

import httpx
import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import NameOID

from integrations.connection import Connection
from integrations.execution.executor import Executor
from integrations.integration import Integration
from integrations.manifest.conditions import Condition, JSONCondition
from integrations.manifest.inbound import Handshake, Reply, Verification, WebhookField, Webhooks
from integrations.webhooks.endpoint import Endpoint, Verdict
from integrations.webhooks.fetching import VendorFetch
from integrations.webhooks.refusals import BadSignatureError
from tests.fakes.clock import FakeClock
from tests.fakes.framework import CATALOG, RecordingVendor
from tests.fakes.signals import RecordingSubscriber
from tests.integrations.webhooks.deliveries import NOW, delivery, endpoint_for

RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()
JWKS = "https://login.example.com/keys"
SCHEME = Verification(
    kind="jwt", jwks=JWKS, issuer="https://issuer.example", audience="app-1", hosts=("login.example.com",),
    algorithms=("RS256", "PS256", "ES256", "EdDSA"),
)  # fmt: skip
CLAIMS = {"iss": "https://issuer.example", "aud": "app-1", "exp": NOW + 600, "nbf": NOW - 10, "iat": NOW - 10}


def b64u(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def number(value: int) -> str:
    return b64u(value.to_bytes((value.bit_length() + 7) // 8))


def rsa_key(key: rsa.RSAPrivateKey, kid: str, **more: str) -> dict[str, str]:
    public = key.public_key().public_numbers()
    return {"kty": "RSA", "kid": kid, "n": number(public.n), "e": number(public.e), **more}


def key_set(*keys: dict[str, str]) -> httpx.Response:
    return httpx.Response(200, json={"keys": list(keys)})


def ec_key() -> dict[str, str]:
    public = EC.public_key().public_numbers()
    return {"kty": "EC", "kid": "ec", "crv": "P-256", "x": number(public.x), "y": number(public.y)}


def ed_key() -> dict[str, str]:
    return {"kty": "OKP", "kid": "ed", "crv": "Ed25519", "x": b64u(ED.public_key().public_bytes_raw())}


ALL_KEYS = (rsa_key(RSA, "one", use="sig"), ec_key(), ed_key())


def sign(algorithm: str, message: bytes) -> bytes:
    match algorithm:
        case "RS256":
            return RSA.sign(message, padding.PKCS1v15(), hashes.SHA256())
        case "PS256":
            return RSA.sign(message, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
        case "ES256":
            pair = decode_dss_signature(EC.sign(message, ec.ECDSA(hashes.SHA256())))
            return b"".join(one.to_bytes(32) for one in pair)
        case _:
            return ED.sign(message)


def token(
    algorithm: str = "RS256",
    *,
    kid: str = "one",
    claims: Mapping[str, object] | None = None,
    **header: object,
) -> str:
    head = {"alg": algorithm, "typ": "JWT", "kid": kid, **header}
    text = b64u(json.dumps(head).encode()) + "." + b64u(json.dumps(claims or CLAIMS).encode())
    return f"{text}.{b64u(sign(algorithm, text.encode()))}"


class Vendor:
    """An endpoint whose fetches go through the real executor to answers that are given."""

    def __init__(self, webhooks: Webhooks, *answers: httpx.Response) -> None:
        self.clock = FakeClock(utc=NOW)
        self.vendor = RecordingVendor(*answers)
        publish = RecordingSubscriber()
        executor = self.executor = Executor(
            clock=self.clock, publish=publish, transport=lambda _: httpx.MockTransport(self.answer)
        )
        manifest = msgspec.structs.replace(CATALOG.manifest("http"), webhooks=webhooks)
        connection = Connection(id="it", vendor="http", config={"url": "https://a.example"})
        integration = Integration(connection, manifest, clock=self.clock, publish=publish)
        executor.open_line(integration.line)
        self.fetch = VendorFetch(integration, executor, clock=self.clock, hosts=webhooks.verify.hosts)
        self.endpoint = Endpoint(
            integration, webhooks, clock=self.clock, fetch=lambda _: self.fetch, url_keys=lambda _: ()
        )

    async def answer(self, request: httpx.Request) -> httpx.Response:
        return self.vendor(request)

    async def judge(self, body: bytes = b'{"id": 7}', *, bearer: str = "", later: float = 0.0) -> Verdict:
        headers = {"authorization": f"Bearer {bearer}"} if bearer else {}
        return await self.endpoint.judge(delivery(body, headers, now=NOW + later))


def bot(*answers: httpx.Response) -> Vendor:
    webhooks = Webhooks(verify=SCHEME, type=WebhookField(default="activity"), id=WebhookField(pointer="/id"))
    return Vendor(webhooks, *answers)


@pytest.mark.parametrize(
    ("algorithm", "kid"), [("RS256", "one"), ("PS256", "one"), ("ES256", "ec"), ("EdDSA", "ed")]
)
async def test_a_token_of_the_vendors_key_is_accepted(algorithm: str, kid: str) -> None:
    vendor = bot(key_set(*ALL_KEYS))

    verdicts = [await vendor.judge(bearer=token(algorithm, kid=kid)) for _ in range(2)]

    assert [one.verdict for one in verdicts] == ["accepted", "accepted"]
    assert [str(one.url) for one in vendor.vendor.requests] == [JWKS]


def tampered(place: int) -> str:
    parts = token().split(".")
    parts[place] = ("A" if parts[place][10] != "A" else "B").join((parts[place][:10], parts[place][11:]))
    return ".".join(parts)


def unsigned(algorithm: str) -> str:
    text = (
        b64u(json.dumps({"alg": algorithm, "kid": "one"}).encode()) + "." + b64u(json.dumps(CLAIMS).encode())
    )
    return text + "."


@pytest.mark.parametrize(
    ("bearer", "verdict"),
    [
        ("", "bad_signature"),
        ("not.a.token", "bad_signature"),
        (tampered(1), "bad_signature"),
        (tampered(2), "bad_signature"),
        (token()[:-1] + ("A" if token()[-1] != "A" else "B"), "bad_signature"),
        (unsigned("none"), "bad_signature"),
        (unsigned("HS256"), "bad_signature"),
        (token(crit=["exp"]), "bad_signature"),
        (token(claims={**CLAIMS, "aud": "app-2"}), "bad_signature"),
        (token(claims={**CLAIMS, "iss": "https://evil.example"}), "bad_signature"),
        (token(claims={k: v for k, v in CLAIMS.items() if k != "exp"}), "bad_signature"),
        (token(claims={k: v for k, v in CLAIMS.items() if k != "aud"}), "bad_signature"),
        (token(claims={**CLAIMS, "exp": NOW - 301}), "stale"),
        (token(claims={**CLAIMS, "nbf": NOW + 301}), "stale"),
        (token(claims={**CLAIMS, "exp": NOW - 299}), "accepted"),
        (token(claims={**CLAIMS, "aud": ["other", "app-1"]}), "accepted"),
    ],
)
async def test_a_token_must_be_signed_for_us_and_of_now(bearer: str, verdict: str) -> None:
    assert (await bot(key_set(*ALL_KEYS)).judge(bearer=bearer)).verdict == verdict


async def test_a_token_for_another_kind_of_key_or_a_key_for_encryption_is_refused() -> None:
    for key in (rsa_key(RSA, "one", use="enc"), rsa_key(RSA, "one", alg="RS512"), {**ec_key(), "kid": "one"}):
        assert (await bot(key_set(key)).judge(bearer=token())).verdict == "bad_signature"


async def test_a_new_key_of_the_vendor_is_fetched_but_not_for_every_guess() -> None:
    vendor = bot(key_set(rsa_key(OTHER_RSA, "old")), key_set(rsa_key(RSA, "one")))
    assert (await vendor.judge(bearer=token(kid="guess"))).verdict == "bad_signature"
    for _ in range(5):
        await vendor.judge(bearer=token(kid="guess"))
    assert len(vendor.vendor.requests) == 1

    vendor.clock.advance(61)

    assert (await vendor.judge(bearer=token())).verdict == "accepted"
    assert len(vendor.vendor.requests) == 2


async def test_while_keys_cannot_be_fetched_the_vendor_is_asked_to_come_again() -> None:
    vendor = bot(httpx.Response(503), httpx.Response(503), httpx.Response(503), key_set(*ALL_KEYS))

    first = await vendor.judge(bearer=token())
    vendor.clock.advance(6)
    for _ in range(3):
        last = await vendor.judge(bearer=token())
        vendor.clock.advance(6)

    assert (first.verdict, first.status) == ("unverifiable", 503)
    assert last.verdict == "accepted"


# Amazon SNS


def certificate(key: rsa.RSAPrivateKey = RSA) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    begin = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    made = x509.CertificateBuilder(
        issuer_name=name, subject_name=name, public_key=key.public_key(), serial_number=1,
        not_valid_before=begin, not_valid_after=begin + dt.timedelta(days=900),
    ).sign(key, hashes.SHA256())  # fmt: skip
    return made.public_bytes(serialization.Encoding.PEM)


CERTIFICATE_URL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123.pem"
SNS = Webhooks(
    verify=Verification(kind="sns", hosts=("sns.*.amazonaws.com",), tolerance=3600),
    type=WebhookField(pointer="/Type"),
    id=WebhookField(pointer="/MessageId"),
    pins={"/TopicArn": "arn:aws:sns:eu-west-1:1:topic"},
    handshakes=(
        Handshake(
            when=Condition(json=JSONCondition(pointer="/Type", equals="SubscriptionConfirmation")),
            fetch="/SubscribeURL",
        ),
    ),
)
ORDER = ("Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")


def message(version: str = "2", *, key: rsa.RSAPrivateKey = RSA, **fields: str) -> dict[str, str]:
    made = {
        "Type": "Notification",
        "MessageId": "165545c9",
        "TopicArn": "arn:aws:sns:eu-west-1:1:topic",
        "Message": '{"AlarmName": "cpu"}',
        "Timestamp": dt.datetime.fromtimestamp(NOW - 5, dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "SigningCertURL": CERTIFICATE_URL,
        "SignatureVersion": version,
        **fields,
    }
    # The order and the fields are those of the Amazon SNS Developer Guide.
    text = "".join(f"{name}\n{made[name]}\n" for name in ORDER if name in made)
    digest = hashes.SHA1() if version == "1" else hashes.SHA256()
    made["Signature"] = base64.b64encode(key.sign(text.encode(), padding.PKCS1v15(), digest)).decode()
    return made


def topic(*answers: httpx.Response) -> Vendor:
    return Vendor(SNS, *(answers or (httpx.Response(200, content=certificate()),)))


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("more", [{}, {"Subject": "ALARM"}], ids=["plain", "with a subject"])
async def test_a_notification_of_either_version_is_accepted(version: str, more: dict[str, str]) -> None:
    vendor = topic()

    verdicts = [await vendor.judge(json.dumps(message(version, **more)).encode()) for _ in range(2)]

    assert [one.verdict for one in verdicts] == ["accepted", "accepted"]
    assert verdicts[0].lag == pytest.approx(5.0)
    assert len(vendor.vendor.requests) == 1


@pytest.mark.parametrize("name", ["Message", "MessageId", "Timestamp", "TopicArn", "Type", "Signature"])
async def test_a_changed_field_is_refused(name: str) -> None:
    changed = message()
    changed[name] = "A" + changed[name][1:] if changed[name][0] != "A" else "B" + changed[name][1:]

    assert (await topic().judge(json.dumps(changed).encode())).verdict == "bad_signature"


async def test_an_old_notification_is_stale_and_another_topic_is_not_ours() -> None:
    old = json.dumps(message()).encode()
    other = json.dumps(message(TopicArn="arn:aws:sns:eu-west-1:666:topic")).encode()

    assert (await topic().judge(old, later=3700)).verdict == "stale"
    assert (await topic().judge(other)).verdict == "bad_signature"
    assert (await topic().judge(json.dumps(message(key=OTHER_RSA)).encode())).verdict == "bad_signature"


async def test_a_subscription_is_confirmed_at_amazon_alone() -> None:
    good = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=1"
    for url, verdict, fetched in (
        (good, "handshake", 2),
        ("https://evil.example/?Token=1", "bad_signature", 1),
        ("https://sns.eu-west-1.amazonaws.com.evil.example/", "bad_signature", 1),
        ("http://sns.eu-west-1.amazonaws.com/", "bad_signature", 1),
        ("https://sns.eu-west-1.amazonaws.com:8443/", "bad_signature", 1),
        ("https://u@sns.eu-west-1.amazonaws.com/", "bad_signature", 1),
    ):
        vendor = topic(httpx.Response(200, content=certificate()), httpx.Response(200, text="<xml/>"))
        body = json.dumps(message(Type="SubscriptionConfirmation", Token="t", SubscribeURL=url)).encode()

        assert (await vendor.judge(body)).verdict == verdict, url
        assert len(vendor.vendor.requests) == fetched


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/cert.pem",
        "https://169.254.169.254/latest/cert.pem",
        "https://sns.a.b.amazonaws.com/x.pem",
        "file:///etc/ssl/x.pem",
        "https://sns.eu-west-1.amazonaws.com/x.txt",
        "https://sns.eu-west-1.amazonaws.com\\@evil.example/x.pem",
    ],
)
async def test_no_certificate_is_fetched_from_elsewhere(url: str) -> None:
    vendor = topic()

    verdict = await vendor.judge(json.dumps(message(SigningCertURL=url)).encode())

    assert (verdict.verdict, vendor.vendor.requests) == ("bad_signature", [])


async def test_strangers_cannot_make_us_fetch_without_end() -> None:
    vendor = topic(httpx.Response(404))

    verdicts = [
        await vendor.judge(
            json.dumps(message(SigningCertURL=CERTIFICATE_URL.replace("0123", str(one)))).encode()
        )
        for one in range(9)
    ]

    assert {one.status for one in verdicts} == {503}
    assert len(vendor.vendor.requests) <= 5


async def test_a_redirect_is_not_followed() -> None:
    vendor = topic(httpx.Response(302, headers={"location": "https://evil.example/"}))

    assert (await vendor.judge(json.dumps(message()).encode())).verdict == "unverifiable"
    assert len(vendor.vendor.requests) == 1


async def test_what_cannot_be_fetched_from_is_said_without_the_address() -> None:
    with pytest.raises(BadSignatureError) as error:
        await topic().fetch("https://evil.example/secret?token=1", step="keys")

    assert "secret" not in str(error.value)


async def test_a_fixed_reply_may_be_json() -> None:
    ping = Handshake(
        when=Condition(json=JSONCondition(pointer="/type", equals=1)), reply=Reply(json={"type": 1})
    )
    scheme = Verification(kind="bearer", secret="s")

    verdict = await endpoint_for(scheme, "k", handshakes=(ping,)).judge(
        delivery(b'{"type": 1}', {"authorization": "Bearer k"})
    )

    assert (verdict.status, verdict.body, verdict.verdict) == (200, '{"type":1}', "handshake")
    assert verdict.headers["content-type"] == "application/json"
