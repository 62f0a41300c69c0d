"""Service level objectives: counts good and bad requests as they happen, and says how fast budgets are spent.

Nothing here waits for DuckDB. Counts are kept in memory and stored once a minute; a crash loses the last
minute of them at most.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

import anyio
import anyio.lowlevel
import structlog

from integrations.clock import Clock
from integrations.samples import Sample
from integrations.signals import ObjectiveChange, Signal
from monitors.alerts.alert import Alert
from monitors.alerts.steady import SteadyClock
from monitors.burn_alerts import AlertDesk, BurnAlerts
from monitors.objective import Labels, Objective
from monitors.slo_counts import Counts, SavedHour
from monitors.slo_events import event_of
from monitors.slo_report import ALERT, DAY, SLOStatus, labels_of
from monitors.slo_settings import SLOSettings

TICK = 15.0
"""Seconds between two evaluations, and after which a change of who is covered, or in maintenance, counts."""

SAVE_EVERY = 60.0
SAVE_SECONDS = 15.0
LAST_SAVE = 5.0
SLICE = 0.002
"""Seconds of evaluating after which the event loop gets its turn."""

log = structlog.get_logger("dialtone.slo")


class SLOStore(Protocol):
    """Where counts are kept; each call is one atomic unit."""

    async def save_hours(self, hours: Sequence[SavedHour], /, *, before: Mapping[str, int]) -> None:
        """Replace these hours, and delete those of the keys in `before` that are older than the hour given;
        keys that `before` lacks are deleted whole.
        """
        ...

    async def load_hours(self) -> Sequence[SavedHour]:
        """Return all that is stored."""
        ...


class _Turn:
    """Gives the event loop its turn when a stretch of work has taken long enough."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began = clock.monotonic()

    async def pass_on(self) -> None:
        if self._clock.monotonic() - self._began >= SLICE:
            await anyio.lowlevel.checkpoint()
            self._began = self._clock.monotonic()


