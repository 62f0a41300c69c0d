"""Keys and certificates that simulated accounts sign and show themselves with; made once a process."""

import datetime as dt
import functools

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

_CURVES = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1()}
_RSA_BITS = 2048
_BEGINS, _ENDS = dt.datetime(2020, 1, 1, tzinfo=dt.UTC), dt.datetime(2100, 1, 1, tzinfo=dt.UTC)


@functools.cache
def private_key(algorithm: str) -> PrivateKey:
    """The simulated world's one key for a signature's algorithm."""
    if algorithm in _CURVES:
        return ec.generate_private_key(_CURVES[algorithm])
    return rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS)


def key_text(algorithm: str) -> str:
    """That key in PEM."""
    return private_key(algorithm).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@functools.cache
def certificate_text(name: str) -> str:
    """A certificate of the ES256 key, signed by itself, in PEM."""
    key = private_key("ES256")
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_BEGINS)
        .not_valid_after(_ENDS)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(Encoding.PEM).decode()
