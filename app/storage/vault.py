"""The key that encrypts what is secret in the database; cipher.py does that.

The key is a file in the state directory, made at the first start; or what `storage.key` gives. What was
encrypted under another key cannot be opened: it is told, and whatever it was is fetched anew.
"""

import base64
import binascii
import os
from pathlib import Path

from app.storage.errors import VaultKeyError
from integrations.credentials.secret import Secret

KEY_NAME = "key"
_KEY_BYTES = 32
_HOW = "expected 32 random bytes in base64, as `openssl rand -base64 32` writes them"


class SealedError(Exception):
    """What was sealed cannot be opened: under another key, for another purpose, or changed since."""


class Vault:
    """Seals and opens under the key that `key` gives, or the one in `state_dir`. Usable after `start`."""

    def __init__(self, state_dir: Path, *, key: Secret | None = None) -> None:
        self._path = state_dir / KEY_NAME
        self._given = key
        self._key: bytes | None = None

    def start(self) -> None:
        """Read the key; where there is none, make one.

        Raises:
            VaultKeyError: when it cannot be read or made, others may read it, or it is none.
        """
        if self._given is not None:
            self._key = _decoded(self._given.reveal(), "storage.key")
            return
        try:
            text = self._read() if self._path.exists() else self._make()
        except OSError as error:
            raise VaultKeyError(f"cannot use the key file {self._path}: {error.strerror}") from error
        self._key = _decoded(text, str(self._path))

    def seal(self, plain: bytes, *, purpose: bytes) -> bytes:
        """Encrypt; `purpose` must be the same again when it is opened."""
        from app.storage.cipher import seal

        return seal(plain, key=self._started, purpose=purpose)

    def open(self, sealed: bytes, *, purpose: bytes) -> bytes:
        """Decrypt.

        Raises:
            SealedError: when it was sealed under another key or for another purpose, or was changed.
        """
        from app.storage.cipher import unseal

        return unseal(sealed, key=self._started, purpose=purpose)

    @property
    def _started(self) -> bytes:
        if self._key is None:
            raise VaultKeyError("the key was not read yet: start comes first")
        return self._key

    def _read(self) -> str:
        if self._path.stat().st_mode & 0o077:
            raise VaultKeyError(f"others may read the key file {self._path}: chmod 600 it")
        return self._path.read_text(encoding="ascii", errors="replace")

    def _make(self) -> str:
        """Write a new key, whole or not at all: a key that is cut short would be one that opens nothing."""
        text = base64.b64encode(os.urandom(_KEY_BYTES)).decode()
        fresh = self._path.with_name(f"{KEY_NAME}.new")
        fresh.unlink(missing_ok=True)
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.rename(self._path)
        return text


def _decoded(text: str, source: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError) as error:
        raise VaultKeyError(f"{source} holds no key: {_HOW}") from error
    if len(key) != _KEY_BYTES:
        raise VaultKeyError(f"{source} holds no key: {_HOW}")
    return key
