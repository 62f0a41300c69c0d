"""A client certificate and its key: read, held against each other, and put into a TLS context."""

import datetime as dt
import hashlib
import os
import ssl
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from integrations.credentials.credential import reread
from integrations.credentials.secret import Secret
from integrations.manifest.authentication import ClientCertificateAuth
from integrations.manifest.templates import Lookup, Template, UnfitValueError


class IdentityError(UnfitValueError):
    """A certificate or key that cannot be used; the message says why and never holds either."""


class ClientIdentity:
    """A client certificate with its chain, and its key. Equal ones are those of the same bytes.

    Raises:
        IdentityError: when one cannot be read, the key is encrypted and has no password or a wrong one, or
            the two do not belong together.
    """

    __slots__ = ("_certificate", "_digest", "_key", "_password", "ends_at")

    def __init__(self, certificate: str, key: str, *, password: str = "") -> None:
        self._certificate, self._key = Secret(_pem(certificate)), Secret(_pem(key))
        self._password = Secret(password)
        self.ends_at = _check(self._certificate.reveal(), self._key.reveal(), password)
        text = f"{self._certificate.reveal()}\0{self._key.reveal()}\0{password}"
        self._digest = hashlib.sha256(text.encode()).digest()

    def load_into(self, context: ssl.SSLContext) -> None:
        """Let the context show this certificate. Python reads it from a file, which is gone afterwards."""
        with _file(self._certificate.reveal() + self._key.reveal()) as path:
            context.load_cert_chain(path, password=self._password.reveal() or None)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ClientIdentity) and other._digest == self._digest

    def __hash__(self) -> int:
        return hash(self._digest)

    def __repr__(self) -> str:
        return "ClientIdentity(***)"


class ClientCertificate:
    """The credential that stands in the TLS handshake, not in the request."""

    def __init__(self, auth: ClientCertificateAuth, *, values: Lookup, secrets: Mapping[str, Secret]) -> None:
        self._auth = auth
        self._values = values
        self._secrets = secrets

    @property
    def identity(self) -> ClientIdentity:
        """What to show, as the secrets are now; raises IdentityError."""
        auth = self._auth
        certificate, key, password = (
            Template(text).fill(self._values) for text in (auth.certificate, auth.key, auth.password)
        )
        return ClientIdentity(certificate, key, password=password)

    def apply(self, request: httpx.Request) -> None:
        """Leave the request as it is."""

    async def refresh(self) -> bool:
        """Read the files again."""
        return await reread(self._secrets)


def _pem(text: str) -> str:
    # A PEM that came through an environment variable often has its line breaks written out.
    return text.replace("\\n", "\n").strip() + "\n"


def _check(certificate: str, key: str, password: str) -> float:
    """When the certificate ends, as UTC seconds."""
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


@contextmanager
def _file(text: str) -> Iterator[Path]:
    """A file of this text: in memory where the system can, else one that only this user may read."""
    if hasattr(os, "memfd_create"):
        handle = os.memfd_create("identity", os.MFD_CLOEXEC)
        path, gone = Path(f"/proc/self/fd/{handle}"), None
    else:
        handle, name = tempfile.mkstemp()
        path = gone = Path(name)
    try:
        os.write(handle, text.encode())
        yield path
    finally:
        os.close(handle)
        if gone is not None:
            gone.unlink()
