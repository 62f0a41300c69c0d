"""An integration in short, put together from what the framework and the monitor say."""

from collections.abc import Mapping

from app.api.bodies import ActionSummary, IntegrationSummary
from app.parts import Parts, Registered
from integrations.manifest.schema import Manifest
from integrations.signals import BreakerState, Health
from monitors.report import IntegrationHealth

ATTENTION = frozenset({Health.DOWN, Health.UNAUTHORIZED, Health.THROTTLED, Health.DEGRADED})


def needs_attention(health: IntegrationHealth) -> bool:
    """Whether a person should look: bad states, and an unknown that our own configuration causes."""
    misconfigured = health.state is Health.UNKNOWN and any(one.kind for one in health.capabilities)
    return health.state in ATTENTION or misconfigured


def summarize(parts: Parts, integration: Registered) -> IntegrationSummary:
    """Return the integration with its health of now."""
    connection = integration.connection
    health = parts.monitor.health(connection.id)
    line = parts.framework.get_integration_status(connection.id).line
    return IntegrationSummary(
        id=connection.id,
        vendor=connection.vendor,
        vendor_name=integration.manifest.vendor.name,
        labels=connection.labels,
        state=health.state,
        since=health.since,
        reason=health.reason,
        advice=health.advice,
        needs_attention=needs_attention(health),
        capabilities=health.capabilities,
        pause=health.pause,
        vendor_says=health.vendor_says,
        breakers=tuple(one for one in line.breakers if one.state is not BreakerState.CLOSED),
        fault=line.fault,
    )


def summarize_actions(
    manifest: Manifest, missing: Mapping[str, tuple[str, ...]]
) -> tuple[ActionSummary, ...]:
    """Return a manifest's actions, ordered by name, each with the scopes it is missing."""
    return tuple(
        ActionSummary(
            name=name,
            title=action.title,
            effect=action.effect,
            capabilities=capabilities_of(manifest, name),
            scopes=action.scopes,
            missing_scopes=missing.get(name, ()),
        )
        for name, action in sorted(manifest.actions.items())
    )


def capabilities_of(manifest: Manifest, action: str) -> tuple[str, ...]:
    """Return the capabilities that an action belongs to."""
    return tuple(capability for capability, actions in manifest.capabilities.items() if action in actions)
