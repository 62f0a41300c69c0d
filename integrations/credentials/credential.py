"""What every kind of credential can do: go into a request, and be renewed after a 401."""

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
