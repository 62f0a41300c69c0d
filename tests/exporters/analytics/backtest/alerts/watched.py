"""A stretch of live history with alerting: executor, monitor and alert engine in exact virtual time, against
a vendor with good and bad hours; and what was published.
"""

import random
from collections.abc import Sequence

import anyio
import httpx

from exporters.analytics.backtest.alerts.proposal import AlertOrder, AlertRules
from exporters.analytics.backtest.alerts.run import Happened
from integrations.bus import SignalBus
from integrations.connection import CheckPolicy, Connection, Labels, NetworkPolicy
from integrations.examination import Examination
from integrations.execution.executor import Executor
from integrations.execution.outcome import Outcome
from integrations.execution.policy import BreakerPolicy, Policy
from integrations.probes import Check
from integrations.signals import CallRecord, CheckResult, Signal
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
from monitors.incident import Acknowledgement
from monitors.incident_ids import IncidentIDs
from monitors.incidents import Incidents
from monitors.monitor import IntegrationMonitor
from monitors.saving import HealthSaver
from tests.fakes.alerting import MemoryStore, settings
from tests.fakes.clock import LoopClock
from tests.fakes.execution import ScriptedVendor, call, check, line_spec
from tests.fakes.signals import RecordingSubscriber

CHECKS = (
    Check(integration="shop", capability="read", action="get", asks="get at the shop"),
    Check(integration="shop", capability="write", action="post", asks="post at the shop"),
)
AHEAD = 1_799_999_000.0
"""What UTC adds to the time of VirtualTimeLoop."""

POLICY = Policy(breaker=BreakerPolicy(min_calls=5, open_seconds=20.0))
QUIET = CheckPolicy(adaptive=False)
"""Checks in their slots, however well the calls do."""


class MoodyVendor(ScriptedVendor):
    """Fine for some minutes, and in trouble for some: away, slow to say so, or failing now and then."""

    def __init__(self, seed: int, clock: LoopClock, *, trouble: Sequence[float]) -> None:
        super().__init__()
        self._random = random.Random(seed)
        self._clock = clock
        self._trouble = trouble
        self._until = 0.0
        self._failing = 0.0

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        rng = self._random
        if self._clock.monotonic() >= self._until:
            self._until = self._clock.monotonic() + rng.uniform(120, 600)
            self._failing = 0.0 if self._failing else rng.choice(self._trouble)
        await anyio.sleep(rng.uniform(0.01, 0.4))
        if rng.random() >= self._failing:
            return httpx.Response(200)
        return httpx.Response(rng.choice((503, 500, 503, 401)))


class _Framework:
    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._runs = 0

    async def run_check(
        self,
        probe: Check,
        /,
        *,
        timeout: float,  # noqa: ASYNC109 - as the real one
        cold: bool,
        examination: Examination | None,
    ) -> Outcome:
        self._runs += 1
        made = check(capability=probe.capability, action=probe.action, run_id=f"check-{self._runs}")
        return (await self._executor.execute(made)).outcome


class Lived:
    """What was published, and what receivers were told."""

    def __init__(
        self, signals: Sequence[Signal], told: Sequence[str], order: AlertOrder, *, end: float
    ) -> None:
        self.signals = signals
        self.told = told
        self.order = order
        self.start = min(each.at for each in signals)
        self.end = end

    def happened(self) -> Happened:
        """As a replay takes it."""
        calls = [each for each in self.signals if type(each) is CallRecord and each.origin == "traffic"]
        others = [each for each in self.signals if type(each) not in {CallRecord, CheckResult}]
        return Happened(
            calls=lambda: calls,
            checks=[each for each in self.signals if type(each) is CheckResult],
            took={
                each.run_id: each.duration
                for each in self.signals
                if type(each) is CallRecord and each.origin == "check"
            },
            others=sorted(others, key=lambda each: (each.at, each.seq)),
        )


def order_of(
    rules: AlertRules, proposed: AlertRules | None = None, *, policy: Policy = POLICY, **fields: object
) -> AlertOrder:
    """An order about the shop."""
    connection = Connection(
        id="shop", vendor="http", policy=policy, check=rules.check, labels=Labels(team="sales", tier="1")
    )
    given = {"called": "Shop", "checks": CHECKS, "ahead": AHEAD, **fields}
    return AlertOrder(connection=connection, today=rules, proposed=proposed or rules, **given)


