"""The watchdog: who waits for its beats learns within a minute that Dialtone is gone or can store nothing."""

from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from integrations.credentials.secret import Secret
from integrations.execution.outcome import FailureKind
from monitors.alerts.alert import Alert
from monitors.alerts.receivers import Receiver, WebhookReceiver
from monitors.alerts.schedule import Sent
from monitors.alerts.sending import Sender
from monitors.alerts.watchdog import INTERVAL, Watchdog, WatchdogSettings
from tests.fakes.clock import VIRTUAL_TIME, LoopClock
from tests.fakes.outbox import ANSWERED, Box, FakeSender, open_box
from tests.fakes.relay import receiver

REFUSED = Sent(kind=FailureKind.CONNECTION, detail="could not connect")


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    with open_box(tmp_path) as opened:
        yield opened


class Raised:
    def __init__(self) -> None:
        self.alerts: list[Alert] = []

    def raise_alert(self, alert: Alert) -> None:
        self.alerts.append(alert)


def watchdog(
    box: Box, heartbeat: FakeSender, *, last: FakeSender | None = None, alert: bool = False
) -> tuple[Watchdog, Raised]:
    told = Raised()

    def last_resort() -> tuple[Receiver, Sender] | None:
        return None if last is None else (receiver("phone"), last)

    made = Watchdog(
        settings=WatchdogSettings(heartbeat_url=Secret("https://dead.example/x"), alert=alert),
        clock=LoopClock(),
        proof=box.keeping,
        heartbeat=heartbeat,
        last_resort=last_resort,
        reports=told,
    )
    return made, told


async def run(dog: Watchdog, seconds: float) -> None:
    with anyio.move_on_after(seconds):
        await dog.run()


def results(dog: Watchdog) -> dict[str, float]:
    return {sample.labels[0]: sample.value for sample in dog.samples() if sample.labels}


def last_beat(dog: Watchdog) -> float | None:
    return next((sample.value for sample in dog.samples() if not sample.labels), None)


async def test_it_beats_every_minute(box: Box) -> None:
    heartbeat = FakeSender()
    dog, _ = watchdog(box, heartbeat)
    await run(dog, 10 * INTERVAL - 1)

    assert len(heartbeat.letters) == 10
    assert results(dog) == {"sent": 10}
    assert last_beat(dog) == pytest.approx(heartbeat.letters[-1].at, abs=1)


async def test_it_is_silent_while_nothing_can_be_stored_and_beats_again_afterwards(box: Box) -> None:
    heartbeat = FakeSender()
    dog, _ = watchdog(box, heartbeat)
    box.units.failure = OSError("disk full")
    await run(dog, 5 * INTERVAL - 1)
    assert heartbeat.letters == []
    assert results(dog)["withheld"] == 5
    assert last_beat(dog) is None

    box.units.failure = None
    await dog.beat()
    assert len(heartbeat.letters) == 1


async def test_one_message_goes_out_unsaved_when_storage_has_failed_for_a_minute(box: Box) -> None:
    last = FakeSender()
    dog, _ = watchdog(box, FakeSender(), last=last)
    box.units.failure = OSError("disk full")
    await run(dog, 30)
    assert last.letters == []
    await run(dog, 10 * INTERVAL)

    (letter,) = last.letters
    assert letter.notification.receiver == "phone"
    assert "can store nothing (OSError)" in letter.notification.alerts[0].annotations["summary"]


async def test_it_is_told_again_when_storage_fails_again(box: Box) -> None:
    last = FakeSender()
    dog, _ = watchdog(box, FakeSender(), last=last)
    for _ in range(2):
        box.units.failure = OSError("disk full")
        await run(dog, 3 * INTERVAL)
        box.units.failure = None
        await dog.beat()

    assert len(last.letters) == 2


async def test_a_last_resort_that_does_not_take_it_is_asked_again(box: Box) -> None:
    last = FakeSender(REFUSED, LookupError("a bug"), ANSWERED)
    dog, _ = watchdog(box, FakeSender(), last=last)
    box.units.failure = OSError("disk full")
    await run(dog, 10 * INTERVAL)

    assert len(last.letters) == 3


async def test_a_beat_that_is_not_taken_ends_nothing(box: Box) -> None:
    heartbeat = FakeSender(REFUSED, LookupError("a bug"), ANSWERED)
    dog, _ = watchdog(box, heartbeat)
    await run(dog, 3 * INTERVAL - 1)

    assert results(dog) == {"failed": 2, "sent": 1}


async def test_the_alert_that_always_fires_is_raised_by_wish(box: Box) -> None:
    silent, nothing = watchdog(box, FakeSender())
    await run(silent, 1)
    loud, told = watchdog(box, FakeSender(), alert=True)
    await run(loud, 1)

    assert nothing.alerts == []
    assert [alert.labels["alertname"] for alert in told.alerts] == ["Watchdog"]


@pytest.mark.parametrize("interval", [0.0, 4.9, 3601.0])
def test_an_interval_that_helps_nobody_is_refused(interval: float) -> None:
    with pytest.raises(ValueError, match=r"watchdog\.interval"):
        WatchdogSettings(interval=interval)


def test_the_address_of_the_beats_is_not_shown() -> None:
    settings = WatchdogSettings(heartbeat_url=Secret("https://dead.example/canary-4711"))

    assert "canary-4711" not in repr(settings)
    assert isinstance(receiver("phone"), WebhookReceiver)
