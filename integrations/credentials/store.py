"""What of credentials is kept through restarts, and who keeps it."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import msgspec


class Told(NamedTuple):
    """What was last told of a credential's end: the end, and for how many days left (0: that it is over)."""

    ends_at: float
    days: int


class SavedCredential(msgspec.Struct, frozen=True, kw_only=True):
    """One integration's credential. It holds secrets: it is stored encrypted only, and shows none of itself.

    It counts only for the same `kind` of authentication and the same `fingerprint` of its secrets. `ends` are
    the known ends of what cannot renew itself, by name; times are UTC seconds.
    """

    integration: str
    kind: str
    fingerprint: str
    access: str = ""
    refresh: str = ""
    expires_at: float | None = None
    renewed_at: float | None = None
    host: str = ""
    scopes: tuple[str, ...] | None = None
    ends: Mapping[str, float] = {}
    told: Mapping[str, Told] = {}

    def __repr__(self) -> str:
        return f"SavedCredential({self.integration!r}, ***)"


class CredentialStore(Protocol):
    """Keeps credentials, encrypted; each method is one atomic unit."""

    async def load_credentials(self) -> Sequence[SavedCredential]:
        """Return all that can be decrypted; what cannot is as if it had never been."""
        ...

    async def save_credential(self, saved: SavedCredential) -> None:
        """Replace what is kept of the integration."""
        ...
