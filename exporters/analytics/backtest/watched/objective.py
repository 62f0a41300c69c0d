"""One objective under some settings: what counts for it, and its alert, judged by the code that runs live on
a clock that follows what was recorded.
"""

from collections.abc import Callable, Sequence

from exporters.analytics.backtest.alerts.ledger import Ledger
from exporters.analytics.backtest.alerts.stage import Stage
from exporters.analytics.backtest.clock import ReplayClock
from exporters.analytics.backtest.watched.counts import SummedCounts
from exporters.analytics.backtest.watched.order import WatchOrder
from exporters.analytics.backtest.watched.outcome import Spent
from integrations.signals import ObjectiveChange
from monitors.alerts.matchers import all_match, parse_matcher
from monitors.alerts.settings import AlertSettings
from monitors.burn import BURN_PAIRS, COUNTED_SHARE
from monitors.burn_alerts import BurnAlerts
from monitors.objective import Objective
from monitors.slo_counts import MINUTE, MINUTES_KEPT, SavedHour
from monitors.slo_events import Event
from monitors.slo_report import DAY, severity
from monitors.slo_settings import SLOSettings

_APART = BURN_PAIRS[0].short
"""Seconds: bad requests less than that apart are one trouble; it is the shortest window that is looked at."""

_PATIENCE = 3_600.0

_QUIET = max(pair.short for pair in BURN_PAIRS) + MINUTE
"""Seconds without a bad request after which no window can begin to burn."""

_YOUNG = COUNTED_SHARE * MINUTES_KEPT
"""Seconds from the first request on in which windows may begin to be judged."""


class _Trouble:
    """When the bad requests of now began, and when the last one was."""

    def __init__(self) -> None:
        self._since = self.last = float("-inf")

    def add(self, at: float) -> None:
        """A bad one."""
        self._since = self._since if at - self.last <= _APART else at
        self.last = at

    def since(self, at: float) -> float:
        """When those of a moment began; that moment where none was near."""
        return self._since if at - self.last <= _APART else at


class ObjectiveReplay:
    """Takes requests in the order of time, looks when it is told to, and notes in `ledger` and `changes` what
    that led to. `hours` are counts of before `began`, `breathe` is as a Stage's.
    """

    def __init__(
        self,
        slo: SLOSettings,
        settings: AlertSettings,
        order: WatchOrder,
        *,
        began: float,
        hours: Sequence[SavedHour] = (),
        breathe: Callable[[float], None] = lambda _: None,
    ) -> None:
        self.changes: list[ObjectiveChange] = []
        self._trouble = _Trouble()
        self.ledger = Ledger(since=self._trouble.since)
        self._clock = ReplayClock(began, ahead=order.ahead)
        self._stage = Stage(
            settings,
            clock=self._clock,
            ledger=self.ledger,
            silences=order.silences,
            subject=lambda _: None,
            patience=_PATIENCE,
            breathe=breathe,
        )
        self._objective = Objective(slo, SummedCounts(slo.key))
        self._objective.cover(order.labels)
        for hour in hours:
            self._objective.counts.restore(hour)
        self._alerts = BurnAlerts(clock=self._clock, desk=self._stage.engine, publish=self.changes.append)
        self._labels = {name: order.labels[name] for name in _may_pause(self._objective, settings, order)}
        self._paused: frozenset[str] = frozenset()
        self._minute = -1
        self._is_fresh = False
        self._began, self._start = began, order.start
        self._forget_at = began + DAY
        self._before: tuple[int, int] | None = None

    @property
    def slo(self) -> SLOSettings:
        """Its settings."""
        return self._objective.slo

    @property
    def integrations(self) -> Sequence[str]:
        """Those it covers."""
        return self._objective.integrations

    def take(self, event: Event, at: float, *, times: int) -> None:
        """Count requests that ended alike at a moment."""
        if event.integration in self._paused:
            return
        bad = self._objective.bad
        if self._before is None and at >= self._start:
            self._before = self._objective.good, bad
        self._objective.count(event, at, times=times)
        self._is_fresh = True
        if self._objective.bad > bad:
            self._trouble.add(at)

    def look(self, at: float) -> None:
        """Judge it."""
        minute = int(at) // MINUTE
        if minute != self._minute:
            self._minute, self._is_fresh = minute, True
            self._stage.pass_to(at)
            self._follow()
            self._forget(at)
        if self._objective.told is None and at - max(self._trouble.last, self._began) > _QUIET:
            return
        # Where nothing was counted since, only the age of what is young can change anything.
        if self._is_fresh or self._objective.counts.age(at) < _YOUNG:
            self._is_fresh = False
            self._judge(at)

    def finish(self, at: float) -> Spent:
        """Let time pass to the end; return what was counted since the time began that is reported of."""
        self._stage.pass_to(at)
        good, bad = self._before or (self._objective.good, self._objective.bad)
        return Spent(
            good=self._objective.good - good,
            bad=self._objective.bad - bad,
            budget_left=self._objective.judge(at).budget_left,
        )

    def _forget(self, at: float) -> None:
        """Keep of the minutes what windows look at: hundreds of replays of a year would fill the memory."""
        if at >= self._forget_at:
            self._forget_at = at + DAY
            self._objective.counts.forget(at, seconds=self.slo.window_days * DAY)

    def _judge(self, at: float) -> None:
        found = severity(self.slo, self._objective.counts, now=at)
        told = self._objective.told
        if found == (told["severity"] if told is not None else ""):
            return
        self._stage.pass_to(at)
        self._alerts.settle(self._objective, found, lambda: self._objective.judge(at))
        self._stage.settle()

    def _follow(self) -> None:
        """Leave out who is in maintenance."""
        if self._labels:
            current = self._stage.notifier.maintenance.current
            self._paused = frozenset(name for name, labels in self._labels.items() if current(labels))


def _may_pause(objective: Objective, settings: AlertSettings, order: WatchOrder) -> Sequence[str]:
    """The integrations that some maintenance is for."""
    plans = [tuple(map(parse_matcher, plan.matchers)) for plan in settings.maintenance]
    plans += [silence.matchers for silence in order.silences if silence.is_maintenance]
    return [
        name
        for name in objective.integrations
        if any(all_match(matchers, order.labels[name]) for matchers in plans)
    ]
