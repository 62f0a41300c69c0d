"""A stretch of live history of objectives and heartbeats: the watches and the alert engine that run live, in
exact virtual time, told of random calls, checks and reports; and what was published.
"""

import random
from collections.abc import Sequence

import anyio
from msgspec.structs import replace

from exporters.analytics.backtest.watched.heartbeats import Reported
from exporters.analytics.backtest.watched.objectives import Past
from exporters.analytics.backtest.watched.order import WatchOrder
from exporters.analytics.backtest.watched.stream import Seen
from integrations.bus import SignalBus
from integrations.execution.outcome import Effect, FailureKind, Origin, RejectReason
from integrations.signals import (
    BreakerState,
    CallRecord,
    CheckResult,
    Health,
    HeartbeatReport,
    IncidentChange,
    ObjectiveChange,
    Signal,
)
from monitors.alerts.builtin_rules import BUILTIN_RULES
from monitors.alerts.engine import AlertEngine
from monitors.alerts.facts import Subject
from monitors.alerts.grouping import Grouping
from monitors.alerts.notifier import Notifier
from monitors.alerts.rules import KEEP_FIRING, RuleBook
from monitors.alerts.settings import AlertSettings
from monitors.alerts.settling import AlertBook
from monitors.alerts.silences import Silences
from monitors.alerts.steady import SteadyClock
from monitors.heartbeat import Beat
from monitors.heartbeat_settings import HeartbeatSettings
from monitors.heartbeats import HeartbeatWatch, subject_of
from monitors.incident import Acknowledgement
from monitors.incident_ids import IncidentIDs
from monitors.incidents import Incidents
from monitors.saving import HealthSaver
from monitors.slo import SLOWatch
from monitors.slo_events import event_of
from monitors.slo_settings import SLOSettings
from tests.fakes.alerting import MemoryStore, settings
from tests.fakes.clock import LoopClock
from tests.fakes.signals import RecordingSubscriber

K = FailureKind
AHEAD = 1_799_999_000.0
"""What UTC adds to the time of VirtualTimeLoop."""

LABELS = {
    "shop": {"integration": "shop", "vendor": "http", "team": "sales"},
    "hub": {"integration": "hub", "vendor": "github", "team": "sales"},
}
SLOS = (
    SLOSettings(name="shop", objective=99.0, integrations=("shop",)),
    SLOSettings(
        name="sales fast", objective=99.0, matchers=('team="sales"',), latency_below=0.5, counted="traffic"
    ),
)
JOBS = (
    HeartbeatSettings(id="sync", period=300, grace=60, longest=240),
    HeartbeatSettings(id="report", cron="*/10 * * * *", grace=120),
)


def watching(
    *, slos: Sequence[SLOSettings] = SLOS, jobs: Sequence[HeartbeatSettings] = JOBS
) -> AlertSettings:
    """Settings with these objectives and heartbeats."""
    return replace(settings(), slos=tuple(slos), heartbeats=tuple(jobs))


class Lived:
    """What was published, and what receivers were told."""

    def __init__(
        self, signals: Sequence[Signal], told: Sequence[str], used: AlertSettings, *, start: float, end: float
    ) -> None:
        self.signals = sorted(signals, key=lambda each: (each.at, each.seq))
        self.told = told
        self.settings = used
        self.start = start
        self.end = end

    def order(self, proposed: AlertSettings | None = None, **fields: object) -> WatchOrder:
        """About all of it."""
        given = {
            "start": self.start,
            "end": self.end,
            "objectives": tuple(each.name for each in self.settings.slos),
            "heartbeats": tuple(each.id for each in self.settings.heartbeats),
            "labels": LABELS,
            "known_since": {each.id: self.start for each in self.settings.heartbeats},
            "ahead": AHEAD,
        }
        return WatchOrder(today=self.settings, proposed=proposed or self.settings, **(given | fields))

    def past(self, **fields: object) -> Past:
        """As the replay of objectives takes it."""
        given = {
            "events": lambda names, start, end, _: seen(self.signals, names, start=start, end=end),
            "changes": [each for each in self.signals if type(each) is ObjectiveChange],
            "kept_from": self.start,
        }
        return Past(**(given | fields))

    def reported(self, heartbeat: str) -> Reported:
        """As the replay of a heartbeat takes it."""
        return Reported(
            began=self.start,
            reports=[
                each for each in self.signals if type(each) is HeartbeatReport and each.heartbeat == heartbeat
            ],
            incidents=[
                each
                for each in self.signals
                if type(each) is IncidentChange and each.integration == subject_of(heartbeat)
            ],
        )


def seen(signals: Sequence[Signal], names: Sequence[str], *, start: float, end: float) -> list[Seen]:
    """What counts among signals."""
    found = [(each.at, event_of(each)) for each in signals if start <= each.at < end]
    return [Seen(at, event, 1) for at, event in found if event is not None and event.integration in names]


