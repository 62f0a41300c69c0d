"""A Dialtone without the rest of Dialtone: integrations in every state, for the API, the pages and the
command line."""

import math
import random
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import msgspec

from app.configuration.difference import Difference, ReloadReport
from app.faults import FaultOrders
from app.parts import Parts
from exporters.analytics.parameters import InvalidParams, Parameter
from exporters.analytics.queries import NamedQuery
from exporters.analytics.settings import UnknownQuery
from integrations.connection import Connection, Labels
from integrations.drift import DriftStatus
from integrations.endings import Ending
from integrations.errors import UnknownAction, UnknownIntegration
from integrations.execution.fairness import Priority
from integrations.execution.injection import Faults, Injector
from integrations.execution.outcome import Attempt, Effect, FailureKind, Origin, Outcome, RejectReason
from integrations.execution.status import BreakerStatus, LineStatus, QuotaStatus
from integrations.manifest.authentication import BearerAuth
from integrations.manifest.schema import Action, Input, Manifest, Vendor
from integrations.signals import BreakerState, Evidence, Health, HealthChange, OperatorAction
from monitors.alerts.decisions import Decision
from monitors.debugging import IntegrationDebug
from monitors.explain import Explanation
from monitors.report import CapabilityHealth, IntegrationHealth, IntegrationMetrics, MinuteStats, Pause
from tests.fakes.alerting import settings as alert_settings
from tests.fakes.analytics import FakePages
from tests.fakes.backtests import FakeBacktests
from tests.fakes.clock import FakeClock
from tests.fakes.debugging import DEBUGGED, TRACE
from tests.fakes.desks import FakeAlerting
from tests.fakes.explaining import DECISION, explained
from tests.fakes.pushing import FakePushing
from tests.fakes.reports import FakeReports
from tests.fakes.signals import RecordingSubscriber
from tests.fakes.webhooks import empty_desk

VENDORS = {"github": "GitHub", "slack": "Slack", "prometheus": "Prometheus", "http": "HTTP"}


