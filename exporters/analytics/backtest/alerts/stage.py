"""Alerting on a clock that follows what was recorded: the incidents, rules and routes that run live, and a
ledger of what they made.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import count

from exporters.analytics.backtest.alerts.ledger import Ledger
from exporters.analytics.backtest.clock import ReplayClock
from integrations.signals import HealthChange, IncidentChange
from monitors.alerts.builtin_rules import BUILTIN_RULES
from monitors.alerts.consequences import Consequences
from monitors.alerts.decisions import Flush
from monitors.alerts.engine import LONGEST_WAIT, AlertEngine
from monitors.alerts.facts import Subject
from monitors.alerts.grouping import Grouping
from monitors.alerts.notifier import Notifier
from monitors.alerts.rules import KEEP_FIRING, RuleBook
from monitors.alerts.settings import AlertSettings
from monitors.alerts.settling import AlertBook
from monitors.alerts.silences import Silence, Silences
from monitors.alerts.steady import SteadyClock
from monitors.incident import Acknowledgement
from monitors.incidents import Incidents, Moved

_BREATHS = 200
"""Steps from one breath to the next: messages may be repeated as often as somebody proposes."""


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


class Stage:
    """Alerting under some settings. `subject` knows the labels of what incidents may be about. Its owner sets
    the clock, calls `settle` after everything that it told, and `step` when time has come to `due`, which is
    `patience` seconds away at most. `breathe` is told the time every few steps; it may raise to end the work.
    """

    def __init__(
        self,
        settings: AlertSettings,
        *,
        clock: ReplayClock,
        ledger: Ledger,
        silences: Iterable[Silence],
        subject: Callable[[str], Subject | None],
        patience: float = LONGEST_WAIT,
        breathe: Callable[[float], None] = lambda _: None,
    ) -> None:
        steady = SteadyClock(clock)
        loaded = Silences(clock=steady, store=_Nowhere())
        loaded.load(silences)
        grouping = Grouping(settings)
        self._clock = clock
        self._patience = patience
        self._breathe = breathe
        self._steps = 0
        self._notes = _Notes(ledger, clock)
        self._incidents = Incidents(new_id=partial(_number, count(1)), reopen_within=KEEP_FIRING)
        self.notifier = Notifier(
            settings, clock=steady, grouping=grouping, silences=loaded, incident=self._incidents.get
        )
        self.engine = AlertEngine(
            clock=clock,
            saver=self._notes,
            incidents=self._incidents,
            book=AlertBook(RuleBook(settings.rules, builtin=BUILTIN_RULES), subject),
            grouping=grouping,
            steady=steady,
            notifier=self.notifier,
        )
        self.due = clock.now

    def take(self, changes: Sequence[HealthChange]) -> None:
        """Take confirmed changes of health."""
        self._notes.keep(self.engine.take(changes))

    def take_people(self, change: IncidentChange) -> None:
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
            self.engine.follow(moved)
            self.notifier.touch()

    def settle(self) -> None:
        """Look at what is due when something new came up, as the engine does."""
        if self._notes.is_fresh:
            self.step()

    def step(self) -> None:
        """Do what is due now."""
        self._steps += 1
        if self._steps % _BREATHS == 0:
            self._breathe(self._clock.now)
        self._notes.is_fresh = False
        self.engine.pass_time()
        if self.engine.is_due():
            self.engine.decide()
        self._notes.is_fresh = False
        self.due = self._clock.now + self.engine.patience(longest=self._patience)

    def pass_to(self, until: float) -> None:
        """Let time pass."""
        while self.due <= until:
            self._clock.now = max(self._clock.now, self.due)
            self.step()
        self._clock.now = max(self._clock.now, until)


def _number(numbers: "count[int]") -> str:
    return str(next(numbers))