class _World:
    def __init__(self, used: AlertSettings) -> None:
        self.clock = clock = LoopClock()
        self.bus, self.published = SignalBus(), RecordingSubscriber()
        self.saver = HealthSaver(store=None, clock=clock, publish=self.bus.publish, random=random.Random(1))
        self.incidents = Incidents(new_id=IncidentIDs(clock, random.Random(3)), reopen_within=KEEP_FIRING)
        steady, grouping = SteadyClock(clock), Grouping(used)
        self.notifier = Notifier(
            used,
            clock=steady,
            grouping=grouping,
            silences=Silences(clock=steady, store=MemoryStore()),
            incident=self.incidents.get,
        )
        self.engine = AlertEngine(
            clock=clock,
            saver=self.saver,
            incidents=self.incidents,
            book=AlertBook(RuleBook(used.rules, builtin=BUILTIN_RULES), self._subject),
            grouping=grouping,
            steady=steady,
            notifier=self.notifier,
        )
        self.slos = SLOWatch(
            integrations=lambda: LABELS,
            clock=clock,
            in_maintenance=lambda labels: self.notifier.maintenance.current(labels) is not None,
            desk=self.engine,
            publish=self.bus.publish,
            steady=steady,
        )
        self.jobs = HeartbeatWatch(
            clock=clock, report=self.engine.report, publish=self.bus.publish, steady=steady
        )
        self.bus.subscribe("watching", self.slos)
        self.bus.subscribe("recorder", self.published)
        self.saver.flush = self._flushed  # type: ignore[method-assign] # decisions are looked at as they come
        self.told: list[str] = []
        self.settings = used

    def _subject(self, name: str) -> Subject | None:
        return self.jobs.subject(name)

    def _flushed(self, flush: object) -> None:
        self.told += [message.receiver for message in flush.messages]

    async def live(self, seconds: float, *, seed: int, every: float) -> float:
        rng = random.Random(seed)
        async with anyio.create_task_group() as group:
            self.slos.configure(self.settings.slos)
            self.jobs.configure(self.settings.heartbeats)
            group.start_soon(self.saver.run)
            group.start_soon(self.engine.run)
            if self.settings.slos:
                group.start_soon(self.slos.run)
                for name in LABELS:
                    group.start_soon(self._traffic, name, random.Random(rng.random()), every)
            if self.settings.heartbeats:
                group.start_soon(self.jobs.run)
                group.start_soon(self._people, random.Random(rng.random()))
                for job in self.settings.heartbeats:
                    group.start_soon(self._job, job, random.Random(rng.random()))
            await anyio.sleep(seconds)
            group.cancel_scope.cancel()
        return self.clock.time()

    async def _traffic(self, name: str, rng: random.Random, every: float) -> None:
        """Good and bad hours; what ends a call is of all kinds."""
        failing, until = 0.0, 0.0
        while True:
            await anyio.sleep(rng.expovariate(1.0 / every))
            if self.clock.monotonic() >= until:
                until = self.clock.monotonic() + rng.uniform(300, 2_400)
                failing = 0.0 if failing else rng.choice((0.02, 0.1, 0.5, 1.0))
            self.bus.publish(_signal(name, rng, at=self.clock.time(), failing=failing))

    async def _job(self, job: HeartbeatSettings, rng: random.Random) -> None:
        """A job that starts, ends, fails, hangs and stays away."""
        for number in range(10_000):
            await anyio.sleep(rng.choice((60, 200, 280, 290, 400, 900)) + rng.random())
            run = f"run-{number}" if rng.random() < 0.5 else ""
            if rng.random() < 0.6:
                await self.jobs.hear(job.id, Beat.START, run=run)
                await anyio.sleep(rng.choice((5, 30, 300)) + rng.random())
            if rng.random() < 0.9:
                beat = rng.choice((Beat.SUCCESS, Beat.SUCCESS, Beat.SUCCESS, Beat.FAIL, Beat.LOG))
                await self.jobs.hear(job.id, beat, run=run, exit_status=1 if beat is Beat.FAIL else None)

    async def _people(self, rng: random.Random) -> None:
        while True:
            await anyio.sleep(rng.uniform(300, 1_500))
            for incident in self.incidents.open():
                if rng.random() < 0.5:
                    who = Acknowledgement(actor="ann", at=self.clock.time(), reason="I look")
                    await self.engine.change_incident(self.incidents.acknowledge(incident.id, who))
                else:
                    await self.engine.change_incident(
                        self.incidents.close(incident.id, actor="ann", at=self.clock.time(), reason="over")
                    )


def _signal(name: str, rng: random.Random, *, at: float, failing: float) -> CallRecord | CheckResult:
    kind = (
        rng.choice((K.TIMEOUT, K.SERVER_ERROR, K.THROTTLED, K.REJECTED)) if rng.random() < failing else None
    )
    kind = kind or rng.choice((*(None,) * 30, K.NOT_FOUND, K.CANCELLED))
    if rng.random() < 0.2:
        return CheckResult(
            at=at, integration=name, vendor="v", capability="read", action="get", duration=0.3,
            kind=None if kind is K.REJECTED else kind, evidence_health=Health.UP,
        )  # fmt: skip
    return CallRecord(
        at=at,
        call_id="c",
        run_id="r",
        integration=name,
        vendor="v",
        action="get",
        capability="read",
        effect=Effect.READ,
        origin=rng.choice((*(Origin.TRAFFIC,) * 9, Origin.CHECK)),
        kind=kind,
        reason=RejectReason.OPEN_CIRCUIT if kind is K.REJECTED else None,
        breaker_state=BreakerState.OPEN if kind is K.REJECTED else BreakerState.CLOSED,
        duration=rng.choice((0.1, 0.2, 0.3, 0.7 if failing else 0.4)),
    )


async def live(used: AlertSettings, *, seed: int, seconds: float, every: float = 6.0) -> Lived:
    """Live through some time."""
    world = _World(used)
    start = world.clock.time()
    end = await world.live(seconds, seed=seed, every=every)
    return Lived(world.published.signals, world.told, used, start=start, end=end)