class SLOWatch:
    """Watches objectives. Subscribe it to the bus, `await load()`, `configure()`, `run()` in a task.

    `integrations` gives the labels of all watched integrations (with `integration` and `vendor`) by id;
    `in_maintenance` tells of labels whether they are to be left out now; `publish` is told of alerts that
    begin, change and end. Called on the event loop.
    """

    def __init__(
        self,
        *,
        integrations: Callable[[], Mapping[str, Labels]],
        clock: Clock,
        in_maintenance: Callable[[Labels], bool] = lambda _: False,
        desk: AlertDesk | None = None,
        publish: Callable[[ObjectiveChange], object] = lambda _: None,
        store: SLOStore | None = None,
        steady: SteadyClock | None = None,
    ) -> None:
        self._integrations = integrations
        self._in_maintenance = in_maintenance
        self._clock = clock
        self._steady = steady or SteadyClock(clock)
        self._desk = desk
        self._alerts = BurnAlerts(clock=clock, desk=desk, publish=publish)
        self._store = store
        self._tracked: dict[str, Objective] = {}
        self._labels: Mapping[str, Labels] = {}
        self._of: dict[str, tuple[Objective, ...]] = {}
        self._stored: dict[str, list[SavedHour]] = {}
        self._saved_at = clock.monotonic()
        self._errors = 0

    def configure(self, slos: Sequence[SLOSettings]) -> None:
        """Watch these from now on; counts of those that count the same as before are kept."""
        before, self._tracked = self._tracked, {}
        labels = self._integrations() if slos else {}
        self._labels = self._labels if before else labels
        for slo in slos:
            known = before.get(slo.key)
            if known is None or known.slo != slo:
                known = self._changed(slo, known)
                known.cover(labels)
            self._tracked[slo.key] = known
        for key, gone in before.items():
            if key not in self._tracked:
                self._alerts.end(gone)
        self._route()

    async def load(self) -> None:
        """Read what is stored; `configure` goes on with it."""
        if self._store is not None:
            for hour in await self._store.load_hours():
                self._stored.setdefault(hour.key, []).append(hour)

    def settle(self, firing: Iterable[Alert]) -> None:
        """Take up alerts that fire since before a restart; those of objectives that are gone, or cover others
        now, are ended.
        """
        for alert in firing:
            labels = dict(alert.labels)
            if labels.get("alertname") != ALERT:
                continue
            owner = next((one for one in self._tracked.values() if one.slo.name == labels.get("slo")), None)
            if owner is not None and labels == labels_of(owner.slo, labels["severity"], owner.shared):
                owner.told = labels
            elif self._desk is not None:
                self._desk.end_alert(labels)

    async def run(self) -> None:
        """Evaluate and store, until cancelled; what is counted then is stored before it ends."""
        try:
            while True:
                await self._follow()
                await self._evaluate()
                if self._clock.monotonic() - self._saved_at >= SAVE_EVERY:
                    await self.save()
                await self._clock.sleep(TICK)
        finally:
            with anyio.move_on_after(LAST_SAVE, shield=True):
                await self.save()

    def on_signal(self, signal: Signal) -> None:
        """Count a live call or a check."""
        event = event_of(signal) if self._of else None
        if event is not None:
            for tracked in self._of.get(event.integration, ()):
                tracked.count(event, self._steady.now())

    def statuses(self) -> list[SLOStatus]:
        """How all objectives stand now."""
        return [self._status(tracked) for tracked in self._tracked.values()]

    def samples(self) -> Iterable[Sample]:
        """Objectives, what was counted since the start, burn rates and what is left of budgets."""
        for tracked in self._tracked.values():
            told, name = tracked.status or self._status(tracked), tracked.slo.name
            yield Sample("dialtone_slo_objective_ratio", (name,), tracked.slo.ratio)
            yield Sample("dialtone_slo_window_seconds", (name,), tracked.slo.window_days * DAY)
            yield Sample("dialtone_slo_events_total", (name, "good"), tracked.good)
            yield Sample("dialtone_slo_events_total", (name, "bad"), tracked.bad)
            yield Sample("dialtone_slo_budget_left_ratio", (name,), told.budget_left)
            # Two pairs may share a window, such as 6h.
            rates: dict[str, float] = {}
            for burn in told.burns:
                short, _, long = burn.windows.partition("/")
                rates |= {short: burn.short, long: burn.long}
            for window, rate in rates.items():
                yield Sample("dialtone_slo_burn_rate", (name, window), rate)
        yield Sample("dialtone_slo_save_errors_total", (), self._errors)

    async def save(self) -> None:
        """Store the hours that have changed; what cannot be stored is tried again with the next."""
        self._saved_at, now = self._clock.monotonic(), self._steady.now()
        for tracked in self._tracked.values():
            tracked.counts.forget(now, seconds=tracked.slo.window_days * DAY)
        if self._store is None:
            return
        taken = {key: tracked.counts.take_unsaved() for key, tracked in self._tracked.items()}
        before = {
            key: int(now - tracked.slo.window_days * DAY) // 3_600 for key, tracked in self._tracked.items()
        }
        try:
            with anyio.fail_after(SAVE_SECONDS):
                await self._store.save_hours(
                    [hour for each in taken.values() for hour in each], before=before
                )
        except Exception as error:  # noqa: BLE001 - the store is kept trying, whatever it raises
            self._errors += 1
            log.warning("counts of objectives cannot be stored yet", error=type(error).__name__)
            for key, hours in taken.items():
                if owner := self._tracked.get(key):
                    owner.counts.put_back(hours)

    def _changed(self, slo: SLOSettings, before: Objective | None) -> Objective:
        if before is None:
            return Objective(slo, self._restored(slo.key))
        changed = Objective(slo, before.counts)
        changed.told, changed.since = before.told, before.since
        changed.good, changed.bad = before.good, before.bad
        return changed

    def _restored(self, key: str) -> Counts:
        counts = Counts(key)
        for hour in self._stored.pop(key, ()):
            counts.restore(hour)
        return counts

    async def _follow(self) -> None:
        """Find out whom each objective covers, and who is in maintenance and not counted."""
        labels = self._integrations() if self._tracked else {}
        turn = _Turn(self._clock)
        if labels != self._labels:
            self._labels = labels
            for tracked in tuple(self._tracked.values()):
                tracked.cover(labels)
                await turn.pass_on()
        paused = set()
        for name in {name for tracked in self._tracked.values() for name in tracked.integrations}:
            if name in labels and self._in_maintenance(labels[name]):
                paused.add(name)
            await turn.pass_on()
        for tracked in self._tracked.values():
            tracked.pause(paused)
        self._route()

    def _route(self) -> None:
        counted: dict[str, list[Objective]] = {}
        for tracked in self._tracked.values():
            paused = set(tracked.paused)
            for name in tracked.integrations:
                if name not in paused:
                    counted.setdefault(name, []).append(tracked)
        self._of = {name: tuple(each) for name, each in counted.items()}

    async def _evaluate(self) -> None:
        turn = _Turn(self._clock)
        for tracked in tuple(self._tracked.values()):
            self._judge(tracked)
            await turn.pass_on()

    def _judge(self, tracked: Objective) -> None:
        told = self._status(tracked)
        self._alerts.settle(tracked, told.severity, lambda: told)

    def _status(self, tracked: Objective) -> SLOStatus:
        return tracked.judge(self._steady.now())
