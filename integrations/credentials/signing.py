"""Signs the JWTs that token requests prove themselves with (RFC 7515, 7523), by PyJWT."""

import uuid
from collections.abc import Mapping

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from integrations.manifest.templates import UnfitValueError

SKEW = 60.0
"""Seconds that a JWT's beginning lies back, for a vendor whose clock is behind ours."""

_SMALLEST_RSA = 2048  # NIST SP 800-131A; GitHub and Google make keys of this size.
_CURVES = {"ES256": "secp256r1", "ES384": "secp384r1"}


class SigningError(UnfitValueError):
    """A private key cannot sign; the message says why and never holds the key."""


def sign(
    claims: Mapping[str, object], *, key: str, algorithm: str, now: float, life: float, key_id: str = ""
) -> str:
    """Return a compact JWT over the claims, valid from a minute ago until `life` seconds from now.

    Raises:
        SigningError: when the key is no private key in PEM, encrypted, or not one for the algorithm.
    """
    private = _private_key(key, algorithm)
    stamped = {"iat": int(now - SKEW), "exp": int(now + life), "jti": str(uuid.uuid4()), **claims}
    headers = {"kid": key_id} if key_id else None
    return jwt.encode(stamped, private, algorithm=algorithm, headers=headers)


def _private_key(pem: str, algorithm: str) -> RSAPrivateKey | EllipticCurvePrivateKey:
    # A key that came through an environment variable often has its line breaks written out.
    text = pem.replace("\\n", "\n").strip() + "\n"
    try:
        key = load_pem_private_key(text.encode(), password=None)
    except TypeError as error:
        raise SigningError(
            "the private key is encrypted; give it without a password, e.g. by openssl pkey -in KEY"
        ) from error
    except Exception as error:
        raise SigningError("the private key is no PEM that can be read") from error
    if algorithm in _CURVES:
        if not isinstance(key, EllipticCurvePrivateKey) or key.curve.name != _CURVES[algorithm]:
            raise SigningError(f"{algorithm} needs an elliptic curve key on {_CURVES[algorithm]}")
        return key
    if not isinstance(key, RSAPrivateKey) or key.key_size < _SMALLEST_RSA:
        raise SigningError(f"{algorithm} needs an RSA key of at least {_SMALLEST_RSA} bits")
    return key
