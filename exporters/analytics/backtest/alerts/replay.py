"""One integration under some rules of alerting: the judgement, incidents, rules and routes that run live, on
a clock that follows what was recorded.
"""

from collections.abc import Sequence
from functools import partial
from itertools import count
from math import ceil, inf
from zlib import crc32

from exporters.analytics.backtest.alerts.ledger import Ledger
from exporters.analytics.backtest.alerts.proposal import AlertOrder, AlertRules
from exporters.analytics.backtest.alerts.rounds import Looked, Repeats
from exporters.analytics.backtest.alerts.watch import Watch
from exporters.analytics.backtest.clock import ReplayClock
from integrations.signals import CallRecord, HealthChange, IncidentChange, Signal
from monitors.alerts.builtin_rules import BUILTIN_RULES
from monitors.alerts.consequences import Consequences
from monitors.alerts.decisions import Flush
from monitors.alerts.engine import AlertEngine
from monitors.alerts.facts import Subject
from monitors.alerts.grouping import Grouping
from monitors.alerts.notifier import Notifier
from monitors.alerts.rules import KEEP_FIRING, RuleBook
from monitors.alerts.settling import AlertBook
from monitors.alerts.silences import Silence, Silences
from monitors.alerts.steady import SteadyClock
from monitors.incident import Acknowledgement
from monitors.incidents import Incidents, Moved
from monitors.lookout import LOOK
from monitors.monitor import PAUSE_TICK


class _Nowhere:
    """What is stored in a replay is kept in memory alone."""

    async def save_silences(self, silences: Sequence[Silence], *, forgotten: Sequence[str]) -> None:
        """Nothing is made or ended in a replay."""


class _Notes:
    """Takes what the engine gives to be stored: it is stored at once."""

    def __init__(self, ledger: Ledger, clock: ReplayClock) -> None:
        self._ledger, self._clock = ledger, clock
        self.is_fresh = False

    def keep(self, consequences: Consequences, *, changes: Sequence[HealthChange] = ()) -> None:  # noqa: ARG002 - the Protocol's parameter
        """Note rows and signals."""
        self.is_fresh = True
        self._ledger.take(consequences, at=self._clock.now)

    def flush(self, flush: Flush) -> None:
        """Note decisions."""
        self._ledger.take_flush(flush)

    async def stored(self) -> None:
        """All of it is."""


class AlertReplay:
    """Takes what was recorded, in its order, and notes in `ledger` what these rules make of it. With
    `repeats`, checks are repeated as these rules ask; without, as they were. `looks` are moments at which
    live calls are known to have been weighed, in order.
    """

    def __init__(
        self,
        order: AlertOrder,
        rules: AlertRules,
        *,
        began: float,
        repeats: Repeats | None = None,
        looks: Sequence[float] = (),
    ) -> None:
        self.ledger = Ledger()
        self._order = order
        self._clock = ReplayClock(began, ahead=order.ahead)
        self._notes = _Notes(self.ledger, self._clock)
        self._incidents = Incidents(new_id=partial(_number, count(1)), reopen_within=KEEP_FIRING)
        self._engine = self._made(rules)
        self._watch = Watch(order, rules.check, clock=self._clock, note=self._follow)
        self._repeats = repeats
        self._repeat_at = inf
        self._coming: list[Looked] = []
        self._is_up = True
        self._engine_at = began
        self._looks = list(reversed(looks))
        self._look_at = self._next_look(began + self._phase())

    # What was recorded.

    def take(self, signal: Signal) -> None:
        """Something was told; a check's result comes by `take_check`."""
        self.pass_to(signal.at)
        if type(signal) is CallRecord:
            self.ledger.failures.take_call(signal)
            self._watch.take(signal)
        elif type(signal) is IncidentChange:
            self._people(signal)
        else:
            # The order in which they subscribe to the bus (app/wiring.py).
            self._watch.take(signal)
            self._engine.on_signal(signal)
        self._settle()

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
        self._look_at = self._next_look(at + self._phase())
        self._repeat_at = inf
        self._coming.clear()
        self._step()

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
                self._settle()
            else:
                self._step()
        self._clock.now = max(self._clock.now, until)

    # Hidden.

    def _check(self, looked: Looked) -> None:
        self.ledger.failures.take_check(looked.result)
        self.ledger.assumed += looked.is_assumed
        self._engine.on_signal(looked.result)
        self._watch.take_check(looked)
        if self._repeats is not None:
            due = self._repeats.due(looked.began) if self._watch.is_unconfirmed else None
            self._repeat_at = inf if due is None else max(due, self._clock.now)
        self._settle()

    def _repeat(self) -> None:
        """Begin the checks that these rules ask for once more."""
        if self._repeats is not None:
            self._coming = self._repeats.round(self._repeat_at)
        self._repeat_at = inf

    def _due(self) -> float:
        """When something happens next by itself."""
        coming = self._coming[0].result.at if self._coming else inf
        return min(coming, self._repeat_at, self._look_at, self._engine_at)

    def _people(self, change: IncidentChange) -> None:
        """What people did to the incident of that time, done to the one there is."""
        current = self._incidents.of(change.integration)
        if current is None or not change.actor:
            return
        moved: Moved | None = None
        if change.event == "acknowledged":
            taken = Acknowledgement(actor=change.actor, at=change.at, reason=change.reason)
            moved = self._incidents.acknowledge(current.id, taken)
        elif change.event == "unacknowledged":
            moved = self._incidents.unacknowledge(
                current.id, actor=change.actor, at=change.at, reason=change.reason
            )
        elif change.event == "resolved":
            moved = self._incidents.close(current.id, actor=change.actor, at=change.at, reason=change.reason)
        if moved is not None:
            self._engine.follow(moved)
            self._notifier.touch()

    def _follow(self, changes: Sequence[HealthChange]) -> None:
        self._notes.keep(self._engine.take(changes))

    def _settle(self) -> None:
        """Look at what is due when something new came up, as the engine does."""
        if self._notes.is_fresh:
            self._step()

    def _step(self) -> None:
        self._notes.is_fresh = False
        self._engine.pass_time()
        if self._engine.is_due():
            self._engine.decide()
        self._notes.is_fresh = False
        self._engine_at = self._clock.now + self._engine.patience()

    def _next_look(self, at: float) -> float:
        """When it is looked at about a moment: when it was, where that is known."""
        looks = self._looks
        while looks and looks[-1] < max(self._clock.now, at - LOOK / 2):
            looks.pop()
        return looks[-1] if looks and looks[-1] <= at + LOOK / 2 else at

    def _phase(self) -> float:
        """When within a minute it is looked at (monitors/lookout.py), which is asked once a tick."""
        turn = crc32(self._order.connection.id.encode()) % 1_000 / 1_000 * LOOK
        return ceil(turn / PAUSE_TICK) * PAUSE_TICK

    def _made(self, rules: AlertRules) -> AlertEngine:
        steady = SteadyClock(self._clock)
        silences = Silences(clock=steady, store=_Nowhere())
        silences.load(self._order.silences)
        grouping = Grouping(rules.alerts)
        self._notifier = Notifier(
            rules.alerts, clock=steady, grouping=grouping, silences=silences, incident=self._incidents.get
        )
        return AlertEngine(
            clock=self._clock,
            saver=self._notes,
            incidents=self._incidents,
            book=AlertBook(RuleBook(rules.alerts.rules, builtin=BUILTIN_RULES), self._subject),
            grouping=grouping,
            steady=steady,
            notifier=self._notifier,
        )

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


def _number(numbers: "count[int]") -> str:
    return str(next(numbers))