class Token(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    sha256: str
    scopes: tuple[str, ...]


class Registered(msgspec.Struct, frozen=True, kw_only=True):
    connection: Connection
    manifest: Manifest


class FaultyLine:
    def __init__(self) -> None:
        self.injector: Injector | None = None
        self.strikes = Counter[str]()
        self.rng = random.Random(7)

    def inject(self, injector: Injector | None) -> None:
        self.injector = injector


class LineOnly(msgspec.Struct, frozen=True, kw_only=True):
    line: LineStatus
    endings: tuple[Ending, ...] = ()
    drift: tuple[DriftStatus, ...] = ()
    granted: tuple[str, ...] | None = None
    missing_scopes: Mapping[str, tuple[str, ...]] = {}


def manifest(vendor: str) -> Manifest:
    return Manifest(
        manifest=1,
        id=vendor,
        version="1",
        vendor=Vendor(name=VENDORS.get(vendor, vendor), docs=f"https://docs.{vendor}.example/"),
        base_url=f"https://{vendor}.example",
        hosts=(f"{vendor}.example",),
        auth={"token": BearerAuth()},
        actions={
            "issues.list": Action(
                title="List issues",
                effect=Effect.READ,
                input={"repo": Input(place="path", required=True, description="owner/name")},
            ),
            "issues.create": Action(title="Create an issue", effect=Effect.WRITE, method="POST"),
        },
        capabilities={"read": ("issues.list",), "write": ("issues.create",)},
    )


class Line(msgspec.Struct):
    """One integration's story, told to every fake."""

    id: str
    vendor: str
    state: Health = Health.UP
    reason: str = "2 checks in a row answered 200"
    advice: str = ""
    labels: Labels = Labels(team="platform", environment="prod", tier="1")
    since: float = 86_400.0
    kind: FailureKind | None = None
    breaker: BreakerState = BreakerState.CLOSED
    failure_ratio: float | None = 0.01
    p95: float = 0.18
    failing_minutes: int = 0
    quota: tuple[float | None, float | None] | None = None
    throttled: float = 0.0
    quiet: bool = False


def troubled() -> list[Line]:
    """Nine integrations, several of them in trouble."""
    return [
        Line("github-prod", "github", quota=(4213, 5000), p95=0.21),
        Line(
            "github-ci", "github", quota=(212, 5000), labels=Labels(team="build", environment="ci", tier="2")
        ),
        Line(
            "slack-prod",
            "slack",
            state=Health.DOWN,
            reason="3 checks in a row failed: no answer from slack.example in 10 s",
            advice="Nothing to do on our side: calls fail fast until Slack answers again. "
            "If it lasts, post to the status channel by e-mail.",
            since=754,
            kind=FailureKind.TIMEOUT,
            breaker=BreakerState.OPEN,
            failure_ratio=0.92,
            failing_minutes=13,
            p95=2.4,
        ),
        Line("slack-alerts", "slack", labels=Labels(team="sre", environment="prod", tier="1"), p95=0.14),
        Line(
            "jira-cloud",
            "http",
            state=Health.UNAUTHORIZED,
            reason="The vendor answered 401 to every request since 13:40",
            advice="Renew the credential: put the new token into /run/secrets/jira.",
            since=5_230,
            kind=FailureKind.UNAUTHORIZED,
            failing_minutes=57,
            labels=Labels(team="support", environment="prod", tier="2"),
        ),
        Line(
            "search-api",
            "http",
            state=Health.THROTTLED,
            reason="The vendor asked for quiet (429) until 14:32",
            advice="Calls wait or are refused until then. Lower the rate, or ask for a larger quota.",
            since=95,
            kind=FailureKind.THROTTLED,
            quota=(0, 600),
            throttled=41,
            labels=Labels(team="search", environment="prod", tier="1"),
        ),
        Line(
            "metrics",
            "prometheus",
            state=Health.DEGRADED,
            reason="Slow: p95 is 1.9 s, the usual is 0.3 s",
            advice="Look at the server's load.",
            since=1_900,
            failure_ratio=0.08,
            p95=1.9,
        ),
        Line(
            "shop",
            "http",
            state=Health.PAUSED,
            reason="paused by oncall: vendor maintenance",
            since=600,
            labels=Labels(team="shop", environment="prod", tier="3"),
        ),
        Line(
            "new-crm",
            "http",
            state=Health.UNKNOWN,
            reason="No check has finished yet",
            since=4,
            quiet=True,
            failure_ratio=None,
            labels=Labels(),
        ),
    ]


def calm() -> list[Line]:
    """All is well."""
    return [
        Line(one.id, one.vendor, labels=one.labels, quota=(4213, 5000) if one.vendor == "github" else None)
        for one in troubled()
    ]


class FakeDialtone(FakePages):
    """Framework, monitor, breakers, storage, metrics and analytics in one."""

    def __init__(self, lines: Sequence[Line] | None = None, *, clock: FakeClock | None = None) -> None:
        super().__init__()
        self.lines = {line.id: line for line in (troubled() if lines is None else lines)}
        self.clock = clock or FakeClock()
        self.published = RecordingSubscriber()
        self.outcome = Outcome(
            status=200,
            data={"items": [{"id": 7, "title": "It works"}]},
            attempts=(Attempt(start=0.0, duration=0.12, status=200),),
            duration=0.123,
            call_id="c-1",
            run_id="r-1",
        )
        self.calls: list[dict[str, object]] = []
        self.orders: list[tuple[str, str, str | None, str, str, float | None]] = []
        self.recorded: list[OperatorAction] = []
        self.storage_problem: str | None = None
        self.fail_with: Exception | None = None
        self.scrape_error: Exception | None = None
        self.scraped: tuple[str, ...] = ()
        self.difference = Difference(unchanged=len(self.lines))
        self.reload_error: Exception | None = None
        self.reloads: list[tuple[str, bool]] = []
        self.allows_faults = True
        self.faulty = {name: FaultyLine() for name in self.lines}
        self.push = FakePushing(self.clock.time())
        self.alerting = FakeAlerting(self.clock, log=self, settings=alert_settings())
        self.faults = FaultOrders(
            faults=Faults(self.faulty, clock=self.clock),
            operators=self,
            clock=self.clock,
            publish=self.published,
            is_allowed=lambda: self.allows_faults,
        )

    def parts(self, *, tokens: tuple[Token, ...] = (), public_metrics: bool = False) -> Parts:
        return Parts(
            framework=self,
            monitor=self,
            pausing=self,
            explaining=self,
            breakers=self,
            catalog=self,
            operators=self,
            history=self,
            storage=self,
            metrics=self,
            analytics=self,
            reloading=self,
            alerting=self.alerting.desks,
            pushing=self.push,
            clock=self.clock,
            publish=self.published,
            version="0.1.0",
            tokens=tokens,
            public_metrics=lambda: public_metrics,
            faults=self.faults,
            webhooks=empty_desk(self.clock),
            decisions=self,
            backtests=FakeBacktests(),
            reports=FakeReports(),
        )

    # Framework

    def integrations(self) -> list[Registered]:
        return [self.integration(one) for one in self.lines]

    def integration(self, integration_id: str) -> Registered:
        if integration_id not in self.lines:
            raise UnknownIntegration(integration_id, known=self.lines)
        line = self.lines[integration_id]
        connection = Connection(id=line.id, vendor=line.vendor, labels=line.labels)
        return Registered(connection=connection, manifest=manifest(line.vendor))

    def get_integration_status(self, integration_id: str) -> LineOnly:
        line, now = self.lines[integration_id], self.clock.time()
        reading = BreakerStatus(
            capability="read",
            state=line.breaker,
            since=now - line.since,
            failure_ratio=line.failure_ratio,
            calls=120,
            failures=int(120 * (line.failure_ratio or 0)),
            rejected=481 if line.breaker is BreakerState.OPEN else 0,
            open_until=now + 11 if line.breaker is BreakerState.OPEN else None,
        )
        writing = BreakerStatus(capability="write", state=BreakerState.CLOSED, since=now - 9_000)
        quotas = ()
        if line.quota is not None:
            quotas = (
                QuotaStatus(
                    bucket="core",
                    remaining=line.quota[0],
                    limit=line.quota[1],
                    reset_at=now + 1_920,
                    throttled_until=now + line.throttled if line.throttled else None,
                ),
            )
        return LineOnly(
            line=LineStatus(
                integration=line.id,
                in_flight=0 if line.quiet else 3,
                waiting=0,
                concurrency=16,
                retry_tokens=480,
                retry_budget=500,
                breakers=(reading, writing),
                quotas=quotas,
                fault=self.faults.current(line.id),
            )
        )

    async def execute_integration(
        self,
        integration_id: str,
        action: str,
        params: Mapping[str, object],
        *,
        caller: str = "",
        origin: Origin = Origin.TRAFFIC,
        timeout: float | None = None,  # noqa: ASYNC109 - as the framework has it
        idempotency_key: str | None = None,
        run_id: str = "",
        trace_id: str = "",
        parent_span_id: str = "",
        sampled: bool | None = None,
        trace_state: str = "",
        priority: Priority | None = None,
        traced: bool = False,
    ) -> Outcome:
        self.calls.append(
            {
                "integration": integration_id,
                "action": action,
                "params": dict(params),
                "caller": caller,
                "timeout": timeout,
                "idempotency_key": idempotency_key,
                "run_id": run_id,
                "trace_id": trace_id,
                "parent_span_id": parent_span_id,
                "sampled": sampled,
                "trace_state": trace_state,
                "priority": priority,
            }
        )
        if self.fail_with is not None:
            raise self.fail_with
        if action not in manifest("slack").actions:
            raise UnknownAction("slack", action, known=manifest("slack").actions)
        return msgspec.structs.replace(self.outcome, trace=TRACE) if traced else self.outcome

    # Monitor

    def health(self, integration_id: str) -> IntegrationHealth:
        line, now = self.lines[integration_id], self.clock.time()
        capabilities = tuple(
            CapabilityHealth(
                capability=name,
                state=line.state if name == "read" else Health.UP,
                since=now - line.since,
                reason=line.reason if name == "read" else "traffic is fine",
                evidence=Evidence.CHECK if name == "read" else Evidence.TRAFFIC,
                kind=line.kind if name == "read" else None,
                checked_at=None if line.quiet else now - 12,
                next_check_at=now + 48,
            )
            for name in ("read", "write")
        )
        pause = None
        if line.state is Health.PAUSED:
            pause = Pause(
                actor="oncall", reason="vendor maintenance", since=now - 600, expires_at=now + 3_000
            )
        return IntegrationHealth(
            integration=line.id,
            vendor=line.vendor,
            state=line.state,
            since=now - line.since,
            reason=line.reason,
            advice=line.advice,
            capabilities=capabilities,
            pause=pause,
            fault=self.faults.current(line.id),
        )

    def get_integration_metrics(self, integration_id: str) -> IntegrationMetrics:
        line, now = self.lines[integration_id], self.clock.time()
        minutes = tuple(self._minute(line, index, now) for index in range(60))
        calls = sum(one.calls for one in minutes)
        failures = sum(one.failures for one in minutes)
        return IntegrationMetrics(
            integration=line.id,
            calls=calls,
            failures=failures,
            rejected=0,
            retries=failures // 2,
            error_ratio=failures / calls if calls else None,
            p50=None if line.quiet else line.p95 * 0.45,
            p95=None if line.quiet else line.p95,
            p99=None if line.quiet else line.p95 * 1.8,
            minutes=minutes,
        )

    def _minute(self, line: Line, index: int, now: float) -> MinuteStats:
        start = math.floor(now / 60) * 60 - (59 - index) * 60.0
        if line.quiet:
            return MinuteStats(start=start, calls=0, failures=0, rejected=0)
        failing = index >= 60 - line.failing_minutes
        wave = 0.12 + 0.05 * math.sin(index / 4.1 + len(line.id)) + 0.03 * math.sin(index * 1.7)
        p95 = line.p95 * (0.6 + 0.4 * math.sin(index) ** 2) if failing else wave
        failures = 9 + index % 3 if failing else int(index % 23 == 7)
        return MinuteStats(start=start, calls=12, failures=failures, rejected=0, p50=p95 / 2, p95=p95)

    async def check_integration_health(self, integration_id: str) -> IntegrationHealth:
        return self.health(integration_id)

    def explain(self, integration_id: str) -> Explanation:
        return explained(self.health(integration_id))

    async def debug_integration_health(self, integration_id: str) -> IntegrationDebug:
        return IntegrationDebug(health=self.health(integration_id), checks=(DEBUGGED,))

    async def pause(
        self, integration_id: str, *, actor: str, reason: str, expires_at: float | None = None
    ) -> None:
        self.orders.append(("pause", integration_id, None, actor, reason, expires_at))
        self.lines[integration_id].state = Health.PAUSED

    async def resume(self, integration_id: str, *, actor: str, reason: str) -> None:
        self.orders.append(("resume", integration_id, None, actor, reason, None))
        self.lines[integration_id].state = Health.UNKNOWN

    # Breakers

    def _order(self, name: str, integration: str, capability: str | None, **order: object) -> None:
        assert self.recorded[-1].action == name, "stored first, then done"
        self.orders.append(
            (name, integration, capability, order["actor"], order["reason"], order.get("expires_at"))
        )
        self.lines[integration].breaker = {
            "force_open": BreakerState.FORCED_OPEN,
            "disable": BreakerState.DISABLED,
            "shadow": BreakerState.SHADOW,
            "reset": BreakerState.CLOSED,
        }[name]

    def force_open(self, integration: str, capability: str | None = None, **order) -> None:
        self._order("force_open", integration, capability, **order)

    def disable(self, integration: str, capability: str | None = None, **order) -> None:
        self._order("disable", integration, capability, **order)

    def shadow(self, integration: str, capability: str | None = None, **order) -> None:
        self._order("shadow", integration, capability, **order)

    def reset(self, integration: str, capability: str | None = None, **order) -> None:
        self._order("reset", integration, capability, **order)

    # Storage

    async def record(self, action: OperatorAction) -> None:
        if self.fail_with is not None:
            raise self.fail_with
        self.recorded.append(action)

    async def recent(self, limit: int) -> list[OperatorAction]:
        return self.recorded[::-1][:limit]

    async def recent_changes(self, integration_id: str, limit: int) -> list[HealthChange]:
        line, now = self.lines[integration_id], self.clock.time()
        change = HealthChange(
            at=now - line.since,
            integration=line.id,
            vendor=line.vendor,
            capability="read",
            before=Health.UP,
            after=line.state,
            evidence=Evidence.CHECK,
            reason=line.reason,
            since=now - line.since - 40,
            kind=line.kind,
        )
        return [change][:limit]

    async def decisions_of(self, integration: str, /, *, limit: int) -> Sequence[Decision]:
        return [DECISION][:limit] if self.lines[integration].state is Health.DOWN else []

    def healthy(self) -> str | None:
        return self.storage_problem

    # Catalogue

    def vendors(self) -> list[str]:
        return list(VENDORS)

    def manifest(self, vendor: str) -> Manifest:
        return manifest(vendor)

    # The configuration

    async def reload(self, *, actor: str = "", dry_run: bool = False) -> ReloadReport:
        if self.reload_error is not None:
            raise self.reload_error
        self.reloads.append((actor, dry_run))
        return ReloadReport(
            source="/etc/dialtone.yaml", sha256="0" * 64, applied=not dry_run, changes=self.difference
        )

    # Metrics and analytics

    async def scrape(self, *, accept: str, accept_encoding: str, names: Collection[str] = ()) -> "Scrape":
        if self.scrape_error is not None:
            raise self.scrape_error
        self.scraped = tuple(names)
        return Scrape(
            pieces=(b"# TYPE dialtone_calls_total ", b"counter\n"),
            content_type="text/plain; version=0.0.4; charset=utf-8",
        )

    def queries(self) -> list[NamedQuery]:
        return [
            NamedQuery(
                name="performance",
                doc="Calls and latency over time",
                parameters=(Parameter(name="integration", type="text", doc="Only this one"),),
                sql="SELECT 1",
            )
        ]

    async def query(self, name: str, params: Mapping[str, str], *, caller: str) -> "QueryResult":
        if self.fail_with is not None:
            raise self.fail_with
        if name != "performance":
            raise UnknownQuery(f"there is no query {name!r}; did you mean performance?")
        if unknown := set(params) - {"integration", "from", "to", "bucket", "origin", "injected", "tz"}:
            raise InvalidParams(min(unknown), found=params[min(unknown)], expected="no such parameter")
        return QueryResult(columns=("integration", "calls"), rows=(("github-prod", 12), ("slack-prod", 9)))

    def status(self) -> "AnalyticsStatus":
        return AnalyticsStatus()


class Scrape(msgspec.Struct, frozen=True, kw_only=True):
    pieces: tuple[bytes, ...]
    content_type: str
    content_encoding: str | None = None


class QueryResult(msgspec.Struct, frozen=True, kw_only=True):
    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]
    truncated: bool = False


class AnalyticsStatus(msgspec.Struct, frozen=True, kw_only=True):
    ok: bool = True
    reason: str = ""


def refused(
    kind: FailureKind, reason: RejectReason | None = None, retry_after: float | None = None
) -> Outcome:
    """A failed outcome."""
    return Outcome(
        kind=kind,
        reason=reason,
        retry_after=retry_after,
        detail=f"the call failed: {kind.value}",
        run_id="r-2",
    )
