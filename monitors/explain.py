"""Why an integration is as it is: its verdict, the evidence it rests on, how it came about, who was told.

What a verdict rested on when it was made is stored with it (HealthChange.grounds); this is the same of now.
"""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from integrations.signals import Ground, Health, HealthChange
from monitors.alerts.decisions import Decision
from monitors.flapping import BEGINS, ENDS
from monitors.health import BROKEN
from monitors.judged import Judged
from monitors.live import ERRORS
from monitors.report import CapabilityHealth, IntegrationHealth
from monitors.watched import WatchedIntegration

MOST_CHANGES = 20
MOST_DECISIONS = 50


class FlappingNow(msgspec.Struct, frozen=True, kw_only=True):
    """How much a capability's scheduled checks change, in percent; it flaps from above `begins` until `ends`
    is reached.
    """

    percent: float
    is_on: bool
    begins: float = BEGINS
    ends: float = ENDS


class Confirmation(msgspec.Struct, frozen=True, kw_only=True):
    """A change that is being confirmed: `count` results in a row point to `state`, `wanted` confirm it."""

    state: Health
    count: int
    wanted: int


class CapabilityExplanation(msgspec.Struct, frozen=True, kw_only=True):
    """One capability: its verdict, its phase (`soft` while a change is being confirmed, else `hard`), all
    evidence of now with ages and weights, and what the verdict rested on when it was made.

    `chance` is the share of its checks that fails by chance, so that `wanted_to_fail` failures in a row
    confirm that it is down.
    """

    health: CapabilityHealth
    phase: str
    confirming: Confirmation | None
    flapping: FlappingNow
    chance: float
    wanted_to_fail: int
    evidence: tuple[Ground, ...]
    rested_on: tuple[Ground, ...]


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Why an integration is as it is. `changes` are its last confirmed changes, `decisions` what was decided
    on telling people of it; the newest first. `deciding` names the capability whose state is the whole's; it
    is empty while paused, or while nothing is judged.
    """

    health: IntegrationHealth
    deciding: str
    capabilities: tuple[CapabilityExplanation, ...]
    changes: tuple[HealthChange, ...] = ()
    decisions: tuple[Decision, ...] = ()


class Decisions(Protocol):
    """Who knows what was decided on telling people of an integration."""

    async def decisions_of(self, integration: str, /, *, limit: int) -> Sequence[Decision]:
        """The last decisions, newest first."""
        ...


class History(Protocol):
    """Who knows what became of an integration."""

    async def recent_changes(self, integration_id: str, limit: int, /) -> Sequence[HealthChange]:
        """An integration's last changes, newest first."""
        ...


class Verdicts(Protocol):
    """Who judges, and can say why."""

    def explain(self, integration_id: str, /) -> Explanation:
        """Why an integration is as it is, from memory."""
        ...


async def explanation(
    integration: str, *, verdicts: Verdicts, history: History, decisions: Decisions | None
) -> Explanation:
    """Why an integration is as it is, with what is stored of it."""
    told = await decisions.decisions_of(integration, limit=MOST_DECISIONS) if decisions is not None else ()
    changes = await history.recent_changes(integration, MOST_CHANGES)
    return msgspec.structs.replace(
        verdicts.explain(integration), changes=tuple(changes), decisions=tuple(told)
    )


def explain(watched: WatchedIntegration, health: IntegrationHealth, *, at: float) -> Explanation:
    """Why an integration is as `health` says, at the UTC second `at`, from memory."""
    capabilities = tuple(_explained(watched, each, at=at) for each in health.capabilities)
    return Explanation(health=health, deciding=_deciding(capabilities, health), capabilities=capabilities)


def _explained(watched: WatchedIntegration, health: CapabilityHealth, *, at: float) -> CapabilityExplanation:
    judged, policy = watched.judged(health.capability), watched.policy
    pending = health.pending
    support = watched.around.support_of(pending, is_failing_live=ERRORS in judged.concerns) if pending else 0
    wanted = judged.wanted(policy, support=support)
    confirming = Confirmation(state=pending, count=health.pending_count, wanted=wanted) if pending else None
    return CapabilityExplanation(
        health=health,
        phase="soft" if confirming or _has_soft(judged) else "hard",
        confirming=confirming,
        flapping=FlappingNow(percent=judged.flapping.percent, is_on=judged.flapping.is_on),
        chance=judged.results.share,
        wanted_to_fail=judged.patience(policy, support=0),
        evidence=watched.grounds(health.capability, at=at),
        rested_on=judged.grounds,
    )


def _deciding(capabilities: Sequence[CapabilityExplanation], health: IntegrationHealth) -> str:
    return next(
        (
            each.health.capability
            for each in capabilities
            if each.health.judged and each.health.state is health.state and health.pause is None
        ),
        "",
    )


def _has_soft(judged: Judged) -> bool:
    is_broken = judged.basis.state in BROKEN
    return not is_broken and any(not concern.is_hard for concern in judged.concerns.values())
