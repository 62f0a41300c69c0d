"""The relay: what is in the outbox reaches its receiver, or somebody is told; in virtual time."""

from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from integrations.execution.outcome import FailureKind
from monitors.alerts.formats.drawing import Letter
from monitors.alerts.outbox import Replay
from monitors.alerts.relay import AT_ONCE
from monitors.alerts.schedule import ALERT_WAITS, JITTER, Sent
from tests.fakes.clock import VIRTUAL_TIME
from tests.fakes.outbox import ANSWERED, Box, FakeSender, open_box, queued
from tests.fakes.relay import hanging, receiver, scene

REFUSED = Sent(kind=FailureKind.CONNECTION, detail="could not connect")
BUSY = Sent(kind=FailureKind.SERVER_ERROR, status=503, detail="it answered 503")


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    with open_box(tmp_path) as opened:
        yield opened


async def test_a_message_is_delivered_and_told_of(box: Box) -> None:
    async with scene(box, pager=FakeSender()) as running:
        await running.put(queued("m1"))
        await anyio.sleep(1)

        assert running.senders["pager"].ids == ["m1"]
        assert await box.states() == {"m1": "delivered"}
        (attempt,) = running.attempts()
        assert (attempt.result, attempt.status, attempt.attempt, attempt.format) == (
            "delivered", 200, 1, "webhook",
        )  # fmt: skip


async def test_a_failed_delivery_is_tried_again_by_the_schedule_under_its_id(box: Box) -> None:
    sender = FakeSender(REFUSED, BUSY, ANSWERED)
    async with scene(box, pager=sender) as running:
        await running.put(queued("m1"))
        await anyio.sleep(8)

        assert sender.ids == ["m1"] * 3
        assert [letter.attempt for letter in sender.letters] == [1, 2, 3]
        first, second, third = (letter.at for letter in sender.letters)
        assert ALERT_WAITS[0] * (1 - JITTER) <= second - first <= ALERT_WAITS[0] * (1 + JITTER) + 0.1
        assert ALERT_WAITS[1] * (1 - JITTER) <= third - second <= ALERT_WAITS[1] * (1 + JITTER) + 0.1
        assert [one.result for one in running.attempts()] == ["failed", "failed", "delivered"]


async def test_a_receiver_that_says_for_how_long_is_believed_up_to_an_hour(box: Box) -> None:
    slow = Sent(kind=FailureKind.THROTTLED, status=429, retry_after=900.0)
    sender = FakeSender(slow, Sent(kind=FailureKind.SERVER_ERROR, status=503, retry_after=9_000.0), ANSWERED)
    async with scene(box, pager=sender) as running:
        await running.put(queued("m1"))
        await anyio.sleep(6_000)

        first, second, third = (letter.at for letter in sender.letters)
        assert second - first == pytest.approx(900.0, abs=1)
        assert third - second == pytest.approx(3600.0, abs=1)


async def test_a_receiver_that_is_gone_is_disabled_at_once_and_told_of(box: Box) -> None:
    sender = FakeSender(Sent(kind=FailureKind.CLIENT_ERROR, status=410, detail="it answered 410"))
    async with scene(box, pager=sender) as running:
        await running.put(queued("m1"), queued("m2"))
        await anyio.sleep(10)
        await running.put(queued("m3"))
        await anyio.sleep(10)

        assert len(sender.letters) <= 2
        assert set((await box.states()).values()) == {"dead"}
        assert "disabled" in running.told.raised[0].annotations["summary"]

        sender.answers = [ANSWERED]
        await running.relay.enable("pager")
        await running.put(queued("m4"))
        await anyio.sleep(1)
        assert (await box.states())["m4"] == "delivered"
        assert running.told.ended == ["pager"]


async def test_a_disabled_receiver_stays_so_over_a_restart(box: Box) -> None:
    gone = Sent(kind=FailureKind.CLIENT_ERROR, status=410)
    async with scene(box, pager=FakeSender(gone)) as running:
        await running.put(queued("m1"))
        await anyio.sleep(5)

    sender = FakeSender()
    async with scene(box, pager=sender) as running:
        await running.put(queued("m2"))
        await anyio.sleep(5)

        assert sender.letters == []
        assert running.told.raised[0].labels["receiver"] == "pager"


