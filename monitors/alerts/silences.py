"""Silences: for a time nobody is notified of alerts that matchers hold for. Checks go on, states are kept,
and a recovery is always told to whom was told of the failure.
"""

import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import Protocol

import msgspec

from integrations.samples import Sample
from monitors.alerts.alert import Alert
from monitors.alerts.matchers import Matcher, all_match, written
from monitors.alerts.steady import SteadyClock

DEFAULT_SECONDS = 2 * 3_600.0
LONGEST_SECONDS = 30 * 86_400.0
RETENTION = 5 * 86_400.0
"""How long a silence is shown after its end, as in Alertmanager (120 h)."""
MOST_SILENCES = 10_000
MOST_MATCHERS = 64
LONGEST_TEXT = 1_024


class SilenceState(StrEnum):
    """Alertmanager's words."""

    PENDING = "pending"
    ACTIVE = "active"
    EXPIRED = "expired"


class SilenceError(ValueError):
    """A silence cannot be kept as it was asked for; the message says what to change."""


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    """One silence, as Alertmanager's object of that name. Times are UTC seconds; `actor` is its `createdBy`.

    An ended one is kept for five days. `is_maintenance`: it stands for planned work, which SLOs leave out.
    """

    id: str
    matchers: tuple[Matcher, ...]
    starts_at: float
    ends_at: float
    actor: str
    comment: str
    updated_at: float
    is_maintenance: bool = False

    def __str__(self) -> str:
        return f"{written(self.matchers)} by {self.actor}: {self.comment}"


class SilenceStore(Protocol):
    """Keeps silences; returns after the commit."""

    async def save_silences(self, silences: Sequence[Silence], *, forgotten: Sequence[str]) -> None:
        """Insert or replace silences by id, and delete those forgotten."""
        ...


