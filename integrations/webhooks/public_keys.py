"""Signatures by keys of which we hold the public half: keys of a set (RFC 7517), Ed25519, certificates.

cryptography takes 9 MiB, so this module is loaded only where a scheme has such keys.
"""

from collections.abc import Callable, Mapping
from typing import Literal

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from integrations.webhooks.jwt import Key, decode
from integrations.webhooks.refusals import BadSignatureError
from integrations.webhooks.signed import canonical

MIN_RSA_BITS = 2048

_HASHES: Mapping[str, type[hashes.SHA256 | hashes.SHA384 | hashes.SHA512]] = {
    "256": hashes.SHA256,
    "384": hashes.SHA384,
    "512": hashes.SHA512,
}
_CURVES: dict[str, tuple[str, Callable[[], ec.EllipticCurve]]] = {
    "ES256": ("P-256", ec.SECP256R1),
    "ES384": ("P-384", ec.SECP384R1),
}


def fits_ed25519(key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether the signature is by this key (RFC 8032).

    Raises:
        ValueError: when it is no key.
    """
    try:
        ed25519.Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def fits_certificate(
    certificate: bytes, digest: Literal["sha1", "sha256"], *, signed: bytes, signature: str
) -> bool:
    """Whether the signature, in base64, is by the RSA key of a certificate in PEM.

    Raises:
        BadSignatureError: when the key is of another kind.
    """
    try:
        public = x509.load_pem_x509_certificate(certificate).public_key()
        if not isinstance(public, rsa.RSAPublicKey):
            raise BadSignatureError("the certificate's key is not RSA")
        named = hashes.SHA1() if digest == "sha1" else hashes.SHA256()  # noqa: S303 - SNS' version 1 is SHA-1
        public.verify(canonical(signature), signed, padding.PKCS1v15(), named)
    except (InvalidSignature, ValueError):
        return False
    return True


def fits_key(key: Key, algorithm: str, *, signed: bytes, signature: bytes) -> bool:
    """Whether the signature is by a key of a set, with an algorithm as JWS names it."""
    try:
        match algorithm[:2], key.kty:
            case (("RS" | "PS"), "RSA"):
                _rsa(key, algorithm, signed=signed, signature=signature)
            case "ES", "EC":
                _elliptic(key, algorithm, signed=signed, signature=signature)
            case "Ed", "OKP":
                public = ed25519.Ed25519PublicKey.from_public_bytes(decode(key.x))
                public.verify(signature, signed)
            case _:
                return False
    except (InvalidSignature, ValueError):
        return False
    return True


def _rsa(key: Key, algorithm: str, *, signed: bytes, signature: bytes) -> None:
    public = rsa.RSAPublicNumbers(_number(key.e), _number(key.n)).public_key()
    if public.key_size < MIN_RSA_BITS:
        raise ValueError("the key is too short")
    digest = _HASHES[algorithm[2:]]()
    if algorithm.startswith("PS"):
        public.verify(signature, signed, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
    else:
        public.verify(signature, signed, padding.PKCS1v15(), digest)


def _elliptic(key: Key, algorithm: str, *, signed: bytes, signature: bytes) -> None:
    name, curve = _CURVES[algorithm]
    half = (curve().key_size + 7) // 8
    if key.crv != name or len(signature) != 2 * half:
        raise ValueError("another curve")
    numbers = ec.EllipticCurvePublicNumbers(_number(key.x), _number(key.y), curve())
    pair = int.from_bytes(signature[:half]), int.from_bytes(signature[half:])
    numbers.public_key().verify(encode_dss_signature(*pair), signed, ec.ECDSA(_HASHES[algorithm[2:]]()))


def _number(text: str) -> int:
    return int.from_bytes(decode(text))