async def test_a_receiver_that_is_gone_at_the_start_is_not_told_of_and_begins_anew(box: Box) -> None:
    async with scene(box, pager=FakeSender(Sent(kind=FailureKind.CLIENT_ERROR, status=410))) as running:
        await running.put(queued("m1"))
        await anyio.sleep(5)
    async with scene(box, receiver("other")) as running:
        await anyio.sleep(5)
        assert running.told.raised == []

    sender = FakeSender()
    async with scene(box, pager=sender) as running:
        await running.put(queued("m2"))
        await anyio.sleep(5)

        assert sender.ids == ["m2"]
        assert running.told.raised == []


async def test_a_receiver_that_was_taken_out_and_put_back_is_enabled_after_a_restart_too(box: Box) -> None:
    async with scene(box, pager=FakeSender(Sent(kind=FailureKind.CLIENT_ERROR, status=410))) as running:
        await running.put(queued("m1"))
        await anyio.sleep(5)
        await running.relay.forget(["pager"])
        assert running.told.ended == ["pager"]

    async with scene(box, pager=FakeSender()) as running:
        assert running.relay.conditions.failing() == frozenset()


async def test_the_fourth_failure_in_a_row_is_told_and_the_next_success_ends_it(box: Box) -> None:
    sender = FakeSender(REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, ANSWERED)
    async with scene(box, pager=sender) as running:
        await running.put(queued("m1"))
        await anyio.sleep(10)
        assert running.told.raised == []
        await anyio.sleep(30)
        (alert,) = running.told.raised
        assert alert.labels == {"alertname": "ReceiverFailing", "severity": "critical", "receiver": "pager"}

        await anyio.sleep(200)
        assert running.told.ended == ["pager"]


async def test_a_page_that_is_late_by_a_minute_goes_to_the_fallback_within_75_seconds(box: Box) -> None:
    arrived: list[float] = []

    async def note(letter: Letter) -> Sent:
        arrived.append(anyio.current_time())
        return ANSWERED

    pair = receiver("pager", fallback="phone"), receiver("phone")
    async with scene(box, *pair, pager=FakeSender(REFUSED), phone=FakeSender(note)) as running:
        await running.put(queued("page", at=running.clock.time(), is_paging=True), queued("plain"))
        began = anyio.current_time()
        await anyio.sleep(600)

        (letter,) = running.senders["phone"].letters
        assert 60 <= arrived[0] - began <= 75
        assert letter.notification.receiver == "phone"
        assert letter.message.id != "page"


async def test_a_late_page_goes_to_the_fallback_although_the_clock_was_set_back_an_hour(box: Box) -> None:
    pair = receiver("pager", fallback="phone"), receiver("phone")
    async with scene(box, *pair, pager=FakeSender(REFUSED), phone=FakeSender()) as running:
        await running.put(queued("page", at=running.clock.time(), is_paging=True))
        await anyio.sleep(10)
        running.clock._utc -= 3_600.0
        await anyio.sleep(80)

        assert len(running.senders["phone"].letters) == 1


async def test_a_page_to_a_receiver_without_slots_goes_to_the_fallback_too(box: Box) -> None:
    pair = receiver("pager", fallback="phone"), receiver("phone")
    phone = FakeSender()
    async with scene(box, *pair, pager=FakeSender(hanging(99)), phone=phone) as running:
        now = running.clock.time()
        await running.put(*(queued(at=now, is_paging=True) for _ in range(40)))
        await anyio.sleep(76)

        assert len(phone.letters) == 40


async def test_a_dead_page_goes_to_the_fallback_at_once(box: Box) -> None:
    gone = Sent(kind=FailureKind.CLIENT_ERROR, status=410)
    pair = receiver("pager", fallback="phone"), receiver("phone")
    async with scene(box, *pair, pager=FakeSender(gone), phone=FakeSender()) as running:
        await running.put(queued(at=running.clock.time(), is_paging=True))
        await anyio.sleep(2)

        assert len(running.senders["phone"].letters) == 1
        await anyio.sleep(120)
        assert len(running.senders["phone"].letters) == 1


