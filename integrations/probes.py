"""Checks as a manifest declares them: which action stands for which capability."""

from collections.abc import Iterable, Mapping
from typing import Protocol

import msgspec

from integrations.integration import Integration
from integrations.manifest.evidence import NAMED, HealthCheck
from integrations.manifest.schema import Limit, Manifest

SHARE = 0.01
"""What checks may take of what a vendor allows."""


class Check(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A synthetic probe of one capability. `asks` says in words what it asks, `cost` is what it draws on the
    `bucket` of the vendor's quota, `drawn` what all checks of the integration draw on it together.
    `least_interval` is how many seconds must lie between two runs for these checks to take no more than 1 %
    of what the vendor's documentation allows.
    """

    integration: str
    capability: str
    action: str
    asks: str = ""
    cost: float = 1.0
    bucket: str = ""
    drawn: float = 1.0
    least_interval: float = 0.0


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


def checks_of(integration: Integration) -> tuple[Check, ...]:
    """The checks that go with an integration's way to authenticate."""
    manifest = integration.manifest
    fitting = [one for one in manifest.health if not one.auth or integration.auth_name in one.auth]
    chosen = [one for one in fitting if None not in params_of(integration, one).values()]
    buckets = {one.action: manifest.actions[one.action].bucket for one in chosen}
    return tuple(
        Check(
            integration=integration.id,
            capability=one.capability,
            action=one.action,
            asks=integration.asked(one),
            cost=one.cost,
            bucket=buckets[one.action],
            drawn=one.cost if len(chosen) == 1 else _drawn(chosen, one, buckets),
            least_interval=least_interval(manifest, one, chosen),
        )
        for one in chosen
    )


def _drawn(chosen: Iterable[HealthCheck], check: HealthCheck, buckets: Mapping[str, str]) -> float:
    return sum(each.cost for each in chosen if buckets[each.action] == buckets[check.action])


def params_of(integration: Integration, check: HealthCheck) -> dict[str, object]:
    """The params of a check; None for what the operator is to give and did not."""
    return {name: _given(integration, value) for name, value in check.params.items()} if check.params else {}


def _given(integration: Integration, value: object) -> object:
    named = NAMED.fullmatch(value) if isinstance(value, str) else None
    return value if named is None else integration.config.get(named[1]) or None


def least_interval(manifest: Manifest, check: HealthCheck, checks: Iterable[HealthCheck]) -> float:
    """Seconds between two runs at which `checks` together take 1 % of each declared limit that counts this
    one.
    """
    counting = [limit for limit in manifest.limits if _counts(limit, check)]
    return max((_seconds(limit, checks) for limit in counting if limit.rate > 0), default=0.0)


def _counts(limit: Limit, check: HealthCheck) -> bool:
    return check.cost > 0 and (not limit.actions or check.action in limit.actions)


def _seconds(limit: Limit, checks: Iterable[HealthCheck]) -> float:
    drawn = sum(check.cost for check in checks if _counts(limit, check))
    return drawn * limit.per / (SHARE * limit.rate)


def declaration(integration: Integration, check: Probe) -> HealthCheck:
    """What the manifest says of a check.

    Raises:
        LookupError: when it has no such check.
    """
    for one in integration.manifest.health:
        if (one.capability, one.action) == (check.capability, check.action):
            return one
    raise LookupError(f"{integration.vendor} has no check of {check.capability} by {check.action}")