class Silences:
    """All silences. One is in force only after the store has it. `changed` is called when one begins or ends
    by hand, so that what it held is looked at again.
    """

    def __init__(
        self, *, clock: SteadyClock, store: SilenceStore, changed: Callable[[], None] = lambda: None
    ) -> None:
        self._clock = clock
        self._store = store
        self._changed = changed
        self._silences: dict[str, Silence] = {}

    def load(self, silences: Iterable[Silence]) -> None:
        """Take what is stored."""
        self._silences |= {silence.id: silence for silence in silences}

    async def create(
        self,
        matchers: Sequence[Matcher],
        *,
        actor: str,
        comment: str,
        starts_at: float | None = None,
        ends_at: float | None = None,
        is_maintenance: bool = False,
    ) -> Silence:
        """Begin one, now and for two hours unless told otherwise; return it after it is stored.

        Raises:
            SilenceError: saying what to change.
        """
        now = self._clock.wall(self._clock.now())
        start = now if starts_at is None else max(starts_at, now)
        silence = Silence(
            id=str(uuid.uuid4()),
            matchers=tuple(matchers),
            starts_at=start,
            ends_at=start + DEFAULT_SECONDS if ends_at is None else ends_at,
            actor=actor.strip(),
            comment=comment.strip(),
            updated_at=now,
            is_maintenance=is_maintenance,
        )
        _require_good(silence, now=now)
        if len(self._silences) >= MOST_SILENCES:
            raise SilenceError(f"there are {MOST_SILENCES} silences already: expire some first")
        await self._keep([silence])
        return silence

    async def replace(self, silence: str, changed: Silence) -> Silence:
        """Change one, as Alertmanager does: while its matchers and its start stay it keeps its id; otherwise
        it is expired, and a new one takes its place. Returns the one in force.

        Raises:
            SilenceError: when there is none of this id, or the change cannot be kept.
        """
        old = self._known(silence)
        now = self._clock.wall(self._clock.now())
        is_same = old.matchers == changed.matchers and (
            abs(old.starts_at - changed.starts_at) < 1 or self.state(old) is SilenceState.PENDING
        )
        if not is_same or self.state(old) is SilenceState.EXPIRED:
            new = await self.create(
                changed.matchers,
                actor=changed.actor,
                comment=changed.comment,
                starts_at=changed.starts_at,
                ends_at=changed.ends_at,
                is_maintenance=changed.is_maintenance,
            )
            if self.state(old) is not SilenceState.EXPIRED:
                await self.expire(silence)
            return new
        kept = msgspec.structs.replace(changed, id=silence, updated_at=now)
        _require_good(kept, now=now)
        await self._keep([kept])
        return kept

    async def expire(self, silence: str) -> Silence:
        """End one now; return it after that is stored.

        Raises:
            SilenceError: when there is none of this id, or it ended already.
        """
        old = self._known(silence)
        if self.state(old) is SilenceState.EXPIRED:
            raise SilenceError(f"silence {silence} has ended already")
        now = self._clock.wall(self._clock.now())
        ended = msgspec.structs.replace(old, starts_at=min(old.starts_at, now), ends_at=now, updated_at=now)
        await self._keep([ended])
        return ended

    async def forget(self) -> int:
        """Delete those that ended five days ago; return how many."""
        now = self._clock.now()
        old = [
            each.id
            for each in self._silences.values()
            if self._clock.deadline(each.ends_at) < now - RETENTION
        ]
        if old:
            await self._store.save_silences((), forgotten=old)
        for each in old:
            del self._silences[each]
        return len(old)

    def get(self, silence: str) -> Silence | None:
        """One by its id."""
        return self._silences.get(silence)

    def all(self) -> tuple[Silence, ...]:
        """All of them, those that end last first."""
        return tuple(sorted(self._silences.values(), key=lambda each: each.ends_at, reverse=True))

    def state(self, silence: Silence) -> SilenceState:
        """Whether it holds."""
        now = self._clock.now()
        if self._clock.deadline(silence.ends_at) <= now:
            return SilenceState.EXPIRED
        return SilenceState.ACTIVE if self._clock.deadline(silence.starts_at) <= now else SilenceState.PENDING

    def active(self) -> tuple[Silence, ...]:
        """Those that hold now."""
        return tuple(each for each in self._silences.values() if self.state(each) is SilenceState.ACTIVE)

    def samples(self) -> Iterable[Sample]:
        """How many there are, by state."""
        states = Counter(self.state(each) for each in self._silences.values())
        for state in SilenceState:
            yield Sample("dialtone_silences", (state.value,), states[state])

    def _known(self, silence: str) -> Silence:
        known = self._silences.get(silence)
        if known is None:
            raise SilenceError(f"there is no silence {silence}")
        return known

    async def _keep(self, silences: Sequence[Silence]) -> None:
        await self._store.save_silences(silences, forgotten=())
        self.load(silences)
        self._changed()


def preview(matchers: Sequence[Matcher], alerts: Iterable[Alert]) -> tuple[Alert, ...]:
    """The alerts that a silence with these matchers would mute."""
    return tuple(alert for alert in alerts if all_match(matchers, alert.labels))


def _require_good(silence: Silence, *, now: float) -> None:
    """Refuse what mutes everything, nothing, for ever, or without a name to ask."""
    if not silence.actor or not silence.comment:
        raise SilenceError("a silence needs who makes it and a comment that says why")
    if len(silence.actor) > LONGEST_TEXT or len(silence.comment) > LONGEST_TEXT:
        raise SilenceError(f"names and comments may have at most {LONGEST_TEXT} characters")
    if not 1 <= len(silence.matchers) <= MOST_MATCHERS:
        raise SilenceError(f'a silence needs 1 to {MOST_MATCHERS} matchers, such as vendor="github"')
    if all(matcher.matches({}) for matcher in silence.matchers):
        raise SilenceError("these matchers hold for every alert: at least one must ask for a value")
    if silence.ends_at <= max(silence.starts_at, now):
        raise SilenceError("a silence must end after it starts, and after now")
    if silence.ends_at - silence.starts_at > LONGEST_SECONDS:
        raise SilenceError(f"a silence may last at most {LONGEST_SECONDS / 86_400:g} days")