async def test_a_page_that_was_copied_when_it_was_late_is_not_copied_again_when_it_is_dead(box: Box) -> None:
    pair = receiver("pager", fallback="phone"), receiver("phone")
    phone = FakeSender()
    wrong = Sent(kind=FailureKind.CLIENT_ERROR, status=400, detail="it answered 400")
    async with scene(box, *pair, pager=FakeSender(wrong), phone=phone) as running:
        await running.put(queued("page", at=running.clock.time(), is_paging=True))
        await anyio.sleep(900)
        assert (await box.states())["page"] == "dead"
        assert len(phone.letters) == 1

        await box.keeping.replay(Replay(ids=("page",)))
        await anyio.sleep(900)
        assert (await box.states())["page"] == "dead"
        assert len(phone.letters) == 1


async def test_at_most_four_are_on_their_way_to_one_receiver(box: Box) -> None:
    sender = FakeSender(hanging(1))
    async with scene(box, pager=sender) as running:
        await running.put(*(queued() for _ in range(40)))
        await anyio.sleep(30)

        assert sender.most_at_once == 4
        assert len(sender.letters) == 40


async def test_no_more_than_all_places_are_taken(box: Box) -> None:
    names = [f"r{number}" for number in range(AT_ONCE)]
    senders = {name: FakeSender(hanging(5)) for name in names}
    async with scene(box, **senders) as running:
        await running.put(*(queued(receiver=name) for name in names for _ in range(3)))
        await anyio.sleep(2)

        assert running.relay.in_flight == AT_ONCE


async def test_order_of_a_subject_is_kept_while_others_pass(box: Box) -> None:
    sender = FakeSender(REFUSED, ANSWERED)
    async with scene(box, pager=sender) as running:
        await running.put(*(queued(f"a{n}", subject="a", sequence=n) for n in range(1, 4)))
        await running.put(queued("b1", subject="b"))
        await anyio.sleep(5)

        assert [name for name in sender.ids if name != "b1"] == ["a1", "a1", "a2", "a3"]
        assert sender.ids.index("b1") < 3


async def test_a_message_that_wants_it_is_sent_again_and_again_until_there_is_news(box: Box) -> None:
    sender = FakeSender(repeat=60.0)
    async with scene(box, pager=sender) as running:
        await running.put(queued("m1", subject="s"))
        await anyio.sleep(190)
        assert sender.ids == ["m1"] * 4

        await running.put(queued("m2", subject="s", sequence=2))
        await anyio.sleep(70)
        assert sender.ids[4:] == ["m2", "m2"]
        assert (await box.states())["m1"] == "delivered"


async def test_nothing_is_lost_or_sent_twice_while_storage_fails_for_a_while(box: Box) -> None:
    sender = FakeSender(hanging(2))
    async with scene(box, pager=sender) as running:
        await running.put(*(queued(f"m{number}") for number in range(6)))
        await anyio.sleep(1)
        box.units.failure = OSError("No space left on device")
        await anyio.sleep(30)
        assert running.relay.in_flight == 4
        box.units.failure = None
        await anyio.sleep(10)

        assert sorted(sender.ids) == [f"m{number}" for number in range(6)]
        assert set((await box.states()).values()) == {"delivered"}


async def test_a_format_that_raises_stops_nobody_else(box: Box) -> None:
    broken, fine = FakeSender(LookupError("a bug")), FakeSender()
    async with scene(box, broken=broken, fine=fine) as running:
        await running.put(queued("m1", receiver="broken"), queued("m2", receiver="fine"))
        await anyio.sleep(0.5)

        assert fine.ids == ["m2"]
        samples = {(one.metric, one.labels): one.value for one in running.relay.samples()}
        assert samples["dialtone_relay_errors_total", ("format",)] == 1
        assert "could not be sent: LookupError" in {one.detail for one in running.attempts()}


async def test_a_message_for_a_receiver_that_is_gone_from_the_file_is_a_dead_letter(box: Box) -> None:
    async with scene(box, pager=FakeSender()) as running:
        await running.put(queued("m1", receiver="nobody"))
        await anyio.sleep(1)

        found = await box.keeping.delivery("m1")
        assert found is not None
        assert found.last_error == "no receiver of this name is configured any more"


