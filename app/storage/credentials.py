"""Credentials, encrypted: fulfils integrations.credentials.store.CredentialStore."""

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa
import structlog

from app.storage import tables
from app.storage.units import Units
from app.storage.vault import SealedError, Vault
from integrations.credentials.store import SavedCredential

log = structlog.get_logger("dialtone.storage")


class CredentialRows:
    """Keeps one row an integration in `credential`: only its id can be read there."""

    def __init__(self, units: Units, vault: Vault) -> None:
        self._units = units
        self._vault = vault

    async def save_credential(self, saved: SavedCredential) -> None:
        """Replace what is stored for the integration."""
        plain, purpose = msgspec.json.encode(saved), _purpose(saved.integration)

        def store(connection: sa.Connection) -> None:
            # Sealed on the storage's thread: the first loads the cipher, which would hold up the loop.
            row = {"integration": saved.integration, "body": self._vault.seal(plain, purpose=purpose)}
            tables.replace(connection, tables.credential, [row])

        await self._units.run(store)

    async def load_credentials(self) -> Sequence[SavedCredential]:
        """Return all that this key opens; of the rest it is told once how many there are."""
        query = sa.select(tables.credential.c.integration, tables.credential.c.body)
        rows = await self._units.run(lambda connection: connection.execute(query).all())
        opened = [saved for integration, body in rows if (saved := self._opened(integration, body))]
        if len(opened) < len(rows):
            log.error(
                "stored credentials cannot be opened; new tokens are fetched",
                count=len(rows) - len(opened),
                hint="was the key file replaced, or storage.key changed? see docs/credentials.md",
            )
        return opened

    def _opened(self, integration: str, body: bytes) -> SavedCredential | None:
        try:
            plain = self._vault.open(body, purpose=_purpose(integration))
            return msgspec.json.decode(plain, type=SavedCredential)
        except (SealedError, msgspec.DecodeError):
            return None


def _purpose(integration: str) -> bytes:
    """Binds a row to its integration, so that it opens in no other's place."""
    return b"dialtone credential\0" + integration.encode()
