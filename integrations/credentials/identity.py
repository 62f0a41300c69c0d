"""A client certificate and its key: read, held against each other, and put into a TLS context."""

import hashlib
import os
import ssl
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

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
        from integrations.credentials.pairing import end_of_pair

        self._certificate, self._key = Secret(_pem(certificate)), Secret(_pem(key))
        self._password = Secret(password)
        self.ends_at = end_of_pair(self._certificate.reveal(), self._key.reveal(), password)
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
