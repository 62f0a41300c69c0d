"""Bearer tokens that the vendor signs with a key of its published set: JWT (RFC 7519) over JWS (RFC 7515).

The algorithm must be on the manifest's list and fit the key (RFC 8725, 3.1), so `none` and a public key used
as an HMAC secret are refused. `exp` and the audience must be there. Keys are JWK (RFC 7517).
"""

import base64
from collections.abc import Mapping
from typing import TypeVar

import msgspec

from integrations.manifest.evaluate import UNREADABLE
from integrations.manifest.inbound import Verification
from integrations.webhooks.carried import equal
from integrations.webhooks.refusals import BadSignatureError, StaleError

MAX_TOKEN = 16_384
_SEPARATORS = 2

T = TypeVar("T", bound=msgspec.Struct)


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """One public key of a set, as RFC 7517 names its members."""

    kty: str
    kid: str = ""
    alg: str = ""
    use: str = ""
    n: str = ""
    e: str = ""
    crv: str = ""
    x: str = ""
    y: str = ""


class KeySet(msgspec.Struct, frozen=True, kw_only=True):
    """The keys a vendor signs with now."""

    keys: tuple[Key, ...]


class _Header(msgspec.Struct, frozen=True, kw_only=True):
    alg: str
    kid: str = ""
    crit: tuple[str, ...] = ()


class _Claims(msgspec.Struct, frozen=True, kw_only=True):
    exp: float
    aud: str | tuple[str, ...]
    iss: str = ""
    nbf: float | None = None
    iat: float | None = None


def key_id(headers: Mapping[str, str]) -> str:
    """The id of the key that the request's token says it is signed with; empty when it says none.

    Raises:
        BadSignatureError: when there is no token that can be read.
    """
    return _header(_token(headers)).kid


def prove_token(scheme: Verification, headers: Mapping[str, str], *, keys: KeySet | None, now: float) -> None:
    """Return when the Authorization header's token is signed by one of the keys, and meant for us, now.

    `tolerance` is the skew that clocks may have.

    Raises:
        BadSignatureError: when it is not.
        StaleError: when only its time is wrong.
    """
    from integrations.webhooks.public_keys import fits_key

    token = _token(headers)
    header = _header(token)
    if header.alg not in scheme.algorithms or header.crit:
        raise BadSignatureError("the token's algorithm is not one of those allowed")
    signed, _, signature = token.rpartition(".")
    if not fits_key(_key(keys, header), header.alg, signed=signed.encode(), signature=decode(signature)):
        raise BadSignatureError("the token's signature does not fit")
    _check(scheme, _claims(signed), now)


def _check(scheme: Verification, claims: _Claims, now: float) -> None:
    audiences = (claims.aud,) if isinstance(claims.aud, str) else claims.aud
    if not scheme.audience or not any(equal(one, scheme.audience) for one in audiences):
        raise BadSignatureError("the token is meant for another audience")
    if scheme.issuer and not equal(claims.iss, scheme.issuer):
        raise BadSignatureError("the token comes from another issuer")
    if now > claims.exp + scheme.tolerance:
        raise StaleError("the token has expired")
    if max(claims.nbf or 0.0, claims.iat or 0.0) > now + scheme.tolerance:
        raise StaleError("the token is from the future")


def _token(headers: Mapping[str, str]) -> str:
    word, _, token = headers.get("authorization", "").partition(" ")
    token = token.strip()
    if word.lower() != "bearer" or token.count(".") != _SEPARATORS or len(token) > MAX_TOKEN:
        raise BadSignatureError("the request carries no token")
    return token


def _header(token: str) -> _Header:
    return _read(token.partition(".")[0], _Header)


def _claims(signed: str) -> _Claims:
    return _read(signed.partition(".")[2], _Claims)


def _read(text: str, shape: type[T]) -> T:
    try:
        return msgspec.json.decode(decode(text), type=shape)
    except UNREADABLE as error:
        raise BadSignatureError("the token cannot be read") from error


def decode(text: str) -> bytes:
    """Base64url without padding, in its canonical form only.

    Raises:
        BadSignatureError: when it is not.
    """
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError as error:
        raise BadSignatureError("the token cannot be read") from error
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != text:
        raise BadSignatureError("the token cannot be read")
    return raw


def _key(keys: KeySet | None, header: _Header) -> Key:
    usable = [
        key
        for key in (keys.keys if keys is not None else ())
        if key.use in {"", "sig"} and key.alg in {"", header.alg} and key.kid == (header.kid or key.kid)
    ]
    if len(usable) != 1:
        raise BadSignatureError("the token names no key of the vendor's set")
    return usable[0]
