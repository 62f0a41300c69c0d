"""What the HTTP API and the pages need of the rest of Dialtone; app/wiring.py fulfils it."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from app.backtesting import Backtester
from app.configuration.difference import ReloadReport
from app.desks.alerting import AlertingDesks
from app.exporting import Days
from app.fault_desk import FaultDesk
from app.free_sql import FreeSQL
from app.live.view import LiveView
from app.pushing import Pushing
from app.reporting import Reporter
from app.scraping import MetricsExporter
from app.webhooks import WebhookDesk
from exporters.analytics.paging import Page, PageRequest
from exporters.analytics.running import RunningQuery
from integrations.clock import Clock
from integrations.connection import Connection
from integrations.credentials.state import CredentialState
from integrations.drift import DriftStatus
from integrations.endings import Ending
from integrations.execution.fairness import Priority
from integrations.execution.outcome import Origin, Outcome
from integrations.execution.status import LineStatus
from integrations.manifest.schema import Manifest
from integrations.probes import Check
from integrations.signals import HealthChange, OperatorAction, Signal
from monitors.debugging import IntegrationDebug
from monitors.explain import Decisions, Verdicts
from monitors.report import IntegrationHealth, IntegrationMetrics
from monitors.vendor_watch import VendorStatus


class APIToken(Protocol):
    """An API token as it is configured: `sha256` in hex, `scopes` of read, operate, admin."""

    @property
    def name(self) -> str:
        """Who it belongs to."""
        ...

    @property
    def sha256(self) -> str:
        """The hash of the token's text, in hex."""
        ...

    @property
    def scopes(self) -> Collection[str]:
        """What it may do."""
        ...


class Registered(Protocol):
    """An integration that the framework knows."""

    @property
    def connection(self) -> Connection:
        """As it is configured."""
        ...

    @property
    def manifest(self) -> Manifest:
        """Its vendor's manifest."""
        ...


class IntegrationState(Protocol):
    """What the framework says of an integration now."""

    @property
    def line(self) -> LineStatus:
        """Its limits now."""
        ...

    @property
    def endings(self) -> tuple[Ending, ...]:
        """What its vendor is about to end."""
        ...

    @property
    def drift(self) -> tuple[DriftStatus, ...]:
        """Where answers no longer fit the vendor's contract."""
        ...

    @property
    def granted(self) -> tuple[str, ...] | None:
        """The scopes that its credential has; None while the vendor has not told."""
        ...

    @property
    def missing_scopes(self) -> Mapping[str, tuple[str, ...]]:
        """The scopes that its credential is known to lack, by action."""
        ...


class Framework(Protocol):
    """Makes calls. `integration` raises LookupError, naming the nearest id."""

    def integrations(self) -> Sequence[Registered]:
        """All of them."""
        ...

    def integration(self, integration_id: str, /) -> Registered:
        """One of them."""
        ...

    def get_integration_status(self, integration_id: str, /) -> IntegrationState:
        """How one of them stands."""
        ...

    async def execute_integration(
        self,
        integration_id: str,
        action: str,
        params: Mapping[str, object],
        /,
        *,
        caller: str = "",
        origin: Origin = Origin.TRAFFIC,
        timeout: float | None = None,  # noqa: ASYNC109 - the framework's own deadline, not a wait here
        idempotency_key: str | None = None,
        run_id: str = "",
        trace_id: str = "",
        parent_span_id: str = "",
        sampled: bool | None = None,
        trace_state: str = "",
        priority: Priority | None = None,
        traced: bool = False,
    ) -> Outcome:
        """Run an action; UnknownAction and InvalidParams are raised, all else is an Outcome."""
        ...


class Monitor(Protocol):
    """Keeps watching."""

    def health(self, integration_id: str, /) -> IntegrationHealth:
        """The verdict of now."""
        ...

    def get_integration_metrics(self, integration_id: str, /) -> IntegrationMetrics:
        """The last hour in numbers."""
        ...

    async def check_integration_health(self, integration_id: str, /) -> IntegrationHealth:
        """Check now, and return the verdict."""
        ...

    async def debug_integration_health(self, integration_id: str, /) -> IntegrationDebug:
        """Check now, and return everything about it."""
        ...


class Pausing(Protocol):
    """Stops and restarts checks."""

    async def pause(
        self, integration_id: str, /, *, actor: str, reason: str, expires_at: float | None = None
    ) -> object:
        """Stop checking."""
        ...

    async def resume(self, integration_id: str, /, *, actor: str, reason: str) -> object:
        """Check again."""
        ...


class BreakerOrder(Protocol):
    """One order to the breakers of an integration, or of one capability of it.

    Raises LookupError when either is unknown. `expires_at` is UTC seconds.
    """

    def __call__(
        self,
        integration: str,
        capability: str | None = None,
        /,
        *,
        actor: str,
        reason: str,
        expires_at: float | None = None,
    ) -> None:
        """Carry it out."""
        ...


class BreakerReset(Protocol):
    """Gives breakers back to their own rules; LookupError as above."""

    def __call__(
        self, integration: str, capability: str | None = None, /, *, actor: str, reason: str
    ) -> None:
        """Carry it out."""
        ...


