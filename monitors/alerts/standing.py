"""Alerts as they stand: pending until a rule's `for` has passed, firing, ending while a recovery may still be
contradicted. Pure: times come in, and every change is returned so that it can be stored.

An alert is wanted by subjects (`health:slack-prod`, `quota:github:core`): it fires while one of them wants
it. Deadlines are kept on the monotonic clock, so that a jump of the wall clock ends and begins nothing early;
stored ones are UTC.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

import msgspec

from monitors.alerts.alert import Alert


class Phase(StrEnum):
    """Where an alert stands."""

    PENDING = "pending"
    FIRING = "firing"
    ENDING = "ending"
    ENDED = "ended"


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """An alert with its phase, the rule that made it (empty: raised by hand of a part of Dialtone) and the
    subjects that want it. `due_at` (UTC seconds) is when a pending one fires, a firing one is over by itself,
    an ending one ends, and `ahead` how many seconds that was ahead when it was set; `keep` is for how many
    seconds it fires on after its end.
    """

    alert: Alert
    rule: str
    subjects: tuple[str, ...]
    phase: Phase
    due_at: float | None = None
    ahead: float = 0.0
    keep: float = 0.0


class Wanted(NamedTuple):
    """An alert that a subject wants to stand: after `wait` seconds, for at most `lasts`, and for `keep` more
    after it is wanted no longer.
    """

    alert: Alert
    rule: str
    wait: float = 0.0
    lasts: float | None = None
    keep: float = 0.0


class Moment(NamedTuple):
    """Now, by both clocks."""

    utc: float
    monotonic: float


class StandingAlerts:
    """All alerts that stand, by fingerprint."""

    def __init__(self) -> None:
        self._rows: dict[str, Standing] = {}
        self._by_subject: dict[str, set[str]] = {}
        self._due: dict[str, float] = {}

    def load(self, rows: Iterable[Standing], *, now: Moment) -> None:
        """Go on with stored ones."""
        for row in rows:
            if row.phase is not Phase.ENDED:
                self._put(row, now=now)

    def __iter__(self) -> Iterator[Standing]:
        """All of them."""
        return iter(self._rows.values())

    def of(self, subject: str) -> Sequence[Standing]:
        """Those a subject wants, or wanted until just now."""
        return [self._rows[each] for each in sorted(self._by_subject.get(subject, ()))]

    @property
    def is_empty(self) -> bool:
        """Whether nothing wants any."""
        return not self._by_subject

    def has(self, subject: str) -> bool:
        """Whether a subject wants any."""
        return bool(self._by_subject.get(subject))

    def subjects(self) -> Sequence[str]:
        """Everything that has an alert."""
        return tuple(self._by_subject)

    def settle(self, subject: str, wanted: Iterable[Wanted], *, now: Moment) -> list[Standing]:
        """Let a subject want exactly these; return what changed."""
        changed = []
        names = set()
        for each in wanted:
            fingerprint = each.alert.fingerprint
            names.add(fingerprint)
            changed += self._want(subject, each, fingerprint, now=now)
        for fingerprint in sorted(self._by_subject.get(subject, set()) - names):
            changed += self._unwant(subject, fingerprint, now=now)
        return changed

    def pass_time(self, *, now: Moment) -> list[Standing]:
        """Let pending ones fire, ending and overdue ones end; return what changed."""
        due = sorted((at, each) for each, at in self._due.items() if at < now.monotonic)
        return [self._turn(self._rows[each], now=now) for _, each in due]

    def next_due(self) -> float | None:
        """When the next deadline is, by the monotonic clock."""
        return min(self._due.values(), default=None)

    def _want(self, subject: str, wanted: Wanted, fingerprint: str, *, now: Moment) -> list[Standing]:
        before = self._rows.get(fingerprint)
        if before is None:
            return [self._put(self._begun(subject, wanted, now=now), now=now)]
        subjects = tuple(sorted({*before.subjects, subject}))
        alert = _told(before.alert, wanted.alert, now=now)
        after = msgspec.structs.replace(
            before, alert=alert, subjects=subjects, keep=wanted.keep, rule=wanted.rule
        )
        if before.phase is not Phase.PENDING:
            over = None if wanted.lasts is None else now.utc + wanted.lasts
            after = msgspec.structs.replace(after, phase=Phase.FIRING, due_at=over, ahead=wanted.lasts or 0.0)
        return [] if after == before else [self._put(after, now=now)]

    def _begun(self, subject: str, wanted: Wanted, *, now: Moment) -> Standing:
        fires = wanted.wait <= 0
        ahead = wanted.lasts if fires else wanted.wait
        return Standing(
            alert=msgspec.structs.replace(wanted.alert, updated_at=now.utc),
            rule=wanted.rule,
            subjects=(subject,),
            phase=Phase.FIRING if fires else Phase.PENDING,
            due_at=None if ahead is None else now.utc + ahead,
            ahead=ahead or 0.0,
            keep=wanted.keep,
        )

    def _unwant(self, subject: str, fingerprint: str, *, now: Moment) -> list[Standing]:
        before = self._rows[fingerprint]
        others = tuple(each for each in before.subjects if each != subject)
        if others:
            self._unlink(subject, fingerprint)
            after = msgspec.structs.replace(before, subjects=others)
            return [self._put(after, now=now)]
        if before.phase is Phase.ENDING:
            return []
        if before.phase is Phase.FIRING and before.keep > 0:
            alert = msgspec.structs.replace(before.alert, may_end=True, updated_at=now.utc)
            due = now.utc + before.keep
            ending = msgspec.structs.replace(
                before, alert=alert, phase=Phase.ENDING, due_at=due, ahead=before.keep
            )
            return [self._put(ending, now=now)]
        return [self._end(before, now=now)]

    def _turn(self, row: Standing, *, now: Moment) -> Standing:
        if row.phase is not Phase.PENDING:
            return self._end(row, now=now)
        alert = msgspec.structs.replace(row.alert, starts_at=now.utc, updated_at=now.utc)
        return self._put(msgspec.structs.replace(row, alert=alert, phase=Phase.FIRING, due_at=None), now=now)

    def _end(self, row: Standing, *, now: Moment) -> Standing:
        """A pending one was never told: it ends without an end."""
        fingerprint = row.alert.fingerprint
        for subject in row.subjects:
            self._unlink(subject, fingerprint)
        del self._rows[fingerprint]
        self._due.pop(fingerprint, None)
        told = row.phase is not Phase.PENDING
        ended = msgspec.structs.replace(row.alert, ends_at=now.utc, updated_at=now.utc, may_end=False)
        alert = ended if told else row.alert
        return msgspec.structs.replace(row, alert=alert, phase=Phase.ENDED, due_at=None)

    def _put(self, row: Standing, *, now: Moment) -> Standing:
        fingerprint = row.alert.fingerprint
        before = self._rows.get(fingerprint)
        self._rows[fingerprint] = row
        for subject in row.subjects:
            self._by_subject.setdefault(subject, set()).add(fingerprint)
        if row.due_at is None:
            self._due.pop(fingerprint, None)
        elif before is None or before.due_at != row.due_at or fingerprint not in self._due:
            # A stored deadline is of another life of the process: the clock may have been set back since.
            self._due[fingerprint] = now.monotonic + min(max(0.0, row.due_at - now.utc), row.ahead)
        return row

    def _unlink(self, subject: str, fingerprint: str) -> None:
        mine = self._by_subject.get(subject, set())
        mine.discard(fingerprint)
        if not mine:
            self._by_subject.pop(subject, None)


def _told(before: Alert, now_wanted: Alert, *, now: Moment) -> Alert:
    """The alert as it stands, with what is said of it now."""
    said: Mapping[str, str] = now_wanted.annotations
    same = (before.annotations, before.incident, before.link) == (said, now_wanted.incident, now_wanted.link)
    if same and not before.may_end:
        return before
    return msgspec.structs.replace(
        before,
        may_end=False,
        annotations=said,
        incident=now_wanted.incident,
        link=now_wanted.link,
        updated_at=now.utc,
    )
