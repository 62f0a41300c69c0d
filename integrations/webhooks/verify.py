"""Proves an inbound webhook genuine, over its raw body, by the scheme its manifest names.

Signatures are compared in constant time, an absent header or an empty secret refuses, and a timestamp counts
only where it is signed. Standard Webhooks: https://github.com/standard-webhooks/standard-webhooks (spec,
2023), including unpadded secrets and several signatures.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from integrations.credentials.secret import Secret
from integrations.manifest import pointers
from integrations.manifest.evaluate import UNREADABLE
from integrations.manifest.inbound import Verification
from integrations.webhooks.payload import InboundWebhook

_ALGORITHMS = {"sha256": hashlib.sha256, "sha1": hashlib.sha1, "sha512": hashlib.sha512}
_FIELD = re.compile(r"\{(body|timestamp|id|url)\}")
_DIGITS = re.compile(r"[0-9]{1,15}")
_MAX_SIGNATURES = 32


class BadSignatureError(ValueError):
    """The webhook is not proved genuine; the message says why, without its content."""


class StaleError(ValueError):
    """The signature is right, but its timestamp is outside the tolerance."""


def verify(scheme: Verification, payload: InboundWebhook, secrets: Sequence[Secret]) -> None:
    """Return when one of the secrets (current, then previous) proves the delivery.

    Raises:
        BadSignatureError: when none does, or something that is needed is absent.
        StaleError: when the proof is right but too old, or from the future.
    """
    if scheme.kind == "none":
        return
    headers = {name.lower(): value for name, value in payload.headers.items()}
    keys = [secret.reveal() for secret in secrets if secret.reveal()]
    if not keys:
        raise BadSignatureError("no secret is configured")
    if scheme.kind in ("token", "basic"):
        _plain(scheme, headers, keys)
        return
    if scheme.kind == "standard_webhooks":
        scheme = _standard(scheme)
    timestamp = _timestamp(scheme, payload, headers)
    message = _message(scheme, payload, headers=headers, timestamp=timestamp)
    _signed(scheme, message, given=_header(headers, scheme.header), keys=keys)
    if timestamp:
        _fresh(scheme, timestamp, payload.received_at)


def _plain(scheme: Verification, headers: Mapping[str, str], keys: Iterable[str]) -> None:
    """A secret that is sent as it is, in a header or as HTTP Basic (`user:password`)."""
    if scheme.kind == "basic":
        word, _, given = headers.get("authorization", "").partition(" ")
        wanted = [base64.b64encode(key.encode()).decode() for key in keys]
        given = given if word.lower() == "basic" else ""
    else:
        given = _header(headers, scheme.header).removeprefix(scheme.prefix)
        wanted = list(keys)
    if not any(_equal(given, key) for key in wanted):
        raise BadSignatureError("the secret in the request is wrong or absent")


def _standard(scheme: Verification) -> Verification:
    return msgspec.structs.replace(
        scheme,
        header=scheme.header or "webhook-signature",
        timestamp_header=scheme.timestamp_header or "webhook-timestamp",
        payload="{id}.{timestamp}.{body}",
        separator=" ",
        prefix="v1,",
        encoding="base64",
        secret_encoding="base64",  # noqa: S106 - an encoding, no secret
    )


def _signed(
    scheme: Verification,
    message: bytes,
    *,
    given: str,
    keys: Sequence[str],
) -> None:
    parts = given.split(scheme.separator) if scheme.separator else [given]
    signatures = [part.strip() for part in parts[:_MAX_SIGNATURES]]
    if scheme.kind == "ed25519":
        good = any(_ed25519(key, s, message) for key in keys for s in _prefixed(scheme.prefix, signatures))
    else:
        good = _hmac(scheme, signatures, message=message, keys=keys)
        good |= scheme.kind == "standard_webhooks" and _asymmetric(signatures, message, keys)
    if not good:
        raise BadSignatureError("no signature fits")


def _hmac(scheme: Verification, signatures: list[str], *, message: bytes, keys: Iterable[str]) -> bool:
    digests = [_encode(scheme, _digest(scheme, key, message)) for key in keys if not key.startswith("whpk_")]
    given = list(_prefixed(scheme.prefix, signatures))
    return any(_equal(one, digest) for one in given for digest in digests)


def _digest(scheme: Verification, key: str, message: bytes) -> bytes:
    return hmac.digest(_key(scheme, key), message, _ALGORITHMS[scheme.algorithm])


def _asymmetric(signatures: list[str], message: bytes, keys: Iterable[str]) -> bool:
    """Standard Webhooks' v1a: ed25519 with a public key `whpk_…`."""
    public = [key.removeprefix("whpk_") for key in keys if key.startswith("whpk_")]
    given = list(_prefixed("v1a,", signatures))
    return any(_ed25519(_hex(key), _hex(one), message) for key in public for one in given)


