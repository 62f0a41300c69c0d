"""IntegrationMonitor, the face of this package: watches integrations and knows how they are."""

from collections.abc import Callable, Iterable, Sequence
from random import Random
from sys import intern

import anyio
import msgspec

from integrations.clock import Clock
from integrations.connection import Connection
from integrations.errors import UnknownIntegration
from integrations.execution.outcome import Outcome
from integrations.samples import Sample
from integrations.signals import CheckResult, Signal
from monitors.checks import Breakers, CheckRunner, Framework
from monitors.debugging import IntegrationDebug
from monitors.explain import Explanation, explain
from monitors.faults import Faults
from monitors.lookout import Lookout
from monitors.pace import foretell
from monitors.report import (
    HealthStore,
    IntegrationHealth,
    IntegrationMetrics,
    Pause,
    SavedHealth,
)
from monitors.reported import observe_report
from monitors.rounds import Rounds
from monitors.saving import HealthSaver
from monitors.scheduler import Scheduler
from monitors.subject import TELLING, Subject
from monitors.surroundings import NO_BUCKETS
from monitors.timetable import Timetable
from monitors.turns import PacedCheck
from monitors.watched import WatchedIntegration

PAUSE_TICK = 1.0
"""Seconds between two looks at which pauses are over."""


class MonitorSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much is checked at once: rounds of one vendor that run together, and the seconds over which first
    rounds are spread.
    """

    vendor_rounds: int = 8
    spread: float = 5.0


DEFAULTS = MonitorSettings()


class IntegrationMonitor:
    """Checks integrations, judges their health from checks, breakers, reports and live calls, and tells.

    `framework` carries checks out, `executor` is told when one succeeds. Confirmed changes go to `store`
    first and to `publish` then, through `saver` where it is shared with alerting; while `faults` are injected
    they say so. Everything is called on the event loop; methods that name an integration raise
    UnknownIntegration. Wire it so: `await load()`, `watch(…)` for each integration, `run()` in a task,
    `await aclose()` after it, and subscribe it to the bus.
    """

    def __init__(
        self,
        *,
        framework: Framework,
        executor: Breakers,
        clock: Clock,
        publish: Callable[[Signal], None],
        store: HealthStore | None = None,
        random: Random | None = None,
        settings: MonitorSettings = DEFAULTS,
        faults: Faults | None = None,
        saver: HealthSaver | None = None,
    ) -> None:
        self._clock = clock
        self._faults = faults
        self._store = store
        self._runner = CheckRunner(framework=framework, breakers=executor, clock=clock, publish=publish)
        jitter = random or Random()  # noqa: S311 - it spreads retries, it guards nothing
        self._saver = saver or HealthSaver(store=store, clock=clock, publish=publish, random=jitter)
        self._note = self._saver.note
        self._timetable = Timetable(
            epoch=clock.monotonic() - clock.time(),
            vendor_rounds=settings.vendor_rounds,
            spread=settings.spread,
        )
        self._subjects: dict[str, Subject] = {}
        self._rounds = Rounds(self._subjects, runner=self._runner, clock=clock)
        self._scheduler = Scheduler(clock=clock, timetable=self._timetable, work=self._rounds.run)
        self._lookout = Lookout()
        self._ending: set[str] = set()
        self._stored: dict[str, SavedHealth] = {}

    async def load(self) -> None:
        """Read what is stored, so that a restart neither forgets nor announces anything twice."""
        if self._store is None:
            return
        for saved in await self._store.load_health():
            self._stored[saved.integration] = saved
            if subject := self._subjects.get(saved.integration):
                self._restore(subject)

    async def run(self) -> None:
        """Run checks, store changes and end pauses, until cancelled."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._saver.run)
            group.start_soon(self._scheduler.run)
            while True:
                self._end_pauses()
                self._look()
                await self._clock.sleep(PAUSE_TICK)

    async def aclose(self) -> None:
        """Store what is known after `run` was cancelled, once no call is in flight that may change it."""
        for subject in tuple(self._subjects.values()):
            subject.watched.keep()
        await self._saver.save_all()

    def watch(
        self, connection: Connection, vendor: str, checks: Sequence[PacedCheck], *, also: Iterable[str] = ()
    ) -> None:
        """Watch an integration, or watch it under a changed configuration; `vendor` is its vendor's name for
        people, `also` names capabilities that canaries check.
        """
        subject = self._subjects.get(connection.id)
        if subject is not None and subject.watched.vendor != connection.vendor:
            # What is known of another third party, or is just being asked of it, says nothing of this one.
            self._scheduler.remove(connection.id)
            subject = None
        if subject is None:
            subject = self._subjects[connection.id] = self._subject(connection, vendor)
            self._lookout.add(connection.id, now=self._clock.monotonic())
        subject.adopt(connection, checks)
        capabilities = [*(check.capability for check in checks), *also]
        subject.watched.configure(connection.check, capabilities, at=self._clock.time())
        buckets = {check.capability: check.bucket for check in checks if check.bucket}
        subject.watched.around.buckets = buckets or NO_BUCKETS
        subject.watched.around.every = connection.webhooks.expect.every
        self._scheduler.add(
            connection.id,
            # The limit is for one other end: a thousand sites of vendor `http` share none.
            vendor=intern(f"{connection.vendor}/{vendor}"),
            interval=connection.check.interval,
            retry_interval=connection.check.retry_interval,
        )
        self._switch(subject)
        self._restore(subject)

    def unwatch(self, integration_id: str) -> None:
        """Watch an integration no longer; its stored health stays."""
        if subject := self._subjects.pop(integration_id, None):
            self._stored[integration_id] = subject.watched.saved()
            self._lookout.remove(integration_id)
            self._scheduler.remove(integration_id)

    async def settle(self, integration_id: str) -> None:
        """Wait until what was found out is stored and told, at most five seconds; also of one that is
        unwatched.
        """
        await self._saver.settle(integration_id)

    def on_signal(self, signal: Signal) -> None:
        """Take what signals say: calls into the statistics, a breaker's opening as evidence. What a check
        found out is taken by its round.
        """
        if type(signal) is CheckResult:
            return
        if isinstance(signal, TELLING) and (subject := self._subjects.get(signal.integration)):
            subject.hear(signal, self._clock)

    async def check_integration_health(self, integration_id: str) -> IntegrationHealth:
        """Check all capabilities now and return the verdict; a round that runs already is joined, and a
        paused integration is left alone.
        """
        subject = self._subject_of(integration_id)
        if subject.watched.pause is None:
            subject.is_asked = True
            await self._scheduler.run_now(integration_id)
            if subject.is_asked and subject is self._subjects.get(integration_id):
                # The round that was joined had begun before, and may have left checks out.
                await self._scheduler.run_now(integration_id)
        return self.health(integration_id)

    async def debug_integration_health(self, integration_id: str) -> IntegrationDebug:
        """Check all capabilities now, each over a connection of its own, and return everything about it.

        For the rest these are checks like any other; a paused integration is left alone.
        """
        with self._subject_of(integration_id).looks.open() as look:
            return look.report(await self.check_integration_health(integration_id))

    def health(self, integration_id: str) -> IntegrationHealth:
        """The confirmed health, without asking anyone."""
        subject = self._subject_of(integration_id)
        due = self._timetable.due(integration_id)
        return subject.watched.health(coming={} if due is None else self._coming(subject, slot=due))

    def explain(self, integration_id: str) -> Explanation:
        """Why it is as it is: the verdict of now with all its evidence."""
        watched = self._subject_of(integration_id).watched
        return explain(watched, self.health(integration_id), at=self._clock.time())

    def watched(self, integration_id: str) -> WatchedIntegration | None:
        """What is known of an integration, for those who have more evidence; None when it is not watched."""
        subject = self._subjects.get(integration_id)
        return subject.watched if subject is not None else None

    def get_integration_metrics(self, integration_id: str) -> IntegrationMetrics:
        """The last hour of calls in numbers."""
        subject = self._subject_of(integration_id)
        return subject.traffic.metrics(integration_id, now=self._clock.time())

    async def alert_integration_failure(self, integration_id: str, error: Outcome | str) -> IntegrationHealth:
        """Take someone's word that an integration fails: down (or what the Outcome says) at once, until
        checks succeed again.

        Told twice it changes nothing. An Outcome that says nothing of the vendor (rejected, cancelled, a
        wrong request) changes nothing either.

        Raises:
            ValueError: when the Outcome succeeded or the text is empty.
        """
        watched = self._subject_of(integration_id).watched
        seen = observe_report(error, at=self._clock.time())
        if seen:
            watched.report(seen)
            await self._saver.settle(integration_id)
        return self.health(integration_id)

    async def pause(
        self, integration_id: str, *, actor: str, reason: str, expires_at: float | None = None
    ) -> IntegrationHealth:
        """Stop an integration's checks until resumed, or until `expires_at` (UTC seconds); again, to change
        that.
        """
        subject = self._subject_of(integration_id)
        pause = Pause(actor=actor, reason=reason, since=self._clock.time(), expires_at=expires_at)
        subject.watched.begin_pause(pause)
        self._switch(subject)
        await self._saver.settle(integration_id)
        return self.health(integration_id)

    async def resume(self, integration_id: str, *, actor: str, reason: str) -> IntegrationHealth:
        """Check a paused integration again, soon."""
        subject = self._subject_of(integration_id)
        self._resume(subject, reason=f"Resumed by {actor}: {reason}")
        await self._saver.settle(integration_id)
        return self.health(integration_id)

    def samples(self) -> Iterable[Sample]:
        """Health of all integrations, and how the monitor itself is."""
        for subject in tuple(self._subjects.values()):
            yield from subject.watched.samples()
            yield Sample("dialtone_checks_stretched_total", (subject.connection.id,), subject.stretched)
        yield Sample("dialtone_queue_depth", ("checks",), self._timetable.waiting)
        yield Sample("dialtone_checks_in_flight", (), self._timetable.in_flight)
        yield Sample("dialtone_check_errors_total", (), self._runner.errors + self._scheduler.errors)
        yield from self._saver.samples()

    def _subject(self, connection: Connection, vendor: str) -> Subject:
        watched = WatchedIntegration(
            connection.id,
            vendor=connection.vendor,
            vendor_name=vendor,
            note=self._note,
            at=self._clock.time(),
            faults=self._faults,
        )
        return Subject(connection=connection, watched=watched)

    def _subject_of(self, integration_id: str) -> Subject:
        try:
            return self._subjects[integration_id]
        except KeyError:
            raise UnknownIntegration(integration_id, known=self._subjects) from None

    def _restore(self, subject: Subject) -> None:
        if saved := self._stored.pop(subject.connection.id, None):
            subject.watched.restore(saved, at=self._clock.time())
            self._switch(subject)

    def _switch(self, subject: Subject) -> None:
        """Let the timetable follow the pause. The end of a pause is fixed on the monotonic clock, so that a
        jump of the wall clock ends none early.
        """
        pause = subject.watched.pause
        subject.resume_at = None
        if pause and pause.expires_at is not None:
            subject.resume_at = self._clock.monotonic() + pause.expires_at - self._clock.time()
            self._ending.add(subject.connection.id)
        if pause or not (subject.connection.check.enabled and subject.turns):
            self._scheduler.switch_off(subject.connection.id)
            subject.expect(now=self._clock.monotonic(), is_on=False)
        else:
            self._scheduler.switch_on(subject.connection.id)
            subject.expect(now=self._clock.monotonic(), is_on=True)

    def _resume(self, subject: Subject, *, reason: str) -> None:
        if subject.watched.pause:
            subject.watched.end_pause(at=self._clock.time(), reason=reason)
            self._switch(subject)

    def _end_pauses(self) -> None:
        now = self._clock.monotonic()
        for name in tuple(self._ending):
            subject = self._subjects.get(name)
            if subject is None or subject.resume_at is None or not subject.watched.pause:
                self._ending.discard(name)
            elif subject.resume_at <= now:
                self._resume(subject, reason=f"The pause by {subject.watched.pause.actor} is over.")

    def _look(self) -> None:
        for name in self._lookout.due(self._clock.monotonic()):
            self._subjects[name].look(self._clock)

    def _coming(self, subject: Subject, *, slot: float) -> dict[str, tuple[float, str]]:
        """When each is checked next (UTC seconds), and why so late; the next round is due at `slot`."""
        interval = subject.connection.check.interval
        ahead = self._clock.time() - self._clock.monotonic()
        coming: dict[str, tuple[float, str]] = {}
        for turn in subject.turns:
            stretched = subject.stretch(turn, self._clock)
            due = foretell(turn, stretched, interval=interval, slot=slot)
            told = due + ahead, stretched.reason if due > slot else ""
            capability = turn.check.capability
            coming[capability] = min(told, coming.get(capability, told))
        return coming
