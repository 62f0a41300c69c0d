"""What is kept of deliveries, and who keeps it; app/storage fulfils the Protocols."""

from collections.abc import Collection, Mapping, Sequence
from typing import Literal, Protocol

import msgspec

from integrations.credentials.secret import Secret
from integrations.signals import WebhookReceipt

State = Literal["kept", "waiting", "handled", "dead"]
"""What becomes of a delivery here: nobody handles it, it waits for its handler, it is done, or it was given
up.
"""


class NewDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """A verified delivery as it is stored, with the receipt that goes with it.

    `delivery_key` and `content_key` tell it from all others of its integration: a delivery that shares either
    with one that is stored and no older than `window` seconds (None: however old) is a duplicate. `handled`
    says that a handler waits for it.
    """

    receipt: WebhookReceipt
    delivery_key: str
    content_key: str | None
    headers: Mapping[str, str]
    body: bytes
    handled: bool = False
    window: float | None = None


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """A stored delivery, as a handler is given it. `id` rises; `attempts` counts those before this one."""

    id: int
    integration: str
    at: float
    event_type: str
    webhook_id: str
    headers: Mapping[str, str]
    body: bytes
    attempts: int = 0


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an attempt to handle a delivery: `due` is when to try again, for one that waits."""

    id: int
    state: State
    attempts: int
    due: float | None = None
    error: str = ""


class URLKey(msgspec.Struct, frozen=True, kw_only=True):
    """The random key of an integration's URL; the one before counts until `previous_until`, UTC seconds."""

    integration: str
    current: Secret
    previous: Secret | None = None
    previous_until: float = 0.0


class WebhookStore(Protocol):
    """Keeps deliveries; each method is one atomic unit. Raises what storage raises when it cannot."""

    async def accept(self, delivery: NewDelivery) -> bool:
        """Store a delivery with its receipt; of a duplicate the receipt only, with that verdict. Return
        whether it was new.
        """
        ...

    async def note(self, receipt: WebhookReceipt) -> None:
        """Store the receipt of what was not taken."""
        ...

    async def last_received(self) -> Mapping[tuple[str, str], float]:
        """Return when each integration's last delivery came, by integration and event type."""
        ...


class WebhookQueue(Protocol):
    """The deliveries that wait for their handlers."""

    async def due(self, now: float, *, limit: int, busy: Collection[str]) -> Sequence[Delivery]:
        """Return waiting deliveries whose time has come, oldest first, of integrations that are not busy."""
        ...

    async def settle(self, settled: Sequence[Settled]) -> None:
        """Store what became of attempts."""
        ...

    async def next_due(self) -> float | None:
        """Return when the next waiting delivery is due, in UTC seconds."""
        ...


class URLKeys(Protocol):
    """Keeps the keys of URLs."""

    async def load_keys(self) -> Sequence[URLKey]:
        """Return all."""
        ...

    async def save_key(self, key: URLKey) -> None:
        """Replace the integration's key."""
        ...
