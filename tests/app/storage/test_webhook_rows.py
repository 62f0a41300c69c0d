"""What is stored of webhooks: each once, with its receipt, until it is old or takes too much room."""

from pathlib import Path

import anyio
import msgspec
import pytest

from app.configuration.structure import WebhookKeeping
from app.storage.storage import Storage, open_storage
from app.storage.stored_webhook import Wanted
from app.webhooks import WebhookDesk
from integrations.clock import SystemClock
from integrations.credentials.secret import Secret
from integrations.signals import WebhookReceipt
from integrations.webhooks.inbound import Inbound, Persistence
from integrations.webhooks.store import NewDelivery, Settled, URLKey, URLKeys, WebhookQueue, WebhookStore
from tests.fakes.clock import FakeClock


def receipt(
    name: str = "d1", *, at: float = 10.0, integration: str = "gh", verdict: str = "accepted"
) -> WebhookReceipt:
    return WebhookReceipt(
        at=at, integration=integration, vendor="github", event_type="push", verdict=verdict, webhook_id=name,
        body_bytes=4, lag=1.5,
    )  # fmt: skip


def new(
    name: str = "d1", *, content: str | None = None, handled: bool = False, **more: object
) -> NewDelivery:
    return NewDelivery(
        receipt=receipt(name, **more),  # type: ignore[arg-type]  # the receipt's own
        delivery_key=name,
        content_key=content,
        headers={"x-id": name},
        body=b"body",
        handled=handled,
    )


async def test_a_delivery_is_new_once_by_either_of_its_keys(storage: Storage) -> None:
    store: WebhookStore = storage.webhooks

    first = await store.accept(new("a", content="c1"))
    same_id = await store.accept(new("a", content="c2"))
    same_content = await store.accept(new("b", content="c1"))
    elsewhere = await store.accept(new("a", content="c1", integration="other"))
    without = [await store.accept(new(name)) for name in ("x", "y")]

    assert (first, same_id, same_content, elsewhere, without) == (True, False, False, True, [True, True])
    stored = await storage.signals.signals_after(0, 100)
    verdicts = [signal.verdict for _, signal in stored if isinstance(signal, WebhookReceipt)]
    assert verdicts == ["accepted", "duplicate", "duplicate", "accepted", "accepted", "accepted"]


async def test_a_delivery_is_new_again_once_its_window_is_over(storage: Storage) -> None:
    def reminder(at: float) -> NewDelivery:
        return msgspec.structs.replace(new("a", content="c", at=at), window=300.0)

    seen = [await storage.webhooks.accept(reminder(at)) for at in (10.0, 300.0, 310.5, 400.0)]

    assert seen == [True, False, True, False]
    assert len(await storage.webhook_reading.webhooks(Wanted(verdict="accepted"))) == 2


async def test_of_many_equal_ones_at_once_exactly_one_is_new(storage: Storage) -> None:
    results: list[bool] = []

    async def accept(number: int) -> None:
        results.append(await storage.webhooks.accept(new(f"d{number % 5}", content=f"c{number % 5}")))

    async with anyio.create_task_group() as group:
        for number in range(200):
            group.start_soon(accept, number)

    assert results.count(True) == 5
    assert len(await storage.webhook_reading.webhooks(Wanted(verdict="accepted"))) == 5
    assert len(await storage.webhook_reading.webhooks(Wanted(verdict="duplicate", limit=1000))) == 195


async def test_replays_are_known_after_a_restart(tmp_path: Path) -> None:
    for expected in (True, False):
        storage = open_storage(None, state_dir=tmp_path, clock=SystemClock())
        await storage.start()
        assert await storage.webhooks.accept(new("a", content="c")) is expected
        assert await storage.webhooks.last_received() == {("gh", "push"): 10.0}
        await storage.aclose()


async def test_a_batch_that_cannot_be_stored_fails_all_that_are_in_it(storage: Storage) -> None:
    await storage.aclose()
    failures: list[str] = []

    async def accept(number: int) -> None:
        try:
            await storage.webhooks.accept(new(str(number)))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what the caller is told
            failures.append(type(error).__name__)

    async with anyio.create_task_group() as group:
        for number in range(20):
            group.start_soon(accept, number)

    assert failures == ["StorageUnavailableError"] * 20


async def test_a_caller_that_leaves_does_not_take_the_others_deliveries_along(storage: Storage) -> None:
    others: list[bool] = []

    async def other(number: int) -> None:
        others.append(await storage.webhooks.accept(new(f"other-{number}")))

    async with anyio.create_task_group() as group:
        with anyio.CancelScope() as leaving:
            group.start_soon(other, 1)
            leaving.cancel()
            await storage.webhooks.accept(new("leader"))
        group.start_soon(other, 2)

    assert others == [True, True]


