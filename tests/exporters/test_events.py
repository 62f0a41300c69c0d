"""Events on their way from the bus to an intake: bounded, kept, in order, and told alike to every intake."""

import random
from collections.abc import Sequence
from pathlib import Path

import anyio
import anyio.lowlevel
import msgspec
import pytest

from exporters import events
from exporters.events import EventExporter, EventKind, Events, Tone, TrialEvent, event_of
from exporters.push.batchfile import Batch
from exporters.push.exporter import Action, Address, PushExporter, Reply, Verdict
from exporters.push.spool import Spool
from integrations.signals import BreakerState, Health, IncidentChange
from tests.fakes.calls import call_record
from tests.fakes.clock import FakeClock
from tests.fakes.told import AT, BROKEN, DOWN, OPENED, RESOLVED, STORY

HOME = "https://dialtone.example.com/"


class TitleIntake:
    """Takes one batch for all events at once, whose body holds their titles."""

    name = "titles"
    keep = 3_600.0
    secrets = ()

    def encode(self, cut: Events, /) -> Sequence[Batch]:
        titles = "\n".join(event.title for event in cut.told())
        points = len(cut.points)
        return [Batch(route="events", body=titles.encode(), headers={}, points=points, cut_at=cut.ended)]

    def split(self, _: Batch) -> Sequence[Batch]:
        return ()

    def address(self, _: Batch) -> Address:
        return Address("https://intake.example.com", {})

    def judge(self, reply: Reply) -> Verdict:
        return Verdict(Action.TAKEN if reply.status == 202 else Action.RETRY, "not now")


class PacedClock(FakeClock):
    """Leaves threads their turn in each sleep, for a loop that does nothing but sleep would not."""

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        await anyio.sleep(0.001)


class Desk:
    """An exporter of events, and what was sent; `status` is what the intake answers."""

    def __init__(self, directory: Path) -> None:
        self.clock = PacedClock()
        self.status = 202
        self.sent: list[str] = []
        spool = Spool(directory, limit=1 << 20, keep=3_600.0, clock=self.clock)
        exporter: PushExporter[Events] = PushExporter(
            TitleIntake(), spool=spool, send=self._send, clock=self.clock, random=random.Random(1)
        )
        self.teller = EventExporter(exporter, clock=self.clock, home=lambda: HOME)

    async def _send(self, _: Address, batch: Batch) -> Reply:
        if self.status == 202:
            self.sent.append(batch.body.decode())
        return Reply(self.status)

    def samples(self) -> dict[tuple[str, ...], float]:
        return {(sample.metric, *sample.labels): sample.value for sample in self.teller.samples()}


