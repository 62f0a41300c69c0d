"""Health as it is told: to the API, the page, the command line; and what of it is stored."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from integrations.execution.injection import Injection
from integrations.execution.outcome import FailureKind
from integrations.signals import Evidence, Ground, Health, HealthChange, Indicator
from monitors.alerts.consequences import Consequences
from monitors.baseline import Baseline, LiveBaselines
from monitors.concerns import Concern
from monitors.flapping import Flapping
from monitors.results import Results


class CapabilityHealth(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The confirmed health of one capability, why, and since when (UTC seconds).

    `pending` is a state that evidence points to and that is not confirmed yet, after `pending_count` results
    since `pending_since`. `judged` turns true with the first confirmed verdict, whatever it is. `stretched`
    says why the next check comes later than its interval would have it, and is empty when it does not. While
    it is `flapping` it is held degraded, whatever the last checks said.
    """

    capability: str
    state: Health
    since: float
    reason: str
    evidence: Evidence
    kind: FailureKind | None = None
    checked_at: float | None = None
    next_check_at: float | None = None
    stretched: str = ""
    pending: Health | None = None
    pending_count: int = 0
    pending_since: float | None = None
    judged: bool = False
    flapping: bool = False


class CapabilityMemory(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What is remembered of one capability beside its verdict: `basis` is what its checks, its breaker and
    reports say alone, `grounds` what the verdict rested on when it was made.
    """

    capability: str
    basis: CapabilityHealth
    results: Results = Results()
    flapping: Flapping = Flapping()
    concerns: tuple[Concern, ...] = ()
    slowness: Baseline = Baseline()
    grounds: tuple[Ground, ...] = ()


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """Who paused an integration's checks, why, and until when (UTC seconds; None: until resumed)."""

    actor: str
    reason: str
    since: float
    expires_at: float | None = None


class VendorWord(msgspec.Struct, frozen=True, kw_only=True):
    """What a vendor's status page says of the components an integration depends on, as read at `read_at`.

    `name` is the vendor's for people. `started_at` is when its trouble began, `announced_at` when it said so,
    by its own word; UTC seconds.
    `lag` is how long after our own detection it was announced, in seconds, below 0 when before; None while
    the integration is not in a bad state, or nothing was announced.
    """

    indicator: Indicator
    read_at: float
    name: str = ""
    components: tuple[str, ...] = ()
    title: str = ""
    url: str = ""
    started_at: float | None = None
    announced_at: float | None = None
    lag: float | None = None


class IntegrationHealth(msgspec.Struct, frozen=True, kw_only=True):
    """The health of an integration: the worst of its capabilities, or paused. `advice` says what to do, or is
    empty. `fault` is what an operator injects on purpose now. `vendor_says` is the word of the vendor's
    status page, where one is read; it decides nothing.
    """

    integration: str
    vendor: str
    state: Health
    since: float
    reason: str
    advice: str
    capabilities: tuple[CapabilityHealth, ...]
    pause: Pause | None = None
    fault: Injection | None = None
    vendor_says: VendorWord | None = None


class MinuteStats(msgspec.Struct, frozen=True, kw_only=True):
    """One minute of an integration's calls, checks included; `start` is UTC seconds, percentiles are
    seconds.
    """

    start: float
    calls: int
    failures: int
    rejected: int
    p50: float | None = None
    p95: float | None = None


class IntegrationMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """An integration's last hour in numbers, from memory. `minutes` runs from oldest to newest, without
    gaps.
    """

    integration: str
    calls: int
    failures: int
    rejected: int
    retries: int
    error_ratio: float | None
    p50: float | None
    p95: float | None
    p99: float | None
    minutes: tuple[MinuteStats, ...]


class SavedHealth(msgspec.Struct, frozen=True, kw_only=True):
    """The confirmed state of an integration that survives a restart, with what is usual for its live calls by
    capability.
    """

    integration: str
    capabilities: tuple[CapabilityHealth, ...]
    state: Health
    since: float
    pause: Pause | None = None
    memory: tuple[CapabilityMemory, ...] = ()
    live: dict[str, LiveBaselines] = {}


class HealthStore(Protocol):
    """Where confirmed health is kept; each call is one atomic unit."""

    async def save_health(
        self, states: Sequence[SavedHealth], changes: Sequence[HealthChange], consequences: Consequences
    ) -> None:
        """Replace the states of these integrations, append the changes, and store what follows from them."""
        ...

    async def load_health(self) -> Sequence[SavedHealth]:
        """Return all that is stored."""
        ...
