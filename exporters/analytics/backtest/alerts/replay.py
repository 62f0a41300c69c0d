"""One integration under some rules of alerting: the judgement, incidents, rules and routes that run live, on
a clock that follows what was recorded.
"""

from collections.abc import Callable, Sequence
from math import ceil, inf

from exporters.analytics.backtest.alerts.ledger import FirstFailures, Ledger
from exporters.analytics.backtest.alerts.proposal import AlertOrder, AlertRules
from exporters.analytics.backtest.alerts.rounds import Looked, Repeats
from exporters.analytics.backtest.alerts.stage import Stage
from exporters.analytics.backtest.alerts.watch import Watch
from exporters.analytics.backtest.clock import ReplayClock
from integrations.signals import CallRecord, IncidentChange, Signal
from monitors.alerts.facts import Subject
from monitors.lookout import LOOK, next_turn
from monitors.monitor import PAUSE_TICK


class AlertReplay:
    """Takes what was recorded, in its order, and notes in `ledger` what these rules make of it. With
    `repeats`, checks are repeated as these rules ask; without, as they were. `looks` are moments at which
    live calls are known to have been weighed, in order. `breathe` is as a Stage's.
    """

    def __init__(
        self,
        order: AlertOrder,
        rules: AlertRules,
        *,
        began: float,
        repeats: Repeats | None = None,
        looks: Sequence[float] = (),
        breathe: Callable[[float], None] = lambda _: None,
    ) -> None:
        self._failures = FirstFailures()
        self.ledger = Ledger(since=self._failures.since)
        self._order = order
        self._clock = ReplayClock(began, ahead=order.ahead)
        self._stage = Stage(
            rules.alerts,
            clock=self._clock,
            ledger=self.ledger,
            silences=order.silences,
            subject=self._subject,
            breathe=breathe,
        )
        self._watch = Watch(order, rules.check, clock=self._clock, note=self._stage.take)
        self._repeats = repeats
        self._repeat_at = inf
        self._coming: list[Looked] = []
        self._is_up = True
        self._looks = list(reversed(looks))
        self._look_at = self._next_look(self._turn())

    # What was recorded.

    def take(self, signal: Signal) -> None:
        """Something was told; a check's result comes by `take_check`."""
        self.pass_to(signal.at)
        if type(signal) is CallRecord:
            self._failures.take_call(signal)
            self._watch.take(signal)
        elif type(signal) is IncidentChange:
            self._stage.take_people(signal)
        else:
            # The order in which they subscribe to the bus (app/wiring.py).
            self._watch.take(signal)
            self._stage.engine.on_signal(signal)
        self._stage.settle()

    def take_check(self, looked: Looked) -> None:
        """A check ended."""
        self.pass_to(looked.result.at)
        self._check(looked)

    def stop(self, at: float) -> None:
        """Dialtone ends: from now on time shows nothing."""
        self.pass_to(at)
        self._is_up = False

    def start(self, at: float) -> None:
        """Dialtone was started."""
        self.pass_to(at)
        self._is_up = True
        self._watch.start()
        self._look_at = self._next_look(self._turn())
        self._repeat_at = inf
        self._coming.clear()
        self._stage.step()

    def pass_to(self, until: float) -> None:
        """Let time pass."""
        while self._is_up and (due := self._due()) <= until:
            self._clock.now = max(self._clock.now, due)
            if due == self._repeat_at:
                self._repeat()
            elif self._coming and due == self._coming[0].result.at:
                self._check(self._coming.pop(0))
            elif due == self._look_at:
                self._look_at = self._next_look(due + LOOK)
                self._watch.look()
                self._stage.settle()
            else:
                self._stage.step()
        self._clock.now = max(self._clock.now, until)

    # Hidden.

    def _check(self, looked: Looked) -> None:
        self._failures.take_check(looked.result)
        self.ledger.assumed += looked.is_assumed
        self._stage.engine.on_signal(looked.result)
        self._watch.take_check(looked)
        if self._repeats is not None:
            due = self._repeats.due(looked.began) if self._watch.is_unconfirmed else None
            self._repeat_at = inf if due is None else max(due, self._clock.now)
        self._stage.settle()

    def _repeat(self) -> None:
        """Begin the checks that these rules ask for once more."""
        if self._repeats is not None:
            self._coming = self._repeats.round(self._repeat_at)
        self._repeat_at = inf

    def _due(self) -> float:
        """When something happens next by itself."""
        coming = self._coming[0].result.at if self._coming else inf
        return min(coming, self._repeat_at, self._look_at, self._stage.due)

    def _next_look(self, at: float) -> float:
        """When it is looked at about a moment: when it was, where that is known."""
        looks = self._looks
        while looks and looks[-1] < max(self._clock.now, at - LOOK / 2):
            looks.pop()
        return looks[-1] if looks and looks[-1] <= at + LOOK / 2 else at

    def _turn(self) -> float:
        """When its turn to be looked at comes (monitors/lookout.py), which is asked once a tick."""
        turn = next_turn(self._order.connection.id, now=self._clock.monotonic())
        return ceil(turn / PAUSE_TICK) * PAUSE_TICK + self._clock.ahead

    def _subject(self, name: str) -> Subject | None:
        connection = self._order.connection
        if name != connection.id:
            return None
        labels = connection.labels
        named = {each: getattr(labels, each) for each in labels.__struct_fields__}
        return Subject(
            vendor=connection.vendor,
            vendor_name=self._order.called,
            labels={each: value for each, value in named.items() if value},
        )
