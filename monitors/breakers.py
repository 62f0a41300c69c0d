"""What a circuit breaker's transition says of health."""

from integrations.credentials.buying import CAPABILITY
from integrations.manifest.inbound import KEYS_CAPABILITY
from integrations.signals import BreakerState, BreakerTransition, Evidence, Health
from monitors.health import Observation

_TRIPPED = frozenset((BreakerState.OPEN, BreakerState.HALF_OPEN))
_BESIDE = frozenset((CAPABILITY, KEYS_CAPABILITY))


def observe_breaker(transition: BreakerTransition, *, at: float) -> Observation | None:
    """Evidence from a transition, or None for nothing.

    Opening because calls failed or were slow is down, and closing after trial calls went well is up, both at
    once. An operator's hand says nothing of the vendor, nor does a half-open circuit that expired untried,
    nor the circuits of what is fetched beside the calls: a call that then lacks its token fails by itself,
    and what webhooks are held against is what strangers name.
    """
    if transition.actor or transition.capability in _BESIDE:
        return None
    counted = transition.failures + transition.slow
    if transition.after is BreakerState.OPEN and counted:
        reason = f"The circuit for live calls opened: {transition.reason}."
        return Observation(at=at, state=Health.DOWN, evidence=Evidence.BREAKER, reason=reason, is_hard=True)
    if transition.after is BreakerState.CLOSED and transition.before in _TRIPPED:
        reason = f"The circuit for live calls closed again: {transition.reason}."
        return Observation(at=at, state=Health.UP, evidence=Evidence.BREAKER, reason=reason, is_hard=True)
    return None
