"""What the pages show, worked out from one look at the parts."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from app.api.summaries import needs_attention
from app.parts import Parts, Registered
from app.web.sparkline import Sparkline, draw
from app.web.words import (
    ORDER,
    STATES,
    breaker_words,
    calls_words,
    injection_words,
    number,
    plural,
    share,
    span,
    until,
)
from integrations.connection import Labels
from integrations.credentials.state import CredentialState
from integrations.drift import DriftStatus
from integrations.endings import Ending
from integrations.execution.status import BreakerStatus, LineStatus, QuotaStatus
from integrations.signals import BreakerState
from monitors.report import IntegrationHealth, IntegrationMetrics

LOW_QUOTA = 0.2
NOTABLE_ERRORS = 0.05
NOTABLE_TRIP = 0.3
"""How near to opening a closed breaker must be for the overview to draw it."""
_QUIET = frozenset({"ok", "unused"})


class Observed(NamedTuple):
    """One integration as it was at one moment; taken on the event loop, drawn elsewhere."""

    integration: Registered
    health: IntegrationHealth
    metrics: IntegrationMetrics
    line: LineStatus
    endings: tuple[Ending, ...] = ()
    drift: tuple[DriftStatus, ...] = ()
    credentials: tuple[CredentialState, ...] = ()


class BreakerView(msgspec.Struct, frozen=True, kw_only=True):
    """A breaker in words; `trip` is how near it is to opening, from 0 to 1."""

    capability: str
    state: BreakerState
    words: str
    reason: str
    trip: float | None
    is_normal: bool
    counts: str

    @property
    def is_notable(self) -> bool:
        """Whether somebody who looks at everything should see it."""
        return not self.is_normal or (self.trip or 0.0) >= NOTABLE_TRIP


class QuotaView(msgspec.Struct, frozen=True, kw_only=True):
    """A quota bucket in words; `left` is the share that remains, from 0 to 1."""

    bucket: str
    words: str
    reset: str
    left: float | None
    is_low: bool
    throttled: str


class CredentialView(msgspec.Struct, frozen=True, kw_only=True):
    """A credential in words; `expires_at` is UTC seconds, None where no end is known."""

    name: str
    kind: str
    words: str
    expires_at: float | None
    refreshed_at: float | None
    missing: str
    is_notable: bool


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """One integration as the pages show it."""

    id: str
    vendor: str
    vendor_name: str
    labels: Labels
    health: IntegrationHealth
    word: str
    attention: bool
    metrics: IntegrationMetrics
    sparkline: Sparkline
    breakers: tuple[BreakerView, ...]
    quotas: tuple[QuotaView, ...]
    line: LineStatus
    checked_at: float | None
    next_check_at: float | None
    endings: tuple[Ending, ...] = ()
    drift: tuple[DriftStatus, ...] = ()
    fault: str = ""
    credentials: tuple[CredentialView, ...] = ()

    @property
    def breakers_in_short(self) -> tuple[BreakerView, ...]:
        """The breakers that are worth a line of their own on the first page."""
        return tuple(one for one in self.breakers if one.is_notable)

    @property
    def calm_breakers(self) -> str:
        """The others in one phrase; empty for none."""
        calm = len(self.breakers) - len(self.breakers_in_short)
        return f"{calm} closed" if calm else ""

    @property
    def credentials_in_short(self) -> tuple[CredentialView, ...]:
        """The credentials that somebody should do something about."""
        return tuple(one for one in self.credentials if one.is_notable)

    @property
    def is_failing(self) -> bool:
        """Whether the hour's share of errors deserves a colour."""
        return (self.metrics.error_ratio or 0.0) >= NOTABLE_ERRORS

    @property
    def calls(self) -> str:
        """Calls in flight, and how many may be."""
        return calls_words(self.line)

    @property
    def label_values(self) -> tuple[str, ...]:
        """The labels that are set, as they are shown."""
        tier = f"tier {self.labels.tier}" if self.labels.tier else ""
        return tuple(one for one in (self.labels.environment, self.labels.team, tier) if one)


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """The first page: those in need of attention, then the others, worst first; `injected` are those that
    faults are injected into, whatever the query.
    """

    headline: str
    subline: str
    calm: bool
    attention: tuple[Card, ...]
    others: tuple[Card, ...]
    total: int
    shown: int
    injected: tuple[Card, ...] = ()


def observe(parts: Parts, integration: Registered) -> Observed:
    """Look at one integration."""
    integration_id = integration.connection.id
    now = parts.clock.time()
    state = parts.framework.get_integration_status(integration_id)
    return Observed(
        integration,
        parts.monitor.health(integration_id),
        parts.monitor.get_integration_metrics(integration_id),
        state.line,
        state.endings,
        state.drift,
        () if parts.credentials is None else tuple(parts.credentials.states_of(integration_id, now)),
    )