async def test_what_happens_within_a_second_is_one_request_in_order(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    async with anyio.create_task_group() as group:
        group.start_soon(desk.teller.run)
        for signal in STORY:
            desk.teller.on_signal(signal)
        with anyio.fail_after(20):
            while not desk.sent:  # noqa: ASYNC110 - the exporter's own tasks set no event
                await anyio.sleep(0.001)
        group.cancel_scope.cancel()

    assert [text.splitlines() for text in desk.sent] == [
        [
            "github-prod (read): down, was up",
            "github-prod: incident opened, down",
            "github-prod (read): circuit breaker open",
            "github-prod: incident resolved",
        ]
    ]


async def test_other_signals_are_passed_by(tmp_path: Path) -> None:
    desk = Desk(tmp_path)

    desk.teller.on_signal(call_record())
    await desk.teller.finish(within=1.0)

    assert desk.sent == []
    assert desk.teller.status().batches == 0


async def test_what_is_queued_when_dialtone_stops_is_sent(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.teller.on_signal(OPENED)

    await desk.teller.finish(within=1.0)

    assert desk.sent == ["github-prod: incident opened, down"]


async def test_what_an_intake_does_not_take_waits_for_the_next_start(tmp_path: Path) -> None:
    earlier = Desk(tmp_path)
    earlier.status = 503
    earlier.teller.on_signal(OPENED)
    await earlier.teller.finish(within=1.0)

    later = Desk(tmp_path)
    later.teller.on_signal(RESOLVED)
    await later.teller.finish(within=1.0)

    assert later.sent == ["github-prod: incident opened, down", "github-prod: incident resolved"]


def test_the_queue_is_bounded_and_gives_up_the_oldest(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    for number in range(events.MOST_WAITING + 3):
        desk.teller.on_signal(msgspec.structs.replace(OPENED, incident=f"inc-{number}"))

    samples = desk.samples()
    assert samples["dialtone_queue_depth", "titles"] == events.MOST_WAITING
    assert samples["dialtone_queue_dropped_total", "titles", "full"] == 3
    oldest = desk.teller._queue[0]
    assert isinstance(oldest, IncidentChange)
    assert oldest.incident == "inc-3"


class BusyExporter(PushExporter[Events]):
    """Is not done with what it took before, for two looks."""

    looks = 0
    taken: tuple[Events, ...] = ()

    @property
    def is_keeping(self) -> bool:
        self.looks += 1
        return self.looks <= 2

    def take(self, window: Events) -> None:
        self.taken = (*self.taken, window)


async def test_while_the_disk_takes_nothing_events_wait_in_the_bounded_queue(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    spool = Spool(tmp_path, limit=1 << 20, keep=3_600.0, clock=desk.clock)
    busy = BusyExporter(
        TitleIntake(), spool=spool, send=desk._send, clock=desk.clock, random=random.Random(1)
    )
    teller = EventExporter(busy, clock=desk.clock, home=str)
    async with anyio.create_task_group() as group:
        group.start_soon(teller.run)
        teller.on_signal(OPENED)
        while not busy.taken:
            await anyio.lowlevel.checkpoint()
            assert busy.looks <= 3
        group.cancel_scope.cancel()

    assert busy.looks == 3
    assert busy.taken == (Events(points=(OPENED,)),)


def test_an_incident_is_told_as_one_story() -> None:
    opened, resolved = event_of(OPENED, home=HOME), event_of(RESOLVED, home=HOME)

    assert opened.key == resolved.key == "inc-7"
    assert opened.id != resolved.id
    assert (opened.tone, resolved.tone) == (Tone.ERROR, Tone.SUCCESS)
    assert resolved.title == "github-prod: incident resolved"
    assert resolved.link == "https://dialtone.example.com/incidents/inc-7"
    assert resolved.fields == {
        "incident": "inc-7",
        "action": "resolved",
        "state": "up",
        "actor": "dana",
        "opened_at": AT,
        "duration": 89.25,
    }


@pytest.mark.parametrize(
    ("event", "tone"),
    [
        ("worsened", Tone.ERROR),
        ("reopened", Tone.ERROR),
        ("acknowledged", Tone.INFO),
        ("noted", Tone.INFO),
        ("resolved", Tone.SUCCESS),
    ],
)
def test_what_people_say_about_an_incident_is_neither_good_nor_bad(event: str, tone: Tone) -> None:
    assert event_of(msgspec.structs.replace(OPENED, event=event), home="").tone is tone


def test_a_breaker_tells_what_decided() -> None:
    told = event_of(BROKEN, home="")

    assert (told.kind, told.title) == (
        EventKind.BREAKER_TRANSITION,
        "github-prod (read): circuit breaker open",
    )
    assert (told.tone, told.key, told.link) == (Tone.ERROR, "breaker/github-prod/read", "")
    assert told.fields == {
        "state": "open",
        "previous_state": "closed",
        "calls": 20,
        "failures": 12,
        "slow": 0,
        "open_seconds": 15.0,
    }


def test_a_change_of_health_tells_what_it_rests_on() -> None:
    told = event_of(DOWN, home=HOME)

    assert (told.title, told.text) == ("github-prod (read): down, was up", "3 of 3 checks failed: timeout")
    assert told.link == "https://dialtone.example.com/integrations/github-prod"
    assert told.fields == {
        "state": "down",
        "previous_state": "up",
        "evidence": "check",
        "flapping": False,
        "began_at": AT - 30,
    }


@pytest.mark.parametrize("state", BreakerState)
def test_every_state_of_a_breaker_can_be_told(state: BreakerState) -> None:
    told = event_of(msgspec.structs.replace(BROKEN, after=state), home="")

    assert told.title.endswith(f"circuit breaker {state.value.replace('_', ' ')}")


@pytest.mark.parametrize("state", Health)
def test_every_state_of_health_can_be_told(state: Health) -> None:
    told = event_of(msgspec.structs.replace(DOWN, after=state), home="")

    assert told.fields["state"] == state.value
    assert (told.tone is Tone.SUCCESS) == (state is Health.UP)


def test_text_that_no_utf8_can_carry_does_not_cost_the_other_events() -> None:
    broken = msgspec.structs.replace(RESOLVED, reason="half a \ud83d pair", actor="\udc80")

    (event,) = Events(points=(broken,)).told()

    assert (event.text, event.fields["actor"]) == ("half a ? pair", "?")
    msgspec.json.encode(event)


def test_an_integrations_name_cannot_lead_elsewhere() -> None:
    told = event_of(msgspec.structs.replace(DOWN, integration="a/../b?x=1"), home=HOME)

    assert told.link == "https://dialtone.example.com/integrations/a%2F..%2Fb%3Fx%3D1"


def test_the_same_event_has_the_same_id_however_often_it_is_told() -> None:
    told = [TrialEvent(at=AT), *STORY]

    assert [event_of(each, home="").id for each in told] == [event_of(each, home=HOME).id for each in told]
    assert len({event_of(each, home="").id for each in told}) == len(told)


def test_events_that_follow_each_other_keep_their_order() -> None:
    both = Events(points=(DOWN,)).followed_by(Events(points=(OPENED, RESOLVED), home=HOME))

    assert both.points == (DOWN, OPENED, RESOLVED)
    assert (both.home, both.ended) == (HOME, RESOLVED.at)
