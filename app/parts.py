"""What the HTTP API and the pages need of the rest of Dialtone; app/wiring.py fulfils it."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from integrations.clock import Clock
from integrations.connection import Connection
from integrations.execution.outcome import Origin, Outcome
from integrations.execution.status import LineStatus
from integrations.manifest.schema import Manifest
from integrations.signals import HealthChange, OperatorAction, Signal
from monitors.report import IntegrationHealth, IntegrationMetrics


class APIToken(Protocol):
    """An API token as it is configured: `sha256` in hex, `scopes` of read, operate, admin."""

    @property
    def name(self) -> str: ...
    @property
    def sha256(self) -> str: ...
    @property
    def scopes(self) -> Collection[str]: ...


class Registered(Protocol):
    """An integration that the framework knows."""

    @property
    def connection(self) -> Connection: ...
    @property
    def manifest(self) -> Manifest: ...


class IntegrationState(Protocol):
    """What the framework says of an integration now."""

    @property
    def line(self) -> LineStatus: ...


class Framework(Protocol):
    """Makes calls. `integration` raises LookupError, naming the nearest id."""

    def integrations(self) -> Sequence[Registered]: ...
    def integration(self, integration_id: str, /) -> Registered: ...
    def get_integration_status(self, integration_id: str, /) -> IntegrationState: ...
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
        trace_id: str = "",
        parent_span_id: str = "",
        sampled: bool | None = None,
    ) -> Outcome: ...


class Monitor(Protocol):
    """Keeps watching."""

    def health(self, integration_id: str, /) -> IntegrationHealth: ...
    def get_integration_metrics(self, integration_id: str, /) -> IntegrationMetrics: ...
    async def check_integration_health(self, integration_id: str, /) -> IntegrationHealth: ...


class Pausing(Protocol):
    """Stops and restarts checks."""

    async def pause(
        self, integration_id: str, /, *, actor: str, reason: str, expires_at: float | None = None
    ) -> object: ...
    async def resume(self, integration_id: str, /, *, actor: str, reason: str) -> object: ...


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
    ) -> None: ...


class BreakerControl(Protocol):
    """A person's hand on the circuit breakers."""

    @property
    def force_open(self) -> BreakerOrder: ...
    @property
    def disable(self) -> BreakerOrder: ...
    @property
    def shadow(self) -> BreakerOrder: ...
    @property
    def reset(self) -> BreakerOrder: ...


class OperatorLog(Protocol):
    """Where operators' actions are stored; `record` returns after the commit."""

    async def record(self, action: OperatorAction, /) -> None: ...
    async def recent(self, limit: int, /) -> Sequence[OperatorAction]: ...


class HealthHistory(Protocol):
    """The stored changes of health, the newest first."""

    async def recent_changes(self, integration_id: str, limit: int, /) -> Sequence[HealthChange]: ...


class Catalog(Protocol):
    """The vendors Dialtone knows."""

    def vendors(self) -> Iterable[str]: ...
    def manifest(self, vendor: str, /) -> Manifest: ...


class Analytics(Protocol):
    """Named queries over everything that happened."""

    def queries(self) -> Iterable[object]: ...
    async def query(self, name: str, params: Mapping[str, str], /, *, caller: str) -> object: ...
    def status(self) -> object: ...


class Scrape(Protocol):
    """The rendered metrics."""

    @property
    def body(self) -> bytes: ...
    @property
    def content_type(self) -> str: ...
    @property
    def content_encoding(self) -> str | None: ...


class MetricsExporter(Protocol):
    """Renders the metrics as the client asks for them."""

    async def scrape(self, *, accept: str, accept_encoding: str) -> Scrape: ...


class StorageHealth(Protocol):
    """Whether what must be kept can be kept: None, or the reason why not."""

    def healthy(self) -> str | None: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """Everything the API and the pages are given. No tokens means: open, on loopback only."""

    framework: Framework
    monitor: Monitor
    pausing: Pausing
    breakers: BreakerControl
    catalog: Catalog
    operators: OperatorLog
    history: HealthHistory
    storage: StorageHealth
    metrics: MetricsExporter
    analytics: Analytics | None
    clock: Clock
    publish: Callable[[Signal], None]
    version: str
    tokens: tuple[APIToken, ...] = ()
    public_metrics: bool = False
