"""Signatures of Standard Webhooks 1.0: `v1` (HMAC-SHA256) and `v1a` (ed25519), one for each secret.

Signed is `id.timestamp.body`; secrets are `whsec_` or `whsk_` and base64 of the key, padded or not
(standard-webhooks/spec/standard-webhooks.md). With several secrets, newest first, a receiver may change over
when it likes: it accepts the message if any signature fits.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from integrations.credentials.secret import Secret

MAX_SECRETS = 10

_SYMMETRIC, _ASYMMETRIC = "whsec_", "whsk_"
_SEED = 32
_EXPECTED = (
    "signing_secrets take whsec_ and base64 of 24 to 64 bytes, or whsk_ and base64 of an ed25519 key"
    " (its 32 bytes, or 64 with the public half); at most ten"
)


class Signer:
    """Signs messages for one receiver.

    Raises:
        ValueError: when a secret is none; the message does not hold it.
    """

    def __init__(self, signing_secrets: Sequence[Secret]) -> None:
        if len(signing_secrets) > MAX_SECRETS:
            raise ValueError(_EXPECTED)
        self._signs = [_signing(secret.reveal()) for secret in signing_secrets]

    def headers(self, message_id: str, at: float, body: bytes) -> dict[str, str]:
        """The three headers of a message sent at a moment (UTC seconds); without secrets there are two."""
        timestamp = str(int(at))
        headers = {"webhook-id": message_id, "webhook-timestamp": timestamp}
        if self._signs:
            signed = f"{message_id}.{timestamp}.".encode() + body
            headers["webhook-signature"] = " ".join(sign(signed) for sign in self._signs)
        return headers


def check_signing_secrets(signing_secrets: Iterable[Secret]) -> None:
    """Refuse secrets that cannot sign; empty ones are not known yet and pass.

    Raises:
        ValueError: with what they must be.
    """
    Signer([secret for secret in signing_secrets if secret.reveal()])


def _signing(text: str) -> Callable[[bytes], str]:
    """What signs with this secret."""
    if text.startswith(_ASYMMETRIC):
        raw = _decoded(text.removeprefix(_ASYMMETRIC))
        if len(raw) not in {_SEED, 2 * _SEED}:
            raise ValueError(_EXPECTED)
        return _ed25519(raw[:_SEED])
    raw = _decoded(text.removeprefix(_SYMMETRIC))
    if not text.startswith(_SYMMETRIC) or not 24 <= len(raw) <= 64:
        raise ValueError(_EXPECTED)
    return partial(_hmac, raw)


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        # Not chained: the error's text could quote the secret.
        raise ValueError(_EXPECTED) from None


def _hmac(key: bytes, signed: bytes) -> str:
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def _ed25519(seed: bytes) -> Callable[[bytes], str]:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.from_private_bytes(seed)
    return lambda signed: "v1a," + base64.b64encode(key.sign(signed)).decode()