def _hex(text: str) -> str:
    try:
        return _unpadded(text).hex()
    except binascii.Error:
        return ""


def _ed25519(key: str, signature: str, message: bytes) -> bool:
    """Whether the hex signature fits the hex public key (RFC 8032)."""
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(bytes.fromhex(signature), message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _key(scheme: Verification, secret: str) -> bytes:
    try:
        match scheme.secret_encoding:
            case "base64":
                key = _unpadded(secret.removeprefix("whsec_"))
            case "hex":
                key = bytes.fromhex(secret)
            case _:
                key = secret.encode()
    except (binascii.Error, ValueError) as error:
        raise BadSignatureError(f"the secret is not {scheme.secret_encoding}") from error
    if not key:
        raise BadSignatureError("the secret is empty")
    return key


def _unpadded(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)


def _encode(scheme: Verification, digest: bytes) -> str:
    return digest.hex() if scheme.encoding == "hex" else base64.b64encode(digest).decode()


def _prefixed(prefix: str, signatures: Iterable[str]) -> Iterator[str]:
    return (signature.removeprefix(prefix) for signature in signatures if signature.startswith(prefix))


def _message(
    scheme: Verification, payload: InboundWebhook, *, headers: Mapping[str, str], timestamp: str
) -> bytes:
    parts = {"timestamp": timestamp.encode(), "body": payload.body, "url": payload.url.encode()}
    if "{id}" in scheme.payload:
        parts["id"] = _header(headers, "webhook-id").encode()
        if b"." in parts["id"]:
            raise BadSignatureError("the id holds a dot")
    message, end = b"", 0
    for match in _FIELD.finditer(scheme.payload):
        message += scheme.payload[end : match.start()].encode() + parts[match[1]]
        end = match.end()
    return message + scheme.payload[end:].encode()


def _timestamp(scheme: Verification, payload: InboundWebhook, headers: Mapping[str, str]) -> str:
    """The signed timestamp: out of the body, or a header that is part of what is signed; empty without."""
    if scheme.timestamp_pointer:
        try:
            value = pointers.get(msgspec.json.decode(payload.body), scheme.timestamp_pointer)
        except UNREADABLE as error:
            raise BadSignatureError("the body is not JSON") from error
        if not isinstance(value, int):
            raise BadSignatureError("the body holds no timestamp where it must")
        return str(value)
    if not scheme.timestamp_header or "{timestamp}" not in scheme.payload:
        return ""
    return _header(headers, scheme.timestamp_header)


def _fresh(scheme: Verification, timestamp: str, now: float) -> None:
    if not _DIGITS.fullmatch(timestamp):
        raise BadSignatureError("the timestamp is no number")
    sent = int(timestamp) / (1000 if scheme.timestamp_unit == "milliseconds" else 1)
    if abs(now - sent) > scheme.tolerance:
        raise StaleError(
            f"the timestamp is {abs(now - sent):.0f} s off, {scheme.tolerance:g} s are tolerated"
        )


def _header(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name.lower(), "")
    if not value:
        raise BadSignatureError(f"header {name.lower()} is absent")
    return value


def _equal(given: str, wanted: str) -> bool:
    return bool(wanted) and hmac.compare_digest(given.encode(), wanted.encode())
