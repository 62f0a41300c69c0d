"""Encrypts with AES-256-GCM (NIST SP 800-38D), a new nonce each time.

The library takes 9 MiB, so this module is loaded by the first credential that is stored.
"""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.storage.vault import SealedError

_NONCE_BYTES = 12


def seal(plain: bytes, *, key: bytes, purpose: bytes) -> bytes:
    """Encrypt; `purpose` must be the same again when it is opened."""
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, purpose)


def unseal(sealed: bytes, *, key: bytes, purpose: bytes) -> bytes:
    """Decrypt.

    Raises:
        SealedError: when it was sealed under another key or for another purpose, or was changed.
    """
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], purpose)
    except (InvalidTag, ValueError) as error:
        raise SealedError("sealed under another key, or changed since") from error