async def test_a_restart_sends_first_what_waited_for_its_next_try(box: Box) -> None:
    async with scene(
        box, pager=FakeSender(Sent(kind=FailureKind.SERVER_ERROR, status=503, retry_after=3_000))
    ) as running:
        await running.put(queued("m1"))
        await anyio.sleep(5)

    sender = FakeSender()
    async with scene(box, pager=sender):
        await anyio.sleep(1)
        assert sender.ids == ["m1"]


async def test_draining_claims_nothing_new_and_waits_for_what_is_on_its_way(box: Box) -> None:
    sender = FakeSender(hanging(3))
    async with scene(box, pager=sender) as running:
        await running.put(*(queued(f"m{number}") for number in range(6)))
        await anyio.sleep(1)
        await running.relay.drain()

        states = list((await box.states()).values())
        assert states.count("delivered") == 4
        assert states.count("queued") == 2


async def test_a_wall_clock_that_jumps_by_an_hour_delays_and_hastens_nothing(box: Box) -> None:
    for jump in (3_600.0, -3_600.0):
        sender = FakeSender(REFUSED, REFUSED, REFUSED, ANSWERED)
        async with scene(
            box, receiver("pager", fallback="phone"), receiver("phone"), pager=sender, phone=FakeSender()
        ) as running:
            await running.put(queued(at=running.clock.time(), is_paging=True))
            await anyio.sleep(0.5)
            running.clock._utc += jump
            await running.put(queued(at=running.clock.time()))
            await anyio.sleep(30)

            assert len(set(sender.ids)) == 2
            assert running.senders["phone"].letters == []


async def test_a_try_that_our_own_limits_refused_is_none_of_the_receivers(box: Box) -> None:
    own = Sent(kind=FailureKind.REJECTED, detail="too many calls", retry_after=2.0)
    sender = FakeSender(own, own, own, own, own, own, ANSWERED)
    async with scene(box, pager=sender) as running:
        await running.put(queued("m1"))
        await anyio.sleep(30)

        assert running.told.raised == []
        assert [one.attempt for one in running.attempts()] == [1]


async def test_what_waits_and_what_is_dead_is_counted(box: Box) -> None:
    gone = Sent(kind=FailureKind.CLIENT_ERROR, status=410)
    async with scene(box, pager=FakeSender(gone), chat=FakeSender(REFUSED)) as running:
        await running.put(queued(), queued(receiver="chat", at=running.clock.time()))
        await anyio.sleep(10)

        samples = {(one.metric, one.labels): one.value for one in running.relay.samples()}
        assert samples["dialtone_outbox_dead_letters", ("pager",)] == 1
        assert samples["dialtone_outbox_messages", ("chat",)] == 1
        assert 5 < samples["dialtone_outbox_oldest_seconds", ("chat",)] < 15
        assert samples["dialtone_receiver_disabled", ("pager",)] == 1
        assert samples["dialtone_receiver_failures", ("chat",)] >= 2


async def test_a_refused_message_is_given_up_after_three_tries_and_can_be_replayed(box: Box) -> None:
    sender = FakeSender(Sent(kind=FailureKind.CLIENT_ERROR, status=400, detail="it answered 400"))
    async with scene(box, pager=sender) as running:
        await running.put(queued("m1"))
        await anyio.sleep(400)

        assert len(sender.letters) == 3
        assert sender.letters[-1].at - sender.letters[0].at <= 300 * (1 + JITTER)
        assert await box.states() == {"m1": "dead"}
        assert running.attempts()[-1].result == "dead"

        sender.answers = [ANSWERED]
        assert await box.keeping.replay(Replay(receiver="pager")) == 1
        assert await box.keeping.replay(Replay(receiver="pager")) == 0
        running.relay.wake()
        await anyio.sleep(1)
        assert await box.states() == {"m1": "delivered"}
        assert set(sender.ids) == {"m1"}


async def test_a_failing_receiver_is_tried_one_at_a_time(box: Box) -> None:
    async def fail_slowly(letter: Letter) -> Sent:
        await anyio.sleep(1)
        return REFUSED

    sender = FakeSender(fail_slowly)
    async with scene(box, pager=sender) as running:
        await running.put(*(queued() for _ in range(8)))
        await anyio.sleep(5)
        assert sender.most_at_once == 4
        sender.most_at_once = 0
        await anyio.sleep(20)

        assert sender.most_at_once == 1
