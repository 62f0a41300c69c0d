"""What came in by webhook, as operators and developers see it: read, replayed, and forgotten in time."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import anyio

from app.configuration.structure import WebhookKeeping
from app.storage.storage import Storage
from app.storage.stored_webhook import StoredWebhook, Wanted
from integrations.clock import Clock
from integrations.samples import Sample
from integrations.webhooks.inbound import Inbound

DAY = 86_400.0
TEND_SECONDS = 600.0
MAX_REPLAYED = 1000


class WebhookDesk:
    """Inbound webhooks over what is stored of them. `keeping` says, each time, what is kept."""

    def __init__(
        self,
        inbound: Inbound,
        *,
        storage: Storage,
        clock: Clock,
        keeping: Callable[[], WebhookKeeping] = WebhookKeeping,
    ) -> None:
        self.inbound = inbound
        self._rows = storage.webhooks
        self._reading = storage.webhook_reading
        self._clock = clock
        self.keeping = keeping
        self._dropped_to = 0
        self.turned_away: Counter[str] = Counter()

    async def run(self) -> None:
        """Hand deliveries to their handlers, and forget old ones, until cancelled."""
        async with anyio.create_task_group() as group:
            group.start_soon(self.inbound.run)
            while True:
                await self.tend()
                await self._clock.sleep(TEND_SECONDS)

    async def tend(self) -> None:
        """Forget deliveries that are too old, and the oldest bodies when they take too much."""
        keeping = self.keeping()
        before = self._clock.time() - keeping.keep_days * DAY
        while await self._reading.trim(before=before):
            pass
        excess = await self._reading.stored_bytes() - keeping.keep_bytes
        while excess > 0 and (
            dropped := await self._reading.drop_bodies(above=self._dropped_to, enough=excess)
        ):
            self._dropped_to, freed = dropped
            excess -= freed
        self._rows.body_bytes = await self._reading.stored_bytes()

    async def webhooks(self, wanted: Wanted) -> Sequence[StoredWebhook]:
        """What came, newest first."""
        return await self._reading.webhooks(wanted)

    async def webhook(self, integration: str, number: int) -> tuple[StoredWebhook, bytes | None] | None:
        """One of an integration, with its body while that is kept."""
        return await self._reading.webhook(integration, number)

    async def events(
        self, integration: str, *, after: int, limit: int, wait: float
    ) -> Sequence[tuple[StoredWebhook, bytes | None]]:
        """Verified deliveries with an id above `after`, oldest first; waits up to `wait` seconds for the
        first.
        """
        news = self.inbound.news(integration)
        found = await self._events(integration, after, limit)
        if not found and wait > 0:
            with anyio.move_on_after(wait):
                await news.wait()
            found = await self._events(integration, after, limit)
        return found

    async def replay(self, integration: str, numbers: Sequence[int]) -> int:
        """Hand deliveries to their handler again, from the first attempt; return how many could be."""
        replayed = await self._reading.replay(integration, numbers, now=self._clock.time())
        self.inbound.wake()
        return replayed

    async def replay_dead(self, integration: str) -> int:
        """Hand an integration's dead letters to its handler again, at most 1,000 at once, newest first."""
        dead = Wanted(integration=integration, state="dead", limit=MAX_REPLAYED)
        return await self.replay(integration, [one.id for one in await self._reading.webhooks(dead)])

    def samples(self) -> Iterable[Sample]:
        """What came and what became of it, what bodies take, and requests that were not even judged."""
        yield from self.inbound.samples()
        for reason, count in self.turned_away.items():
            yield Sample("dialtone_webhooks_turned_away_total", (reason,), count)
        yield Sample("dialtone_webhook_stored_bytes", (), self._rows.body_bytes)

    async def _events(
        self, integration: str, after: int, limit: int
    ) -> Sequence[tuple[StoredWebhook, bytes | None]]:
        return await self._reading.deliveries(
            Wanted(integration=integration, verdict="accepted", after=after, limit=limit)
        )
