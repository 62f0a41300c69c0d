"""Deliveries in memory, for a framework that is used without storage: nothing outlives the process."""

from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from itertools import count

import msgspec

from integrations.signals import WebhookReceipt
from integrations.webhooks.store import Delivery, NewDelivery, Settled, URLKey

MAX_REMEMBERED = 100_000
MAX_WAITING = 10_000


class MemoryStore:
    """Knows deliveries again by their keys. When it is full the oldest is forgotten first."""

    def __init__(self, *, bound: int = MAX_REMEMBERED) -> None:
        self._seen: OrderedDict[tuple[str, str, str], None] = OrderedDict()
        self._last: dict[tuple[str, str], float] = {}
        self._keys: dict[str, URLKey] = {}
        self._bound = bound
        self._waiting: dict[int, tuple[float, Delivery]] = {}
        self._numbers = count(1)

    async def accept(self, delivery: NewDelivery) -> bool:
        """Return whether neither of the delivery's keys came before."""
        receipt = delivery.receipt
        keys = [(receipt.integration, "delivery", delivery.delivery_key)]
        if delivery.content_key is not None:
            keys.append((receipt.integration, "content", delivery.content_key))
        if any(key in self._seen for key in keys):
            return False
        self._seen.update(dict.fromkeys(keys))
        while len(self._seen) > self._bound:
            self._seen.popitem(last=False)
        self._last[receipt.integration, receipt.event_type] = receipt.at
        if delivery.handled and len(self._waiting) < MAX_WAITING:
            self._wait(delivery)
        return True

    async def note(self, receipt: WebhookReceipt) -> None:
        """Keep nothing of what was not taken."""

    async def last_received(self) -> Mapping[tuple[str, str], float]:
        """Return what came in this process."""
        return dict(self._last)

    async def load_keys(self) -> Sequence[URLKey]:
        """Return the keys of this process."""
        return tuple(self._keys.values())

    async def save_key(self, key: URLKey) -> None:
        """Keep a key while the process lives."""
        self._keys[key.integration] = key

    async def due(self, now: float, *, limit: int, busy: Collection[str]) -> Sequence[Delivery]:
        """Return waiting deliveries whose time has come."""
        due = [one for at, one in self._waiting.values() if at <= now and one.integration not in busy]
        return due[:limit]

    async def settle(self, settled: Sequence[Settled]) -> None:
        """Keep what still waits, with its new time."""
        for one in settled:
            _, delivery = self._waiting.pop(one.id)
            if one.state == "waiting" and one.due is not None:
                again = msgspec.structs.replace(delivery, attempts=one.attempts)
                self._waiting[one.id] = one.due, again

    async def next_due(self) -> float | None:
        """Return when the next one is due."""
        return min((at for at, _ in self._waiting.values()), default=None)

    def _wait(self, new: NewDelivery) -> None:
        receipt, number = new.receipt, next(self._numbers)
        delivery = Delivery(
            id=number,
            integration=receipt.integration,
            at=receipt.at,
            event_type=receipt.event_type,
            webhook_id=receipt.webhook_id,
            headers=new.headers,
            body=new.body,
        )
        self._waiting[number] = receipt.at, delivery

    def __len__(self) -> int:
        return len(self._seen)
