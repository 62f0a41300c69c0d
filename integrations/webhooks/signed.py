"""Schemes that sign: HMAC in its variants, Ed25519, and Standard Webhooks' v1 and v1a.

Standard Webhooks: https://github.com/standard-webhooks/standard-webhooks (spec, 2023), including unpadded
secrets and several signatures. Ed25519: RFC 8032. A signature counts in its one canonical form only, so that
no changed byte of it passes.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from integrations.manifest.inbound import Verification
from integrations.webhooks.carried import equal
from integrations.webhooks.payload import form_fields
from integrations.webhooks.refusals import BadSignatureError

_ALGORITHMS = {"sha256": hashlib.sha256, "sha1": hashlib.sha1, "sha512": hashlib.sha512}
_FIELD = re.compile(r"\{(body|timestamp|id|url|form)\}")
_MAX_SIGNATURES = 32
_PUBLIC = "whpk_"


def standard(scheme: Verification) -> Verification:
    """A `standard_webhooks` scheme with all that its specification says."""
    return msgspec.structs.replace(
        scheme,
        header=scheme.header or "webhook-signature",
        timestamp_header=scheme.timestamp_header or "webhook-timestamp",
        id_header=scheme.id_header or "webhook-id",
        payload="{id}.{timestamp}.{body}",
        separator=" ",
        prefix="v1,",
        encoding="base64",
        secret_encoding="base64",  # noqa: S106 - an encoding, no secret
    )


def signed_text(
    scheme: Verification, headers: Mapping[str, str], body: bytes, *, url: str, timestamp: str
) -> bytes:
    """What the scheme signs.

    Raises:
        BadSignatureError: when a part of it is absent or cannot be read.
    """
    if scheme.payload == "{body}":
        return body
    parts = {"timestamp": timestamp.encode(), "body": body, "url": url.encode()}
    if "{id}" in scheme.payload:
        parts["id"] = _id(scheme, headers)
    if "{form}" in scheme.payload:
        parts["form"] = _form(body)
    message, end = b"", 0
    for match in _FIELD.finditer(scheme.payload):
        message += scheme.payload[end : match.start()].encode() + parts[match[1]]
        end = match.end()
    return message + scheme.payload[end:].encode()


def prove_signed(scheme: Verification, message: bytes, *, given: str, keys: Sequence[str]) -> None:
    """Return when one of the given signatures fits one of the keys.

    Raises:
        BadSignatureError: when none does, or a key cannot be used.
    """
    parts = given.split(scheme.separator) if scheme.separator else [given]
    signatures = [part.strip() for part in parts[:_MAX_SIGNATURES]]
    if scheme.kind == "ed25519":
        given_here = list(_prefixed(scheme.prefix, signatures))
        good = any(_hex_fits(key, one, message) for key in keys for one in given_here)
    else:
        good = _hmac(scheme, signatures, message=message, keys=keys)
        good |= scheme.kind == "standard_webhooks" and _asymmetric(signatures, message, keys)
    if not good:
        raise BadSignatureError("no signature fits")


def is_public(key: str) -> bool:
    """Whether it is a public key of Standard Webhooks, and no secret."""
    return key.startswith(_PUBLIC)


def header_of(headers: Mapping[str, str], name: str) -> str:
    """A header that must be there.

    Raises:
        BadSignatureError: when it is not.
    """
    value = headers.get(name.lower(), "")
    if not value:
        raise BadSignatureError(f"header {name.lower()} is absent")
    return value


def canonical(text: str) -> bytes:
    """Decode base64 that is written in its one canonical form.

    Raises:
        ValueError: when it is not.
    """
    raw = base64.b64decode(text, validate=True)
    if base64.b64encode(raw).decode() != text:
        raise ValueError("not canonical base64")
    return raw


def _hmac(scheme: Verification, signatures: list[str], *, message: bytes, keys: Iterable[str]) -> bool:
    digests = [_encode(scheme, _digest(scheme, key, message)) for key in keys if not is_public(key)]
    given = list(_prefixed(scheme.prefix, signatures))
    return any(equal(one, digest) for one in given for digest in digests)


def _digest(scheme: Verification, key: str, message: bytes) -> bytes:
    return hmac.digest(_key(scheme, key), message, _ALGORITHMS[scheme.algorithm])


def _asymmetric(signatures: list[str], message: bytes, keys: Iterable[str]) -> bool:
    """Standard Webhooks' v1a: ed25519 with a public key `whpk_…`."""
    public = [key.removeprefix(_PUBLIC) for key in keys if is_public(key)]
    given = list(_prefixed("v1a,", signatures))
    return any(_base64_fits(key, one, message) for key in public for one in given)


def _base64_fits(key: str, signature: str, message: bytes) -> bool:
    from integrations.webhooks.public_keys import fits_ed25519

    try:
        return fits_ed25519(_unpadded(key), canonical(signature), message)
    except ValueError:
        return False


def _hex_fits(key: str, signature: str, message: bytes) -> bool:
    from integrations.webhooks.public_keys import fits_ed25519

    try:
        raw = bytes.fromhex(signature)
        return raw.hex() == signature and fits_ed25519(bytes.fromhex(key), raw, message)
    except ValueError:
        return False


def _key(scheme: Verification, secret: str) -> bytes:
    try:
        match scheme.secret_encoding:
            case "base64":
                key = _unpadded(secret.removeprefix("whsec_"))
            case "hex":
                key = bytes.fromhex(secret)
            case _:
                key = secret.encode()
    except ValueError as error:
        raise BadSignatureError(f"the secret is not {scheme.secret_encoding}") from error
    if not key:
        raise BadSignatureError("the secret is empty")
    return key


def _unpadded(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error


def _encode(scheme: Verification, digest: bytes) -> str:
    return digest.hex() if scheme.encoding == "hex" else base64.b64encode(digest).decode()


def _prefixed(prefix: str, signatures: Iterable[str]) -> Iterator[str]:
    return (signature.removeprefix(prefix) for signature in signatures if signature.startswith(prefix))


def _id(scheme: Verification, headers: Mapping[str, str]) -> bytes:
    text = header_of(headers, scheme.id_header)
    if "." in text:
        raise BadSignatureError("the id holds a dot")
    return text.encode()


def _form(body: bytes) -> bytes:
    try:
        return "".join(name + value for name, value in sorted(form_fields(body))).encode()
    except msgspec.DecodeError as error:
        raise BadSignatureError("the body is no form") from error
