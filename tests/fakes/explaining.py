"""Why fake integrations are as they are."""

from integrations.signals import Evidence, Ground, Health
from monitors.alerts.decisions import Decision, Verdict
from monitors.explain import CapabilityExplanation, Confirmation, Explanation, FlappingNow
from monitors.report import CapabilityHealth, IntegrationHealth

DECISION = Decision(
    at=1_000.0,
    group_key="{}:{}",
    receiver="pager",
    verdict=Verdict.SENT,
    reason="the group is new",
)


def explained(health: IntegrationHealth) -> Explanation:
    """An explanation in which every field says something."""
    return Explanation(
        health=health,
        deciding=health.capabilities[0].capability if health.capabilities else "",
        capabilities=tuple(_capability(each) for each in health.capabilities),
    )


def _capability(health: CapabilityHealth) -> CapabilityExplanation:
    ground = Ground(source=health.evidence, text=health.reason, age=12.0, weight=1.0, says=health.state)
    aside = Ground(source=Evidence.QUOTA, text="Quota core: 12 of 5000 left.", age=90.0)
    is_up = health.state is Health.UP
    return CapabilityExplanation(
        health=health,
        phase="soft" if is_up else "hard",
        confirming=Confirmation(state=Health.DOWN, count=2, wanted=3) if is_up else None,
        flapping=FlappingNow(percent=8.5, is_on=False),
        chance=0.02,
        wanted_to_fail=5,
        evidence=(ground, aside),
        rested_on=(ground,),
    )