async def test_what_waits_is_due_until_it_is_settled(storage: Storage) -> None:
    queue: WebhookQueue = storage.webhook_queue
    for name, integration in (("a", "gh"), ("b", "busy"), ("c", "gh")):
        await storage.webhooks.accept(new(name, integration=integration, handled=True))
    await storage.webhooks.accept(new("kept"))

    due = await queue.due(10.0, limit=10, busy=["busy"])
    assert [(one.webhook_id, one.body, one.headers) for one in due] == [
        ("a", b"body", {"x-id": "a"}), ("c", b"body", {"x-id": "c"}),
    ]  # fmt: skip
    assert await queue.due(9.9, limit=10, busy=[]) == []
    await queue.settle(
        [
            Settled(id=due[0].id, state="handled", attempts=1),
            Settled(id=due[1].id, state="waiting", attempts=1, due=20.0, error="KeyError"),
        ]
    )

    assert await queue.next_due() == 10.0
    again = await queue.due(20.0, limit=10, busy=["busy"])
    assert [(one.webhook_id, one.attempts) for one in again] == [("c", 1)]


async def test_dead_letters_wait_again_once_they_are_replayed(storage: Storage) -> None:
    await storage.webhooks.accept(new("a", handled=True))
    (delivery,) = await storage.webhook_queue.due(10.0, limit=1, busy=[])
    await storage.webhook_queue.settle([Settled(id=delivery.id, state="dead", attempts=8, error="KeyError")])
    assert [one.error for one in await storage.webhook_reading.webhooks(Wanted(state="dead"))] == ["KeyError"]

    assert await storage.webhook_reading.replay("other", [delivery.id], now=50.0) == 0
    assert await storage.webhook_reading.replay("gh", [delivery.id], now=50.0) == 1

    (again,) = await storage.webhook_queue.due(50.0, limit=1, busy=[])
    assert (again.id, again.attempts) == (delivery.id, 0)


async def test_the_keys_of_urls_come_back_as_they_were(storage: Storage) -> None:
    keys: URLKeys = storage.webhooks
    key = URLKey(integration="dk", current=Secret("new"), previous=Secret("old"), previous_until=7.0)

    await keys.save_key(URLKey(integration="dk", current=Secret("old")))
    await keys.save_key(key)

    assert await keys.load_keys() == [key]


def desk(storage: Storage, clock: FakeClock, *, keep_bytes: int = 1000, keep_days: float = 30) -> WebhookDesk:
    persistence = Persistence(storage.webhooks, storage.webhook_queue, storage.webhooks)
    inbound = Inbound(
        persistence,
        calls=None,  # type: ignore[arg-type]  # nothing is fetched
        clock=clock,
        publish=lambda _: None,
        find=lambda _: None,
    )
    return WebhookDesk(
        inbound,
        storage=storage,
        clock=clock,
        keeping=lambda: WebhookKeeping(keep_days=keep_days, keep_bytes=keep_bytes),
    )


async def test_old_deliveries_are_forgotten_but_not_those_that_wait(storage: Storage) -> None:
    clock = FakeClock(utc=31 * 86_400.0)
    await storage.webhooks.accept(new("old"))
    await storage.webhooks.accept(new("waits", handled=True))
    await storage.webhooks.note(receipt("", verdict="bad_signature"))
    await storage.webhooks.accept(new("young", at=2 * 86_400.0))

    await desk(storage, clock).tend()

    left = await storage.webhook_reading.webhooks(Wanted())
    assert [one.webhook_id for one in left] == ["young", "waits"]


async def test_deliveries_are_forgotten_after_as_many_days_as_are_configured(storage: Storage) -> None:
    await storage.webhooks.accept(new("old"))
    await storage.webhooks.accept(new("young", at=1.5 * 86_400.0))

    await desk(storage, FakeClock(utc=3 * 86_400.0), keep_days=2).tend()

    assert [one.webhook_id for one in await storage.webhook_reading.webhooks(Wanted())] == ["young"]


@pytest.mark.parametrize(("keep_bytes", "kept"), [(40, 10), (39, 9), (12, 3), (0, 0)])
async def test_the_oldest_bodies_give_way_when_they_take_too_much(
    storage: Storage, keep_bytes: int, kept: int
) -> None:
    for number in range(10):
        await storage.webhooks.accept(new(str(number)))
    made = desk(storage, FakeClock(utc=100.0), keep_bytes=keep_bytes)

    await made.tend()

    found = await storage.webhook_reading.deliveries(Wanted(after=0))
    assert [body for _, body in found] == [None] * (10 - kept) + [b"body"] * kept
    assert ("dialtone_webhook_stored_bytes", (), 4.0 * kept) in list(made.samples())
    assert not await storage.webhooks.accept(new("0"))
