"""Stand-ins for the framework, the executor and the store, and builders of what they give."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

import anyio
import msgspec

from integrations.clock import Clock
from integrations.connection import CheckPolicy, Connection
from integrations.examination import Examination
from integrations.execution.outcome import Attempt, Effect, FailureKind, Origin, Outcome
from integrations.signals import CallRecord, HealthChange
from monitors.alerts.consequences import Consequences
from monitors.checks import Check
from monitors.monitor import IntegrationMonitor, MonitorSettings
from monitors.report import SavedHealth
from tests.fakes.clock import LoopClock
from tests.fakes.signals import RecordingSubscriber

Answer = Outcome | Exception | Callable[[], Awaitable[Outcome]]


QUICK = MonitorSettings(spread=1.0)
EVERY_MINUTE = CheckPolicy(interval=60.0, retry_interval=15.0)


class FakeCheck(msgspec.Struct, frozen=True, kw_only=True):
    """As the framework's Check."""

    integration: str
    capability: str = "read"
    action: str = "pages.list"
    asks: str = "pages.list at Wikis"
    cost: float = 1.0
    bucket: str = ""
    drawn: float = 1.0
    least_interval: float = 0.0


class FakeFramework:
    """Answers checks as told: by capability, else `answer`. Remembers who was checked when."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.answer: Answer = succeeded()
        self.answers: dict[str, Answer] = {}
        self.ran: list[tuple[str, float]] = []
        self.cold: list[bool] = []
        self.examined: list[bool] = []
        self.in_flight: Counter[str] = Counter()
        self.most_in_flight = 0

    async def run_check(
        self,
        check: Check,
        /,
        *,
        timeout: float,  # noqa: ASYNC109 - as the real one
        cold: bool = False,
        examination: Examination | None = None,
    ) -> Outcome:
        self.cold.append(cold)
        self.examined.append(examination is not None)
        self.ran.append((check.integration, self.clock.monotonic()))
        self.in_flight[check.integration] += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight[check.integration])
        try:
            await anyio.lowlevel.checkpoint()
            answer = self.answers.get(check.capability, self.answer)
            if isinstance(answer, Exception):
                raise answer
            return answer if isinstance(answer, Outcome) else await answer()
        finally:
            self.in_flight[check.integration] -= 1


class FakeBreakers:
    """Remembers which checks succeeded."""

    def __init__(self) -> None:
        self.succeeded: list[tuple[str, str]] = []

    def check_succeeded(self, integration: str, capability: str, /) -> None:
        self.succeeded.append((integration, capability))


class FakeStore:
    """Keeps health as bytes, as a database does; fails while `error` is set."""

    def __init__(self) -> None:
        self.states: dict[str, bytes] = {}
        self.changes: list[HealthChange] = []
        self.consequences: list[Consequences] = []
        self.error: Exception | None = None
        self.saves = 0

    async def save_health(
        self, states: Sequence[SavedHealth], changes: Sequence[HealthChange], consequences: Consequences
    ) -> None:
        self.saves += 1
        await anyio.lowlevel.checkpoint()
        if self.error:
            raise self.error
        self.states |= {state.integration: msgspec.msgpack.encode(state) for state in states}
        self.changes.extend(changes)
        self.consequences.append(consequences)

    async def load_health(self) -> Sequence[SavedHealth]:
        return [msgspec.msgpack.decode(body, type=SavedHealth) for body in self.states.values()]


class Watch:
    """A monitor with all its doubles, in virtual time."""

    def __init__(
        self,
        *,
        store: FakeStore | None = None,
        settings: MonitorSettings = QUICK,
        clock: LoopClock | None = None,
    ) -> None:
        self.clock = clock or LoopClock()
        self.framework = FakeFramework(self.clock)
        self.breakers = FakeBreakers()
        self.store = store or FakeStore()
        self.published = RecordingSubscriber()
        self.monitor = IntegrationMonitor(
            framework=self.framework,
            executor=self.breakers,
            clock=self.clock,
            publish=self.published,
            store=self.store,
            settings=settings,
        )

    def changes(self) -> list[tuple[str, str, str]]:
        """Published changes as (capability, before, after)."""
        return [(c.capability, c.before.value, c.after.value) for c in self.published.of(HealthChange)]


def connection(
    integration: str = "wiki", *, vendor: str = "wikis", check: CheckPolicy = EVERY_MINUTE
) -> Connection:
    return Connection(id=integration, vendor=vendor, check=check)


def succeeded() -> Outcome:
    return Outcome(attempts=(Attempt(start=0.0, duration=0.1, status=200),), duration=0.1, status=200)


def failed(kind: FailureKind = FailureKind.TIMEOUT, *, detail: str = "no answer within 10 s") -> Outcome:
    return Outcome(
        kind=kind, detail=detail, attempts=(Attempt(start=0.0, duration=0.1, kind=kind),), duration=0.1
    )


async def hang() -> Outcome:
    await anyio.sleep_forever()
    raise AssertionError


def call(
    integration: str = "wiki",
    *,
    at: float = 1_800_000_000.0,
    duration: float = 0.1,
    kind: FailureKind | None = None,
    attempts: int = 1,
    capability: str = "read",
    origin: Origin = Origin.TRAFFIC,
) -> CallRecord:
    return CallRecord(
        at=at,
        call_id="c",
        run_id="r",
        integration=integration,
        vendor="wikis",
        action="pages.list",
        capability=capability,
        effect=Effect.READ,
        origin=origin,
        kind=kind,
        duration=duration,
        attempts=tuple(Attempt(start=0.0, duration=duration, kind=kind) for _ in range(attempts)),
    )