class _World:
    """Everything from a call to what receivers are told, without storage."""

    def __init__(self, rules: AlertRules, *, seed: int, policy: Policy, trouble: Sequence[float]) -> None:
        self.order = order_of(rules, policy=policy)
        self.clock = clock = LoopClock()
        self.bus, self.published = SignalBus(), RecordingSubscriber()
        vendor = MoodyVendor(seed, clock, trouble=trouble)
        self.executor = Executor(
            clock=clock,
            publish=self.bus.publish,
            store=None,
            transport=lambda _: httpx.MockTransport(vendor),
            random=random.Random(7),
        )
        self.executor.open_line(line_spec(policy, network=NetworkPolicy()))
        self.store = MemoryStore()
        self.saver = HealthSaver(store=None, clock=clock, publish=self.bus.publish, random=random.Random(1))
        self.monitor = IntegrationMonitor(
            framework=_Framework(self.executor),
            executor=self.executor,
            clock=clock,
            publish=self.bus.publish,
            random=random.Random(2),
            saver=self.saver,
        )
        self.incidents = Incidents(new_id=IncidentIDs(clock, random.Random(3)), reopen_within=KEEP_FIRING)
        self.engine = self._engine(rules.alerts)
        self.saver.then(self.engine.take)
        self.bus.subscribe("monitor", self.monitor)
        self.bus.subscribe("alerts", self.engine)
        self.bus.subscribe("recorder", self.published)
        self.saver.flush = self._flushed  # type: ignore[method-assign] # decisions are looked at as they come
        self.told: list[str] = []
        self.ended = 0.0

    def _engine(self, settings: AlertSettings) -> AlertEngine:
        steady = SteadyClock(self.clock)
        grouping = Grouping(settings)
        return AlertEngine(
            clock=self.clock,
            saver=self.saver,
            incidents=self.incidents,
            book=AlertBook(RuleBook(settings.rules, builtin=BUILTIN_RULES), self._subject),
            grouping=grouping,
            steady=steady,
            notifier=Notifier(
                settings,
                clock=steady,
                grouping=grouping,
                silences=Silences(clock=steady, store=self.store),
                incident=self.incidents.get,
            ),
        )

    def _flushed(self, flush: object) -> None:
        self.told += [message.receiver for message in flush.messages]

    def _subject(self, name: str) -> Subject | None:
        return Subject(vendor="http", vendor_name="Shop", labels={"team": "sales", "tier": "1"})

    async def live(self, seconds: float, *, seed: int, every: float) -> None:
        rng = random.Random(seed + 1)
        async with anyio.create_task_group() as group:
            self.monitor.watch(self.order.connection, "Shop", CHECKS)
            group.start_soon(self.executor.run)
            group.start_soon(self.monitor.run)
            group.start_soon(self.engine.run)
            group.start_soon(self._traffic, rng, seconds, every)
            group.start_soon(self._people, rng, seconds)
            await anyio.sleep(seconds + 300)
            self.ended = self.clock.time()
            group.cancel_scope.cancel()

    async def _traffic(self, rng: random.Random, seconds: float, every: float) -> None:
        end = self.clock.monotonic() + seconds
        async with anyio.create_task_group() as group:
            while self.clock.monotonic() < end:
                await anyio.sleep(rng.expovariate(1.0 / every))
                group.start_soon(self.executor.execute, call())

    async def _people(self, rng: random.Random, seconds: float) -> None:
        """Pauses, reports, acknowledgements, and incidents closed by hand."""
        for _ in range(int(seconds / 900)):
            await anyio.sleep(rng.uniform(300, 900))
            current = self.incidents.of("shop")
            match rng.choice(("pause", "report", "acknowledge", "close")):
                case "pause":
                    await self.monitor.pause("shop", actor="ann", reason="a drill")
                    await anyio.sleep(rng.uniform(30, 200))
                    await self.monitor.resume("shop", actor="ann", reason="over")
                case "report":
                    await self.monitor.alert_integration_failure("shop", "it is broken")
                case "acknowledge" if current is not None:
                    who = Acknowledgement(actor="ann", at=self.clock.time(), reason="I look")
                    await self.engine.change_incident(self.incidents.acknowledge(current.id, who))
                case "close" if current is not None:
                    closed = self.incidents.close(
                        current.id, actor="ann", at=self.clock.time(), reason="no more"
                    )
                    await self.engine.change_incident(closed)


async def live(
    rules: AlertRules | None = None,
    *,
    seed: int,
    seconds: float,
    every: float = 5.0,
    policy: Policy = POLICY,
    trouble: Sequence[float] = (1.0, 1.0, 0.6, 0.2),
) -> Lived:
    """Live through some time under these rules."""
    used = rules or AlertRules(check=QUIET, alerts=settings())
    world = _World(used, seed=seed, policy=policy, trouble=trouble)
    await world.live(seconds, seed=seed, every=every)
    return Lived(world.published.signals, world.told, world.order, end=world.ended)
