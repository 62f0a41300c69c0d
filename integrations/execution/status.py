"""What the executor's parts say of themselves, and what of it survives a restart."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from integrations.execution.injection import Injection
from integrations.execution.policy import BreakerPolicy
from integrations.signals import BreakerState


class BreakerStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One breaker now. Times are UTC seconds; `*_ratio` is None while the window holds too few calls to
    decide. `trip_distance` is how far it is from opening: 1 without failures, 0 when they suffice or it is
    open; None where it cannot open.
    """

    capability: str
    state: BreakerState
    since: float
    reason: str = ""
    actor: str = ""
    expires_at: float | None = None
    open_until: float | None = None
    calls: int = 0
    failures: int = 0
    slow: int = 0
    failure_ratio: float | None = None
    slow_ratio: float | None = None
    failure_threshold: float = 0.5
    slow_threshold: float = 0.8
    slow_seconds: float = 2.0
    trip_distance: float | None = None
    rejected: int = 0


def unused_breaker(capability: str, policy: BreakerPolicy, *, since: float) -> BreakerStatus:
    """What a breaker would say of itself that no call has come to, since a UTC second."""
    return BreakerStatus(
        capability=capability,
        state=BreakerState.CLOSED,
        since=since,
        failure_threshold=policy.failure_ratio,
        slow_threshold=policy.slow_ratio,
        slow_seconds=policy.slow_floor,
        trip_distance=1.0,
    )


class QuotaStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One quota bucket now, as the vendor last said. Times are UTC seconds; `waiting` calls stand in line for
    it. `exhausted_at` is when it will be used up if it goes on as it did since its period began; None when it
    lasts, or that cannot be told.
    """

    bucket: str
    limit: float | None = None
    remaining: float | None = None
    reset_at: float | None = None
    throttled_until: float | None = None
    exhausted_at: float | None = None
    waiting: int = 0


class LineStatus(msgspec.Struct, frozen=True, kw_only=True):
    """All limits of one integration now. `concurrency` calls may run at once: at most `concurrency_maximum`,
    fewer while an adaptive limit has come down. `fault` is what an operator injects now.
    """

    integration: str
    in_flight: int
    waiting: int
    concurrency: int
    retry_tokens: float
    retry_budget: int
    breakers: tuple[BreakerStatus, ...]
    quotas: tuple[QuotaStatus, ...]
    concurrency_maximum: int = 0
    fault: Injection | None = None


class SavedBreaker(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a breaker that survives a restart; never its window. Times are UTC seconds."""

    capability: str
    state: BreakerState
    since: float
    reason: str = ""
    actor: str = ""
    expires_at: float | None = None
    open_until: float | None = None
    openings: int = 0


class SavedQuota(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a quota bucket that survives a restart. Times are UTC seconds."""

    bucket: str
    limit: float | None = None
    remaining: float | None = None
    reset_at: float | None = None
    throttled_until: float | None = None


class SavedLine(msgspec.Struct, frozen=True, kw_only=True):
    """What survives of one integration's limits."""

    integration: str
    breakers: tuple[SavedBreaker, ...] = ()
    quotas: tuple[SavedQuota, ...] = ()


class ExecutionStore(Protocol):
    """Where the executor keeps what must survive a restart; each call is one atomic unit."""

    async def save_lines(self, lines: Sequence[SavedLine]) -> None:
        """Replace what is stored for these integrations."""
        ...

    async def load_lines(self) -> Sequence[SavedLine]:
        """Return all that is stored."""
        ...
