"""Deliveries, their queue, keys of URLs and credentials on a real PostgreSQL; needs what
test_storage_on_postgresql.py needs.
"""

from collections.abc import Sequence

import anyio
import pytest
import sqlalchemy as sa

from app.storage.storage import Storage
from app.storage.stored_webhook import Wanted
from integrations.credentials.secret import Secret
from integrations.signals import WebhookReceipt
from integrations.webhooks.store import Settled, URLKey
from tests.app.storage.test_vault import SAVED
from tests.app.storage.test_webhook_rows import new, receipt
from tests.real.test_storage_on_postgresql import server, storage

__all__ = ["server", "storage"]

pytest.importorskip("psycopg")


async def events(storage: Storage, integration: str, after: int, limit: int = 7) -> Sequence[tuple[int, str]]:
    wanted = Wanted(integration=integration, verdict="accepted", after=after, limit=limit)
    return [(one.id, one.webhook_id) for one, _ in await storage.webhook_reading.deliveries(wanted)]


async def test_a_delivery_is_new_once_by_either_of_its_keys(storage: Storage) -> None:
    accept = storage.webhooks.accept

    first = await accept(new("a", content="c1", integration="keys"))
    again = [
        await accept(new("a", content="c2", integration="keys")),
        await accept(new("b", content="c1", integration="keys")),
    ]

    assert (first, again) == (True, [False, False])
    assert [name for _, name in await events(storage, "keys", 0)] == ["a"]
    assert await storage.webhooks.last_received() == {("keys", "push"): 10.0}


async def test_a_cursor_loses_nothing_and_repeats_nothing_while_many_write(storage: Storage) -> None:
    """Duplicates and receipts of what was refused take numbers too, and pages end anywhere."""
    seen: list[str] = []
    done = anyio.Event()

    async def write(writer: int) -> None:
        for number in range(25):
            name = f"{writer}-{number}"
            await storage.webhooks.accept(new(name, content=name, integration="many"))
            await storage.webhooks.accept(new(name, content=name, integration="many"))
            await storage.webhooks.note(receipt("", integration="many", verdict="bad_signature"))

    async def read() -> None:
        cursor = 0
        while True:
            is_last = done.is_set()
            page = await events(storage, "many", cursor)
            seen.extend(name for _, name in page)
            cursor = page[-1][0] if page else cursor
            if is_last and not page:
                return

    async with anyio.create_task_group() as readers:
        readers.start_soon(read)
        async with anyio.create_task_group() as writers:
            for writer in range(12):
                writers.start_soon(write, writer)
        done.set()

    assert sorted(seen) == sorted(f"{writer}-{number}" for writer in range(12) for number in range(25))


async def test_what_waits_is_due_until_it_is_settled_and_again_when_it_is_replayed(storage: Storage) -> None:
    await storage.webhooks.accept(new("waits", integration="queue", handled=True))
    await storage.webhooks.accept(new("other", integration="busy", handled=True))

    (due,) = await storage.webhook_queue.due(10.0, limit=9, busy=["busy"])
    await storage.webhook_queue.settle([Settled(id=due.id, state="dead", attempts=8, error="KeyError")])

    assert await storage.webhook_queue.due(10.0, limit=9, busy=["busy"]) == []
    assert await storage.webhook_reading.replay("queue", [due.id], now=50.0) == 1
    (again,) = await storage.webhook_queue.due(50.0, limit=9, busy=["busy"])
    assert (again.id, again.attempts, again.body, again.headers) == (due.id, 0, b"body", {"x-id": "waits"})
    assert await storage.webhook_queue.next_due() == 10.0


async def test_bodies_and_old_rows_give_way(storage: Storage) -> None:
    for number in range(5):
        await storage.webhooks.accept(new(f"old-{number}", integration="old", at=1.0))
    before = await storage.webhook_reading.stored_bytes()

    dropped = await storage.webhook_reading.drop_bodies(above=0, enough=4)
    trimmed = await storage.webhook_reading.trim(before=2.0)

    assert dropped is not None
    assert await storage.webhook_reading.stored_bytes() < before
    assert trimmed == 5
    assert await events(storage, "old", 0) == []


@pytest.mark.parametrize("word", ["\0", "a\0b", "\ud800", "é" * 300])
async def test_what_a_text_column_cannot_hold_finds_nothing(storage: Storage, word: str) -> None:
    for wanted in (Wanted(integration=word), Wanted(event_type=word)):
        assert list(await storage.webhook_reading.webhooks(wanted)) == []
    assert await storage.webhook_reading.webhook(word, 1) is None


async def test_keys_of_urls_and_credentials_come_back_as_they_were(storage: Storage) -> None:
    key = URLKey(integration="dk", current=Secret("new"), previous=Secret("old"), previous_until=7.0)
    for _ in range(2):
        await storage.webhooks.save_key(key)
        await storage.credentials.save_credential(SAVED)

    assert await storage.webhooks.load_keys() == [key]
    assert list(await storage.credentials.load_credentials()) == [SAVED]


async def test_receipts_stand_in_the_log_in_the_order_of_their_numbers(storage: Storage) -> None:
    await storage.webhooks.accept(new("logged", integration="log"))

    stored = await storage.signals.signals_after(0, 100_000)

    numbers = [number for number, _ in stored]
    assert numbers == sorted(numbers)
    assert [one.webhook_id for _, one in stored if isinstance(one, WebhookReceipt)][-1] == "logged"


async def test_an_error_quotes_nothing_of_what_was_to_be_stored(storage: Storage) -> None:
    canary = "canary-in-a-key"

    with pytest.raises(sa.exc.DataError) as raised:
        await storage.webhooks.save_key(URLKey(integration="x\0", current=Secret(canary)))

    assert canary not in str(raised.value)
