"""A bearer token (RFC 6750), or the same header with another scheme word."""

from collections.abc import Mapping

import httpx

from integrations.credentials.credential import reread
from integrations.credentials.secret import Secret
from integrations.manifest.authentication import BearerAuth
from integrations.manifest.templates import Lookup, Position, Template


class Bearer:
    """Puts the token into the Authorization header."""

    def __init__(self, auth: BearerAuth, *, values: Lookup, secrets: Mapping[str, Secret]) -> None:
        self._secrets = secrets
        self._values = values
        self._token = Template(auth.token, position=Position.HEADER)
        self._scheme = auth.scheme

    def apply(self, request: httpx.Request) -> None:
        """Set the header."""
        request.headers["authorization"] = f"{self._scheme} {self._token.fill(self._values)}"

    async def refresh(self) -> bool:
        """Read the token's file again."""
        return await reread(self._secrets)
