"""What the configuration in effect says of who and what calls are counted by, in analytics' own words."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Protocol

from app.settings import Settings
from exporters.analytics.rollups.declared import (
    CapabilityActions,
    Declaration,
    DeclaredCaller,
    DeclaredIntegration,
    DeclaredVendor,
)
from integrations.connection import Connection
from integrations.manifest.loading import Catalog
from integrations.manifest.schema import Manifest

OPEN = "local"
"""Who calls where no token is configured."""

Declare = Callable[[Settings, float], None]


class Declared(Protocol):
    """Where it is put down; it is asked for later, on another thread."""

    def declare(self, declaration: Callable[[], Declaration], /) -> None:
        """Let it hold."""
        ...


def declaring(analytics: Declared, catalog: Catalog) -> Declare:
    """Return what tells analytics which settings are in effect, and since when (UTC seconds)."""

    def declare(settings: Settings, at: float) -> None:
        analytics.declare(partial(declaration_of, settings, catalog=catalog, at=at))

    return declare


def declaration_of(settings: Settings, *, catalog: Catalog, at: float) -> Declaration:
    """Return what these settings say, from `at` on (UTC seconds)."""
    vendors = sorted({connection.vendor for connection in settings.integrations})
    return Declaration(
        at=at,
        integrations=[_integration(connection) for connection in settings.integrations],
        vendors=[_vendor(catalog.manifest(vendor)) for vendor in vendors],
        callers=list(_callers(settings)),
    )


def _integration(connection: Connection) -> DeclaredIntegration:
    labels, cost = connection.labels, connection.cost
    return DeclaredIntegration(
        integration=connection.id,
        vendor=connection.vendor,
        team=labels.team,
        environment=labels.environment,
        tier=labels.tier,
        region=labels.region,
        currency=cost.currency,
        charged=cost.charged,
        per_call=cost.per_call,
        prices=cost.actions,
    )


def _vendor(manifest: Manifest) -> DeclaredVendor:
    return DeclaredVendor(
        vendor=manifest.id,
        vendor_name=manifest.vendor.name,
        capabilities=tuple(
            CapabilityActions(capability=capability, actions=actions)
            for capability, actions in manifest.capabilities.items()
        ),
    )


def _callers(settings: Settings) -> Iterable[DeclaredCaller]:
    if not settings.tokens:
        yield DeclaredCaller(token=OPEN)
    for token in settings.tokens:
        yield DeclaredCaller(token=token.name, team=token.team)
