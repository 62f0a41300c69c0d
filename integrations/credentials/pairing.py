"""Whether a client certificate and a private key belong together."""

import datetime as dt

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from integrations.credentials.identity import IdentityError


def end_of_pair(certificate: str, key: str, password: str) -> float:
    """Return when the certificate ends, as UTC seconds; both are PEM.

    Raises:
        IdentityError: when one cannot be read, or they do not belong together.
    """
    try:
        first = x509.load_pem_x509_certificates(certificate.encode())[0]
    except (ValueError, IndexError) as error:
        raise IdentityError("the certificate is no PEM that can be read") from error
    public = _private_key(key, password).public_key()
    if _bytes(public) != _bytes(first.public_key()):
        raise IdentityError("the key is not the certificate's: their public keys differ")
    return first.not_valid_after_utc.replace(tzinfo=dt.UTC).timestamp()


def _private_key(key: str, password: str) -> PrivateKeyTypes:
    try:
        return load_pem_private_key(key.encode(), password=password.encode() or None)
    except TypeError as error:
        expected = "give its password too" if not password else "take the password away"
        raise IdentityError(f"the key is {'not ' if password else ''}encrypted; {expected}") from error
    except Exception as error:
        found = "cannot be opened with its password" if password else "is no PEM that can be read"
        raise IdentityError(f"the key {found}") from error


def _bytes(public: object) -> bytes:
    encode = getattr(public, "public_bytes")  # noqa: B009 - the library's union of key types has it in each
    return bytes(encode(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
