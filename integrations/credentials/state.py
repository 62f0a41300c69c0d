"""How a credential stands, as it is told: to the API, the page, the command line. Nothing secret."""

from collections.abc import Mapping
from typing import Literal

import msgspec

State = Literal["ok", "unused", "expiring", "expired", "rejected", "refresh_failed"]
"""unused: no token was needed yet; rejected: the vendor refuses it; refresh_failed: there is no new token."""


class CredentialState(msgspec.Struct, frozen=True, kw_only=True):
    """One credential of an integration: of its authentication kind `auth`, the secret or token `credential`.

    `expires_at` is its end, None where it is not known; `renews` says that this one is renewed by itself, at
    `refreshed_at` the last time. `granted` are the scopes it has (None: not told), `missing` those that
    actions lack. Times are UTC seconds.
    """

    integration: str
    vendor: str
    auth: str
    kind: str
    credential: str
    state: State
    renews: bool = False
    expires_at: float | None = None
    refreshed_at: float | None = None
    detail: str = ""
    granted: tuple[str, ...] | None = None
    missing: Mapping[str, tuple[str, ...]] = {}
