"""A fixed key in a header or the query."""

from collections.abc import Mapping

import httpx

from integrations.credentials.credential import reread
from integrations.credentials.secret import Secret
from integrations.manifest.authentication import APIKeyAuth
from integrations.manifest.templates import Lookup, Position, Template


class APIKey:
    """Puts the key where the manifest's `apply` says."""

    def __init__(self, auth: APIKeyAuth, *, values: Lookup, secrets: Mapping[str, Secret]) -> None:
        self._secrets = secrets
        self._values = values
        self._headers = {
            name: Template(text, position=Position.HEADER) for name, text in auth.apply.headers.items()
        }
        self._query = {name: Template(text) for name, text in auth.apply.query.items()}

    def apply(self, request: httpx.Request) -> None:
        """Set the headers and query parameters."""
        for name, template in self._headers.items():
            request.headers[name] = template.fill(self._values)
        if self._query:
            filled = {name: template.fill(self._values) for name, template in self._query.items()}
            request.url = request.url.copy_merge_params(filled)

    async def refresh(self) -> bool:
        """Read the key's file again."""
        return await reread(self._secrets)
