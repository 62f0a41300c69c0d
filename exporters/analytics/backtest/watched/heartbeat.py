"""One heartbeat under some settings: judged by the code that runs live, on a clock that follows what was
reported.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from math import inf

from exporters.analytics.backtest.alerts.ledger import Ledger
from exporters.analytics.backtest.alerts.stage import Stage
from exporters.analytics.backtest.clock import ReplayClock
from exporters.analytics.backtest.watched.order import WatchOrder
from integrations.signals import Health, HeartbeatReport, IncidentChange
from monitors.alerts.facts import Subject
from monitors.alerts.settings import AlertSettings
from monitors.heartbeat import (
    Beat,
    Heard,
    HeartbeatState,
    expected,
    first,
    hear,
    look,
    next_look,
    taken_up,
)
from monitors.heartbeat_settings import HeartbeatSettings
from monitors.heartbeats import TICK, about, change_of, subject_of

_PATIENCE = 3_600.0


class HeartbeatReplay:
    """Takes reports in the order of time, lets time pass between them, and notes in `ledger` what came of it.
    `was_down`: it was down when the replay begins. `looks` are moments at which it is known to have been
    looked at, in order; `breathe` is as a Stage's.
    """

    def __init__(
        self,
        settings: HeartbeatSettings,
        alerts: AlertSettings,
        order: WatchOrder,
        *,
        began: float,
        was_down: bool = False,
        looks: Sequence[float] = (),
        breathe: Callable[[float], None] = lambda _: None,
    ) -> None:
        self.ledger = Ledger(since=self._since)
        self._settings = settings
        self._clock = ReplayClock(began, ahead=order.ahead)
        self._stage = Stage(
            alerts,
            clock=self._clock,
            ledger=self.ledger,
            silences=order.silences,
            subject=self._subject,
            patience=_PATIENCE,
            breathe=breathe,
        )
        self._state = first(settings, at=began)
        self._started_at = 0.0
        self._is_up = True
        self._looks = looks
        self._look_at: float = self._next()
        if was_down:
            self._take(hear(self._state, Heard(beat=Beat.FAIL, at=began)))

    def take(self, report: HeartbeatReport) -> None:
        """The job reported."""
        self.pass_to(report.at)
        heard = Heard(beat=Beat(report.beat), at=report.at, run=report.run, exit_status=report.exit_status)
        self._take(hear(self._state, heard))

    def take_people(self, change: IncidentChange) -> None:
        """Somebody did something to its incident."""
        self.pass_to(change.at)
        self._stage.take_people(change)
        self._stage.settle()

    def stop(self, at: float) -> None:
        """Dialtone ends: from now on time shows nothing."""
        self.pass_to(at)
        self._is_up = False

    def start(self, at: float) -> None:
        """Dialtone was started."""
        self.pass_to(at)
        self._is_up = True
        self._started_at = at
        self._state = taken_up(self._state, now=at)
        self._look()

    def pass_to(self, until: float) -> None:
        """Let time pass."""
        while self._is_up and min(self._look_at, self._stage.due) <= until:
            if self._stage.due <= self._look_at:
                self._stage.pass_to(self._stage.due)
            else:
                self._clock.now = max(self._clock.now, self._look_at)
                self._look()
        self._clock.now = max(self._clock.now, until)

    def _look(self) -> None:
        now = self._clock.now
        self._take(look(self._settings, self._state, now=now, started_at=self._started_at))

    def _take(self, after: HeartbeatState) -> None:
        before, self._state = self._state, after
        self._look_at = self._next()
        if after.health is not before.health:
            self._tell(after, before=before.health)

    def _tell(self, state: HeartbeatState, *, before: Health) -> None:
        self._stage.take([change_of(state, before=before, at=self._clock.now)])
        self._stage.settle()

    def _next(self) -> float:
        """When it is looked at next, which is once a second: after the moment until which it may wait, as it
        was where that is known, else as late as can be.
        """
        due = next_look(self._settings, self._state, started_at=self._started_at)
        if due is None:
            return inf
        after = max(due, self._clock.now)
        place = bisect_right(self._looks, after)
        return min((after + TICK, *self._looks[place : place + 1]))

    def _since(self, at: float) -> float:
        """When the trouble of a moment began: when the job should have been heard of; else that moment."""
        is_told = self._state.last_beat is Beat.FAIL
        return at if is_told else min(at, expected(self._settings, self._state))

    def _subject(self, name: str) -> Subject | None:
        return about(self._settings) if name == subject_of(self._settings.id) else None
