"""What every kind of credential can do: go into a request, and be renewed after a 401."""

import hashlib
from collections.abc import Mapping
from typing import Protocol

import httpx

from integrations.credentials.secret import Secret


class Credential(Protocol):
    """One authentication kind, opened for one connection."""

    def apply(self, request: httpx.Request) -> None:
        """Put the credential into the request, for this attempt."""
        ...

    async def refresh(self) -> bool:
        """Whether there is a fresh credential, worth another try; raises OSError when its source cannot be
        read.
        """
        ...


async def reread(secrets: Mapping[str, Secret]) -> bool:
    """Read the secrets that came from files again; whether any of them changed.

    Raises:
        OSError: when a file cannot be read.
    """
    changed = [await secret.reread() for secret in secrets.values()]
    return any(changed)


def fingerprint(secrets: Mapping[str, Secret]) -> str:
    """What stands for the secrets, to tell whether they are still the same. It is a secret too, because short
    ones can be found from it: it is kept encrypted only.
    """
    digest = hashlib.sha256()
    for name, secret in sorted(secrets.items()):
        for part in (name, secret.reveal()):
            digest.update(len(part.encode()).to_bytes(8) + part.encode())
    return digest.hexdigest()
