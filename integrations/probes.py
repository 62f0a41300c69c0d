"""Checks as a manifest declares them: which action stands for which capability."""

from typing import Protocol

import msgspec

from integrations.integration import Integration
from integrations.manifest.evidence import HealthCheck


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """A synthetic probe of one capability. `asks` says in words what it asks, `cost` is what it draws on the
    `bucket` of the vendor's quota.
    """

    integration: str
    capability: str
    action: str
    asks: str = ""
    cost: float = 1.0
    bucket: str = ""


class Probe(Protocol):
    """What names a check: a Check, or a monitor's own."""

    @property
    def integration(self) -> str:
        """The integration's id."""
        ...

    @property
    def capability(self) -> str:
        """The capability it stands for."""
        ...

    @property
    def action(self) -> str:
        """The action it runs."""
        ...


def declaration(integration: Integration, check: Probe) -> HealthCheck:
    """What the manifest says of a check.

    Raises:
        LookupError: when it has no such check.
    """
    for one in integration.manifest.health:
        if (one.capability, one.action) == (check.capability, check.action):
            return one
    raise LookupError(f"{integration.vendor} has no check of {check.capability} by {check.action}")
