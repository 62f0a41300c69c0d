"""Handlers get what is stored at least once, again after failures, and in the end not any more."""

import itertools
from collections.abc import Collection, Sequence

import anyio
import httpx
import pytest

from integrations.connection import Connection
from integrations.credentials.secret import Secret
from integrations.webhooks.dispatch import AT_ONCE_EACH, FIRST_WAIT, MAX_ATTEMPTS, Dispatcher
from integrations.webhooks.store import Delivery, Settled
from tests.fakes.clock import VIRTUAL_TIME, LoopClock
from tests.fakes.framework import RecordingVendor, framework_for
from tests.integrations.webhooks.deliveries import KEY, SIGNING, signed


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


class Queue:
    """A queue in memory that keeps what became of each delivery."""

    def __init__(self, clock: LoopClock, *deliveries: Delivery) -> None:
        self.clock = clock
        self.waiting = {one.id: (0.0, one) for one in deliveries}
        self.settled: list[Settled] = []
        self.failures = 0

    async def due(self, now: float, *, limit: int, busy: Collection[str]) -> Sequence[Delivery]:
        found = [one for at, one in self.waiting.values() if at <= now and one.integration not in busy]
        return found[:limit]

    async def settle(self, settled: Sequence[Settled]) -> None:
        if self.failures:
            self.failures -= 1
            raise OSError("the disk is full")
        for one in settled:
            self.settled.append(one)
            _, delivery = self.waiting.pop(one.id)
            if one.due is not None:
                again = Delivery(**{**_fields(delivery), "attempts": one.attempts})  # type: ignore[arg-type]  # its own fields
                self.waiting[one.id] = one.due, again

    async def next_due(self) -> float | None:
        return min((at for at, _ in self.waiting.values()), default=None)


def _fields(delivery: Delivery) -> dict[str, object]:
    return {name: getattr(delivery, name) for name in delivery.__struct_fields__}


def waiting(number: int, integration: str = "gh") -> Delivery:
    return Delivery(
        id=number,
        integration=integration,
        at=0.0,
        event_type="push",
        webhook_id=str(number),
        headers={},
        body=b"{}",
    )


async def run(dispatcher: Dispatcher, seconds: float) -> None:
    with anyio.move_on_after(seconds):
        await dispatcher.run()


def dispatcher_for(queue: Queue) -> Dispatcher:
    return Dispatcher(queue=queue, clock=queue.clock, vendor_of={"gh": "github"}.get)


async def test_a_handler_has_every_delivery_of_its_integration_or_vendor() -> None:
    queue = Queue(LoopClock(), waiting(1), waiting(2), waiting(3, "other"))
    dispatcher, seen = dispatcher_for(queue), []

    async def handle(delivery: Delivery) -> None:
        seen.append(delivery.id)

    dispatcher.register("vendor:github", handle)
    await run(dispatcher, 5)

    assert seen == [1, 2]
    assert {one.id: one.state for one in queue.settled} == {1: "handled", 2: "handled", 3: "kept"}


async def test_a_failing_handler_is_asked_again_with_longer_waits_and_at_last_it_is_a_dead_letter() -> None:
    clock = LoopClock()
    queue, times = Queue(clock, waiting(1)), []
    dispatcher = dispatcher_for(queue)

    async def fail(_: Delivery) -> None:
        times.append(clock.time())
        raise RuntimeError("a secret of the delivery")

    dispatcher.register("gh", fail)
    await run(dispatcher, 5_000)

    waits = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert len(times) == MAX_ATTEMPTS
    assert waits == pytest.approx([FIRST_WAIT * 2**n for n in range(MAX_ATTEMPTS - 1)], abs=1.5)
    assert (queue.settled[-1].state, queue.settled[-1].error) == ("dead", "RuntimeError")
    samples = {(sample.metric, sample.labels): sample.value for sample in dispatcher.samples()}
    assert samples["dialtone_webhook_handler_attempts_total", ("gh", "failed")] == MAX_ATTEMPTS
    assert samples["dialtone_webhook_dead_letters_total", ("gh",)] == 1


async def test_a_handler_that_hangs_fails_and_holds_up_no_other_integration() -> None:
    queue = Queue(LoopClock(), *(waiting(number) for number in range(1, 80)), waiting(99, "quick"))
    dispatcher = Dispatcher(queue=queue, clock=queue.clock, vendor_of=lambda _: None)
    at_once, most, quick_at = 0, 0, []

    async def hang(_: Delivery) -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        try:
            await anyio.sleep_forever()
        finally:
            at_once -= 1

    async def quick(_: Delivery) -> None:
        quick_at.append(queue.clock.monotonic())

    dispatcher.register("gh", hang)
    dispatcher.register("quick", quick)
    began = queue.clock.monotonic()
    await run(dispatcher, 31.5)

    assert most == AT_ONCE_EACH
    assert quick_at[0] - began < 2.0
    assert queue.settled[1].error == "TimeoutError"


async def test_what_was_handled_is_settled_later_when_storage_fails_meanwhile() -> None:
    queue, seen = Queue(LoopClock(), waiting(1)), []
    queue.failures = 1
    dispatcher = dispatcher_for(queue)

    async def handle(delivery: Delivery) -> None:
        seen.append(delivery.id)

    dispatcher.register("gh", handle)
    with pytest.raises(ExceptionGroup):
        await run(dispatcher, 5)
    await run(dispatcher, 5)

    assert [one.state for one in queue.settled] == ["handled"]
    assert queue.waiting == {}
    assert seen == [1]


async def test_a_delivery_that_comes_wakes_the_handler_at_once() -> None:
    framework = framework_for(RecordingVendor(httpx.Response(200)))
    secrets = {"token": Secret("ghp_1"), "webhook_secret": Secret(KEY)}
    framework.register_integration(Connection(id="gh", vendor="github", secrets=secrets))
    got: list[Delivery] = []
    done = anyio.Event()

    async def handle(delivery: Delivery) -> None:
        got.append(delivery)
        done.set()

    framework.on_webhook(handle, vendor="github")
    async with anyio.create_task_group() as group:
        group.start_soon(framework.inbound.run)
        await anyio.wait_all_tasks_blocked()
        await framework.handle_webhook("gh", signed(SIGNING["github"]))
        with anyio.fail_after(1):
            await done.wait()
        group.cancel_scope.cancel()

    assert (got[0].integration, got[0].body) == ("gh", signed(SIGNING["github"]).body)


@pytest.mark.parametrize("names", [{}, {"integration_id": "a", "vendor": "b"}])
def test_a_handler_is_for_an_integration_or_for_a_vendor(names: dict[str, str]) -> None:
    framework = framework_for(RecordingVendor(httpx.Response(200)))

    async def handle(_: Delivery) -> None: ...

    with pytest.raises(ValueError, match="integration_id or a vendor"):
        framework.on_webhook(handle, **names)


def test_a_second_handler_is_refused() -> None:
    framework = framework_for(RecordingVendor(httpx.Response(200)))

    async def handle(_: Delivery) -> None: ...

    framework.on_webhook(handle, vendor="github")
    with pytest.raises(ValueError, match="has a webhook handler already"):
        framework.on_webhook(handle, vendor="github")
