"""The random keys in the URLs of heartbeats: whoever knows one may report; each is treated as a secret."""

import hmac
import secrets
from collections.abc import Collection, Sequence
from typing import Protocol

import msgspec

from integrations.clock import Clock
from integrations.credentials.secret import Secret

OVERLAP = 86_400.0
"""Seconds for which the key before still counts."""

_KEY_BYTES = 32
_NOBODY = secrets.token_urlsafe(_KEY_BYTES)


class HeartbeatKey(msgspec.Struct, frozen=True, kw_only=True):
    """The key of a heartbeat's URL; the one before counts until `previous_until`, UTC seconds."""

    id: str
    current: Secret
    previous: Secret | None = None
    previous_until: float = 0.0


class KeyStore(Protocol):
    """Where keys are kept; each call is one atomic unit."""

    async def save_key(self, key: HeartbeatKey, /) -> None:
        """Replace the heartbeat's key."""
        ...

    async def load_keys(self) -> Sequence[HeartbeatKey]:
        """Return all."""
        ...


class HeartbeatKeys:
    """Makes keys, and knows whether one is right."""

    def __init__(self, *, store: KeyStore | None, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._keys: dict[str, HeartbeatKey] = {}

    async def load(self) -> None:
        """Read those that are stored."""
        if self._store is not None:
            self._keys = {key.id: key for key in await self._store.load_keys()}

    async def key(self, heartbeat: str, *, rotate: bool = False) -> Secret:
        """The key of a heartbeat, made and stored at the first asking; `rotate` makes another, and the one
        before counts for a day more.
        """
        known = self._keys.get(heartbeat)
        if known is not None and not rotate:
            return known.current
        key = HeartbeatKey(
            id=heartbeat,
            current=Secret(secrets.token_urlsafe(_KEY_BYTES)),
            previous=known.current if known is not None else None,
            previous_until=self._clock.time() + OVERLAP if known is not None else 0.0,
        )
        if self._store is not None:
            await self._store.save_key(key)
        self._keys[heartbeat] = key
        return key.current

    def opens(self, heartbeat: str, given: str, *, known: Collection[str]) -> bool:
        """Whether a key is that of a heartbeat; it takes as long for one that does not exist."""
        key = self._keys.get(heartbeat) if heartbeat in known else None
        current = key.current.reveal() if key is not None else _NOBODY
        is_current = hmac.compare_digest(given.encode(), current.encode())
        previous = key.previous if key is not None else None
        is_previous = hmac.compare_digest(
            given.encode(), (previous.reveal() if previous else _NOBODY).encode()
        )
        counts = key is not None and self._clock.time() < key.previous_until
        return (is_current and key is not None) or (is_previous and previous is not None and counts)
