"""The health of one integration replayed: the judgement that runs live, told what was recorded."""

from collections.abc import Callable, Sequence

import msgspec

from exporters.analytics.backtest.alerts.proposal import AlertOrder
from exporters.analytics.backtest.alerts.rounds import Looked
from exporters.analytics.backtest.clock import ReplayClock
from integrations.connection import CheckPolicy, Connection
from integrations.execution.outcome import FailureKind
from integrations.signals import (
    CheckResult,
    Evidence,
    Health,
    HealthChange,
    Signal,
    VendorNotice,
)
from monitors.health import Observation
from monitors.report import Pause, SavedHealth, VendorWord
from monitors.subject import TELLING, Subject
from monitors.watched import WHOLE, WatchedIntegration

_SILENT = frozenset((FailureKind.REJECTED, FailureKind.CANCELLED))


class Watch:
    """Takes what was recorded and tells `note` of each confirmed change. The clock stands at the moment of
    what is taken.
    """

    def __init__(
        self,
        order: AlertOrder,
        policy: CheckPolicy,
        *,
        clock: ReplayClock,
        note: Callable[[Sequence[HealthChange]], None],
    ) -> None:
        self._order = order
        self._connection = msgspec.structs.replace(order.connection, check=policy)
        self._clock = clock
        self._note = note
        self._round = -1.0
        self._subject = self._fresh()

    @property
    def is_unconfirmed(self) -> bool:
        """Whether a check is to be repeated soon."""
        return self._subject.watched.is_unconfirmed and self._subject.watched.pause is None

    def start(self) -> None:
        """Dialtone was started: health goes on as it was stored, what was only remembered is gone."""
        saved = self._subject.watched.saved()
        self._subject = self._fresh()
        self._subject.watched.restore(saved, at=self._clock.now)

    def look(self) -> None:
        """Weigh what only time shows."""
        self._subject.look(self._clock)

    def take(self, signal: Signal) -> None:
        """Take what a signal says, a check's result excepted."""
        if isinstance(signal, TELLING):
            self._subject.hear(signal, self._clock)
        elif type(signal) is HealthChange:
            self._repeat(signal)
        elif type(signal) is VendorNotice and signal.kind == "status":
            self._subject.watched.hear(_word(signal))

    def take_check(self, looked: Looked) -> None:
        """Take the result of a check."""
        subject, result = self._subject, looked.result
        seen = _observed(result, took=looked.took)
        if seen is None or subject.watched.pause is not None:
            return
        turn = subject.turn(result.capability, result.action)
        if turn is None:
            # A canary: it has no slots, so it cannot flap.
            subject.watched.observe(result.capability, seen)
            return
        if looked.began != self._round:
            self._round = looked.began
            subject.begin_round(now=looked.began - self._clock.ahead)
        turn.ran = looked.began - self._clock.ahead
        subject.take(turn, seen, now=self._clock.monotonic())

    def _repeat(self, change: HealthChange) -> None:
        """What people did and told, done again."""
        watched = self._subject.watched
        if change.evidence is Evidence.REPORTED and change.capability != WHOLE:
            watched.observe(change.capability, _reported(change))
        elif change.evidence is Evidence.OPERATOR and change.capability == WHOLE:
            self._turn(change)

    def _turn(self, change: HealthChange) -> None:
        watched = self._subject.watched
        if change.after is Health.PAUSED:
            watched.begin_pause(Pause(actor="", reason=change.reason, since=change.at))
            self._subject.expect(now=self._clock.monotonic(), is_on=False)
        elif watched.pause is not None:
            watched.end_pause(at=change.at, reason=change.reason)
            self._subject.expect(now=self._clock.monotonic(), is_on=True)

    def _fresh(self) -> Subject:
        connection, order = self._connection, self._order
        watched = WatchedIntegration(
            connection.id,
            vendor=connection.vendor,
            vendor_name=order.called,
            note=self._noted,
            at=self._clock.now,
        )
        subject = Subject(
            connection=_quiet(connection),
            watched=watched,
        )
        subject.adopt(subject.connection, order.checks)
        watched.configure(connection.check, [check.capability for check in order.checks], at=self._clock.now)
        watched.around.buckets = {check.capability: check.bucket for check in order.checks if check.bucket}
        watched.around.every = connection.webhooks.expect.every
        subject.expect(now=self._clock.monotonic(), is_on=connection.check.enabled and bool(order.checks))
        return subject

    def _noted(self, _: SavedHealth, changes: Sequence[HealthChange]) -> None:
        if changes:
            self._note(changes)


def _quiet(connection: Connection) -> Connection:
    return msgspec.structs.replace(connection, secrets={})


def _observed(result: CheckResult, *, took: float) -> Observation | None:
    """What a check said of health then; None when it said nothing."""
    if result.kind in _SILENT and result.evidence_health is Health.UNKNOWN:
        return None
    return Observation(
        at=result.at,
        state=result.evidence_health,
        evidence=Evidence.CHECK,
        reason=_reason(result),
        kind=result.kind,
        duration=took,
    )


def _reason(result: CheckResult) -> str:
    if result.kind is None:
        return f"{result.action} answered."
    status = f", HTTP {result.status}" if result.status else ""
    return f"{result.action} failed ({result.kind.value.replace('_', ' ')}{status})."


def _reported(change: HealthChange) -> Observation:
    return Observation(
        at=change.at,
        state=change.after,
        evidence=Evidence.REPORTED,
        reason=change.reason,
        kind=change.kind,
        is_hard=True,
    )


def _word(notice: VendorNotice) -> VendorWord:
    return VendorWord(
        indicator=notice.indicator,
        read_at=notice.at,
        name=notice.vendor,
        components=notice.components,
        title=notice.title,
        url=notice.url,
        started_at=notice.started_at,
        announced_at=notice.announced_at,
    )
