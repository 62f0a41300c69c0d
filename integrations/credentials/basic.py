"""HTTP Basic (RFC 7617), in UTF-8."""

import base64
from collections.abc import Mapping

import httpx

from integrations.credentials.credential import reread
from integrations.credentials.secret import Secret
from integrations.manifest.authentication import BasicAuth
from integrations.manifest.templates import Lookup, Template


class Basic:
    """Puts user and password into the Authorization header."""

    def __init__(self, auth: BasicAuth, *, values: Lookup, secrets: Mapping[str, Secret]) -> None:
        self._secrets = secrets
        self._values = values
        self._pair = Template(auth.username), Template(auth.password)

    def apply(self, request: httpx.Request) -> None:
        """Set the header."""
        pair = ":".join(template.fill(self._values) for template in self._pair)
        request.headers["authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()

    async def refresh(self) -> bool:
        """Read the secrets' files again."""
        return await reread(self._secrets)