def card(seen: Observed, now: float) -> Card:
    """Work out what is shown of one integration."""
    connection = seen.integration.connection
    health = seen.health
    checked = [one.checked_at for one in health.capabilities if one.checked_at is not None]
    coming = [one.next_check_at for one in health.capabilities if one.next_check_at is not None]
    return Card(
        id=connection.id,
        vendor=connection.vendor,
        vendor_name=seen.integration.manifest.vendor.name,
        labels=connection.labels,
        health=health,
        word=STATES[health.state],
        attention=needs_attention(health),
        metrics=seen.metrics,
        sparkline=draw(seen.metrics.minutes),
        breakers=tuple(_breaker(one, now) for one in seen.line.breakers),
        quotas=tuple(_quota(one, now) for one in seen.line.quotas if _is_known(one, now)),
        line=seen.line,
        checked_at=max(checked, default=None),
        next_check_at=min(coming, default=None),
        endings=seen.endings,
        drift=seen.drift,
        fault=injection_words(seen.line.fault, now) if seen.line.fault else "",
        credentials=tuple(map(_credential, seen.credentials)),
    )


def overview(observed: Iterable[Observed], *, now: float, query: str = "") -> Overview:
    """Work out the first page; `query` keeps only integrations that hold each of its words."""
    cards = sorted((card(seen, now) for seen in observed), key=_worst_first)
    shown = [one for one in cards if _matches(one, query)]
    attention = sum(one.attention for one in cards)
    return Overview(
        headline=_headline(attention, len(cards)),
        subline=_subline(cards),
        calm=attention == 0,
        attention=tuple(one for one in shown if one.attention),
        others=tuple(one for one in shown if not one.attention),
        total=len(cards),
        shown=len(shown),
        injected=tuple(one for one in cards if one.fault),
    )


def _worst_first(one: Card) -> tuple[bool, int, str, str]:
    return (not one.attention, ORDER.index(one.health.state), one.labels.tier or "~", one.id)


def _matches(one: Card, query: str) -> bool:
    text = " ".join((one.id, one.vendor, one.vendor_name, one.word, *one.label_values)).lower()
    return all(word in text for word in query.lower().split())


def _headline(attention: int, total: int) -> str:
    if not total:
        return "No integrations yet"
    if not attention:
        return "All clear" if total > 1 else "The line is clear"
    return f"{attention} of {total} {'needs' if attention == 1 else 'need'} attention"


def _subline(cards: Sequence[Card]) -> str:
    counts = Counter(one.health.state for one in cards)
    return ", ".join(f"{counts[state]} {STATES[state].lower()}" for state in ORDER if counts[state])


def _breaker(status: BreakerStatus, now: float) -> BreakerView:
    return BreakerView(
        capability=status.capability,
        state=status.state,
        words=breaker_words(status, now),
        reason=status.reason,
        trip=_trip(status),
        is_normal=status.state is BreakerState.CLOSED,
        counts=_counts(status),
    )


def _trip(status: BreakerStatus) -> float | None:
    if status.state is not BreakerState.CLOSED and status.state is not BreakerState.SHADOW:
        return None
    ratios = [
        ratio / threshold
        for ratio, threshold in (
            (status.failure_ratio, status.failure_threshold),
            (status.slow_ratio, status.slow_threshold),
        )
        if ratio is not None
    ]
    return min(1.0, max(ratios)) if ratios else None


def _counts(status: BreakerStatus) -> str:
    if status.state in {BreakerState.OPEN, BreakerState.FORCED_OPEN}:
        return f"{number(status.rejected)} refused so far"
    if status.failure_ratio is None:
        return "too few calls to judge"
    return (
        f"{share(status.failure_ratio)} of {plural(status.calls, 'call')} failed, opens at "
        f"{share(status.failure_threshold)}"
    )


def _credential(state: CredentialState) -> CredentialView:
    return CredentialView(
        name=state.credential,
        kind=state.auth,
        words=state.state.replace("_", " "),
        expires_at=state.expires_at,
        refreshed_at=state.refreshed_at,
        missing=", ".join(state.missing),
        is_notable=state.state not in _QUIET,
    )


def _is_known(status: QuotaStatus, now: float) -> bool:
    """A bucket of which the vendor has said nothing yet is not shown."""
    return status.remaining is not None or (status.throttled_until or 0.0) > now


def _quota(status: QuotaStatus, now: float) -> QuotaView:
    known = status.limit is not None and status.remaining is not None and status.limit > 0
    left = max(0.0, min(1.0, (status.remaining or 0.0) / (status.limit or 1.0))) if known else None
    throttled = status.throttled_until is not None and status.throttled_until > now
    return QuotaView(
        bucket=status.bucket,
        words=f"{number(status.remaining)} of {number(status.limit)} left",
        reset=""
        if status.reset_at is None or status.reset_at < now
        else f"resets {until(status.reset_at, now)}",
        left=left,
        is_low=left is not None and left < LOW_QUOTA,
        throttled=f"quiet for {span((status.throttled_until or now) - now)}" if throttled else "",
    )