class BreakerControl(Protocol):
    """A person's hand on the circuit breakers."""

    @property
    def force_open(self) -> BreakerOrder:
        """Refuse all calls."""
        ...

    @property
    def disable(self) -> BreakerOrder:
        """Let all calls through, count nothing."""
        ...

    @property
    def shadow(self) -> BreakerOrder:
        """Count, refuse nothing."""
        ...

    @property
    def reset(self) -> BreakerReset:
        """Close it, back to its own rules."""
        ...


class OperatorLog(Protocol):
    """Where operators' actions are stored; `record` returns after the commit."""

    async def record(self, action: OperatorAction, /) -> None:
        """Store an action."""
        ...

    async def recent(self, limit: int, /) -> Sequence[OperatorAction]:
        """The last actions, newest first."""
        ...


class HealthHistory(Protocol):
    """The stored changes of health, the newest first."""

    async def recent_changes(self, integration_id: str, limit: int, /) -> Sequence[HealthChange]:
        """An integration's last changes, newest first."""
        ...


class Catalog(Protocol):
    """The vendors Dialtone knows."""

    def vendors(self) -> Iterable[str]:
        """Their ids."""
        ...

    def manifest(self, vendor: str, /) -> Manifest:
        """One vendor's manifest."""
        ...


class Rows(Protocol):
    """The answer of a named query."""

    @property
    def columns(self) -> Sequence[str]:
        """The columns' names."""
        ...

    @property
    def rows(self) -> Sequence[Sequence[object]]:
        """The rows, with a value for each column."""
        ...

    @property
    def truncated(self) -> bool:
        """Whether there were more rows."""
        ...


class NamedQueries(Protocol):
    """Named queries over everything that happened."""

    def queries(self) -> Iterable[object]:
        """All of them."""
        ...

    async def query(self, name: str, params: Mapping[str, str], /, *, caller: str) -> Rows:
        """Answer one; UnknownQuery, InvalidParams or AnalyticsUnavailable is raised."""
        ...

    async def page(self, request: PageRequest, /, *, caller: str) -> Page:
        """Answer a page of one in a format; AnswerTooLarge and QueryCancelled are raised too."""
        ...


class Analytics(NamedQueries, Protocol):
    """Named queries and free SQL, and what of both runs now; days as files."""

    @property
    def sql(self) -> FreeSQL:
        """Free SQL."""
        ...

    @property
    def days(self) -> Days:
        """Days of tables."""
        ...

    def running(self) -> Iterable[RunningQuery]:
        """The queries that run or wait, named ones and SQL."""
        ...

    def cancel(self, query_id: str, /) -> None:
        """End one; LookupError when there is none."""
        ...

    def status(self) -> object:
        """How analytics is; `ok` says whether it works."""
        ...


class Reloading(Protocol):
    """Takes up the configuration file as it is now."""

    async def reload(self, *, actor: str = "", dry_run: bool = False) -> ReloadReport:
        """Apply what is different, or only tell it.

        Raises SettingsError with all problems, or ReloadError; then nothing has changed.
        """
        ...


class StorageHealth(Protocol):
    """Whether what must be kept can be kept: None, or the reason why not."""

    def healthy(self) -> str | None:
        """None when all is well."""
        ...


def _silent(vendor: str) -> VendorStatus:
    """What is told of a vendor while no status page is read."""
    return VendorStatus(vendor=vendor, indicator=None, pages=())


class CredentialDesk(Protocol):
    """Tells how credentials stand at a UTC second, and renews one; LookupError for an unknown id."""

    def states(self, now: float, /) -> Iterable[CredentialState]:
        """All of them."""
        ...

    def states_of(self, integration_id: str, now: float, /) -> Iterable[CredentialState]:
        """Those of one integration."""
        ...

    async def renew(self, integration_id: str, /) -> Outcome:
        """Renew one now; return what became of it."""
        ...


def _no_checks(_: str) -> tuple[Check, ...]:
    return ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """Everything the API and the pages are given. No tokens means: open, on loopback only."""

    framework: Framework
    monitor: Monitor
    pausing: Pausing
    explaining: Verdicts
    breakers: BreakerControl
    catalog: Catalog
    operators: OperatorLog
    history: HealthHistory
    storage: StorageHealth
    metrics: MetricsExporter
    analytics: Analytics | None
    reloading: Reloading
    alerting: AlertingDesks
    pushing: Pushing
    clock: Clock
    publish: Callable[[Signal], None]
    version: str
    tokens: tuple[APIToken, ...] = ()
    public_metrics: Callable[[], bool] = lambda: False
    vendor_status: Callable[[str], VendorStatus] = _silent
    live: LiveView | None = None
    webhooks: WebhookDesk | None = None
    faults: FaultDesk | None = None
    credentials: CredentialDesk | None = None
    decisions: Decisions | None = None
    backtests: Backtester | None = None
    checks: Callable[[str], tuple[Check, ...]] = _no_checks
    reports: Reporter | None = None
