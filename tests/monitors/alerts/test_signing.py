"""Signatures of Standard Webhooks: the official vectors, and what the libraries of others say."""

import base64

import pytest
import standardwebhooks
import svix
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from integrations.credentials.secret import Secret
from monitors.alerts.signing import Signer, check_signing_secrets

# standard-webhooks/spec and Svix's server tests.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID, AT, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330.9, b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
PRIVATE = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
ASYMMETRIC = "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="
OTHER = "whsec_" + base64.b64encode(bytes(range(32))).decode()


def signed(*secrets: str, at: float = AT) -> dict[str, str]:
    return Signer([Secret(text) for text in secrets]).headers(ID, at, BODY)


def test_the_official_vector_of_v1() -> None:
    assert signed(SECRET) == {
        "webhook-id": ID, "webhook-timestamp": "1614265330", "webhook-signature": SIGNATURE,
    }  # fmt: skip


def test_the_official_vector_of_v1a() -> None:
    assert signed(PRIVATE)["webhook-signature"] == ASYMMETRIC


def test_a_seed_alone_signs_as_seed_and_public_key_do() -> None:
    seed = base64.b64encode(base64.b64decode(PRIVATE.removeprefix("whsk_"))[:32]).decode()

    assert signed(f"whsk_{seed}")["webhook-signature"] == ASYMMETRIC


def test_each_secret_signs_newest_first() -> None:
    signatures = signed(OTHER, SECRET, PRIVATE)["webhook-signature"].split(" ")

    assert signatures[1:] == [SIGNATURE, ASYMMETRIC]
    assert signatures[0] == signed(OTHER)["webhook-signature"]


@pytest.mark.parametrize("secret", [SECRET, OTHER], ids=["old", "new"])
def test_receivers_libraries_accept_it_during_a_change_of_secrets(secret: str) -> None:
    now = standardwebhooks.webhooks.datetime.now(tz=standardwebhooks.webhooks.timezone.utc).timestamp()
    headers = signed(OTHER, SECRET, at=now)

    assert standardwebhooks.Webhook(secret).verify(BODY, headers) == {"test": 2432232314}
    svix.Webhook(secret).verify(BODY, headers)


def test_receivers_libraries_refuse_a_changed_body_and_another_secret() -> None:
    now = standardwebhooks.webhooks.datetime.now(tz=standardwebhooks.webhooks.timezone.utc).timestamp()
    headers = signed(SECRET, at=now)

    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(SECRET).verify(BODY + b" ", headers)
    with pytest.raises(svix.WebhookVerificationError):
        svix.Webhook(OTHER).verify(BODY, headers)


def test_unpadded_base64_is_the_padded_one() -> None:
    padded = "whsec_" + base64.b64encode(bytes(range(31))).decode()

    assert padded.endswith("=")
    assert signed(padded) == signed(padded.rstrip("="))


def test_without_secrets_there_is_no_signature() -> None:
    assert set(signed()) == {"webhook-id", "webhook-timestamp"}


@pytest.mark.parametrize(
    "text",
    [
        "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_short", "whsec_!!!!",
        "whsec_" + base64.b64encode(bytes(65)).decode(), "whsk_" + base64.b64encode(bytes(31)).decode(),
        "whpk_" + base64.b64encode(bytes(32)).decode(), "sk_live_canary-4711",
    ],
)  # fmt: skip
def test_what_is_no_key_is_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(ValueError, match="signing_secrets take whsec_") as refused:
        check_signing_secrets([Secret(text)])
    assert text == "whsec_" or text not in str(refused.value)


def test_a_secret_that_is_not_known_yet_passes() -> None:
    check_signing_secrets([Secret("")])


def test_eleven_secrets_are_too_many() -> None:
    with pytest.raises(ValueError, match="at most ten"):
        check_signing_secrets([Secret(SECRET)] * 11)


def test_v1a_is_verified_by_the_public_key() -> None:
    raw = base64.b64decode(PRIVATE.removeprefix("whsk_"))
    signature = base64.b64decode(signed(PRIVATE)["webhook-signature"].removeprefix("v1a,"))

    key = Ed25519PrivateKey.from_private_bytes(raw[:32]).public_key()
    key.verify(signature, f"{ID}.{int(AT)}.".encode() + BODY)
    assert key.public_bytes_raw() == raw[32:]
