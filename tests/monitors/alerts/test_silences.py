"""Silences: made, changed, ended and forgotten; in force only once they are stored."""

from collections.abc import Sequence

import msgspec
import pytest

from exporters.catalogue import CATALOGUE
from monitors.alerts.matchers import Matcher, parse_matchers
from monitors.alerts.silences import Silence, SilenceError, Silences, SilenceState, preview
from monitors.alerts.steady import SteadyClock
from tests.fakes.alerting import MemoryStore, alert
from tests.fakes.clock import FakeClock

GITHUB = parse_matchers('vendor="github"')
HOUR = 3_600.0
DAY = 24 * HOUR


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def silences(clock: FakeClock, store: MemoryStore) -> Silences:
    return Silences(clock=SteadyClock(clock), store=store)


async def made(
    silences: Silences, *, starts_at: float | None = None, ends_at: float | None = None
) -> Silence:
    return await silences.create(GITHUB, actor="ana", comment="upgrade", starts_at=starts_at, ends_at=ends_at)


async def test_a_silence_lasts_two_hours_unless_told_otherwise(silences: Silences, clock: FakeClock) -> None:
    silence = await made(silences)
    assert (silence.starts_at, silence.ends_at) == (clock.time(), clock.time() + 2 * HOUR)
    assert silences.state(silence) is SilenceState.ACTIVE
    clock.advance(2 * HOUR)
    assert silences.state(silence) is SilenceState.EXPIRED


async def test_a_silence_that_begins_later_is_pending_until_then(
    silences: Silences, clock: FakeClock
) -> None:
    silence = await made(silences, starts_at=clock.time() + 60, ends_at=clock.time() + 120)
    assert silences.state(silence) is SilenceState.PENDING
    assert silences.active() == ()
    clock.advance(60)
    assert silences.active() == (silence,)


async def test_a_start_in_the_past_is_now(silences: Silences, clock: FakeClock) -> None:
    silence = await made(silences, starts_at=5.0, ends_at=clock.time() + 10)
    assert silence.starts_at == clock.time()


async def refused(
    silences: Silences,
    matchers: Sequence[Matcher] = GITHUB,
    *,
    actor: str = "ana",
    comment: str = "upgrade",
    ends_at: float | None = None,
) -> str:
    with pytest.raises(SilenceError) as caught:
        await silences.create(matchers, actor=actor, comment=comment, ends_at=ends_at)
    assert silences.all() == ()
    return str(caught.value)


async def test_a_silence_without_a_name_or_a_comment_is_refused(silences: Silences) -> None:
    assert "who makes it" in await refused(silences, actor=" ")
    assert "says why" in await refused(silences, comment="")
    assert "1024 characters" in await refused(silences, comment="x" * 1_025)


@pytest.mark.parametrize("matchers", ["", 'vendor!="x"', 'vendor=~".*"', 'team=""'])
async def test_a_silence_that_mutes_everything_is_refused(silences: Silences, matchers: str) -> None:
    await refused(silences, parse_matchers(matchers))


async def test_a_silence_that_is_over_already_or_never_ends_is_refused(
    silences: Silences, clock: FakeClock
) -> None:
    assert "after now" in await refused(silences, ends_at=clock.time())
    assert "at most 30 days" in await refused(silences, ends_at=clock.time() + 30 * DAY + 1)


async def test_a_silence_that_could_not_be_stored_is_not_in_force(clock: FakeClock) -> None:
    class BrokenStore:
        async def save_silences(self, silences: Sequence[Silence], *, forgotten: Sequence[str]) -> None:
            raise OSError(28, f"no space for {silences} {forgotten}")

    silences = Silences(clock=SteadyClock(clock), store=BrokenStore())
    with pytest.raises(OSError, match="no space"):
        await made(silences)
    assert silences.all() == ()


async def test_an_expired_silence_ends_now_and_cannot_be_expired_again(
    silences: Silences, clock: FakeClock, store: MemoryStore
) -> None:
    silence = await made(silences)
    clock.advance(60)
    ended = await silences.expire(silence.id)
    assert ended.ends_at == clock.time()
    assert store.loaded().silences == (ended,)
    with pytest.raises(SilenceError, match="has ended already"):
        await silences.expire(silence.id)


async def test_a_pending_silence_that_is_expired_never_begins(silences: Silences, clock: FakeClock) -> None:
    silence = await made(silences, starts_at=clock.time() + 60, ends_at=clock.time() + 120)
    ended = await silences.expire(silence.id)
    assert silences.state(ended) is SilenceState.EXPIRED
    assert ended.starts_at == ended.ends_at == clock.time()


async def test_an_unknown_silence_is_named(silences: Silences) -> None:
    with pytest.raises(SilenceError, match="there is no silence 77"):
        await silences.expire("77")


async def test_a_silence_that_is_extended_keeps_its_id(silences: Silences, clock: FakeClock) -> None:
    silence = await made(silences)
    longer = msgspec.structs.replace(silence, ends_at=clock.time() + 5 * HOUR, comment="takes longer")
    kept = await silences.replace(silence.id, longer)
    assert (kept.id, kept.ends_at, kept.comment) == (silence.id, longer.ends_at, "takes longer")
    assert len(silences.all()) == 1


async def test_a_silence_with_other_matchers_is_another_and_the_old_one_ends(silences: Silences) -> None:
    silence = await made(silences)
    other = msgspec.structs.replace(silence, matchers=parse_matchers('vendor="slack"'))
    new = await silences.replace(silence.id, other)
    assert new.id != silence.id
    assert silences.active() == (new,)


async def test_a_change_that_is_refused_leaves_the_old_silence_in_force(silences: Silences) -> None:
    silence = await made(silences)
    everything = msgspec.structs.replace(silence, matchers=parse_matchers('vendor=~".*"'))
    with pytest.raises(SilenceError):
        await silences.replace(silence.id, everything)
    assert silences.active() == (silence,)


async def test_an_ended_silence_is_shown_for_five_days(
    silences: Silences, clock: FakeClock, store: MemoryStore
) -> None:
    silence = await made(silences)
    clock.advance(2 * HOUR + 5 * DAY)
    assert await silences.forget() == 0
    assert silences.get(silence.id) == silence
    clock.advance(1)
    assert await silences.forget() == 1
    assert (silences.all(), store.silences) == ((), {})


async def test_every_change_is_told(clock: FakeClock, store: MemoryStore) -> None:
    told: list[int] = []
    silences = Silences(clock=SteadyClock(clock), store=store, changed=lambda: told.append(1))
    silence = await made(silences)
    await silences.expire(silence.id)
    assert len(told) == 2


def test_a_preview_shows_what_would_be_muted() -> None:
    alerts = [alert(), alert(vendor="slack")]
    assert preview(GITHUB, alerts) == (alerts[0],)


async def test_silences_are_counted_by_state(silences: Silences, clock: FakeClock) -> None:
    await made(silences)
    await made(silences, starts_at=clock.time() + 60, ends_at=clock.time() + 120)
    samples = list(silences.samples())
    assert {sample.labels[0]: sample.value for sample in samples} == {"pending": 1, "active": 1, "expired": 0}
    assert all(sample.metric in CATALOGUE for sample in samples)
