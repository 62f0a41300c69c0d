"""What intakes are told of as events: an incident from its opening to its end, a breaker that opens, a change
of health.
"""

from integrations.signals import (
    BreakerState,
    BreakerTransition,
    Evidence,
    Health,
    HealthChange,
    IncidentChange,
)

AT = 1_800_000_000.5

OPENED = IncidentChange(
    at=AT,
    incident="inc-7",
    integration="github-prod",
    vendor="github",
    capability="",
    event="opened",
    state=Health.DOWN,
    opened_at=AT,
    reason="3 of 3 checks failed: timeout",
)
RESOLVED = IncidentChange(
    at=AT + 90,
    incident="inc-7",
    integration="github-prod",
    vendor="github",
    capability="",
    event="resolved",
    state=Health.UP,
    opened_at=AT,
    resolved_at=AT + 89.25,
    reason="2 checks succeeded",
    actor="dana",
)
BROKEN = BreakerTransition(
    at=AT + 2,
    integration="github-prod",
    vendor="github",
    capability="read",
    before=BreakerState.CLOSED,
    after=BreakerState.OPEN,
    reason="12 of 20 calls failed",
    calls=20,
    failures=12,
    open_seconds=15.0,
)
DOWN = HealthChange(
    at=AT,
    integration="github-prod",
    vendor="github",
    capability="read",
    before=Health.UP,
    after=Health.DOWN,
    evidence=Evidence.CHECK,
    reason="3 of 3 checks failed: timeout",
    since=AT - 30,
)
STORY = (DOWN, OPENED, BROKEN, RESOLVED)
