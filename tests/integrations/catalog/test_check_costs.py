"""Checks at their default interval take at most 1 % of what any vendor documents to allow."""

import pytest

from integrations.connection import CheckPolicy
from integrations.manifest.schema import Limit, Manifest
from integrations.probes import SHARE, least_interval
from monitors.pace import LONGEST_FOR_LIMIT, Situation, stretch
from tests.fakes.framework import CATALOG

INTERVAL = CheckPolicy().interval
CASES = [
    pytest.param(vendor, limit, auth, id=f"{vendor}-{limit.id}-{auth}")
    for vendor in CATALOG.vendors()
    for limit in CATALOG.manifest(vendor).limits
    if limit.rate
    for auth in CATALOG.manifest(vendor).auth
]


def taken(manifest: Manifest, limit: Limit, auth: str) -> float:
    """The share of a limit that an integration's steady checks take, paced as the monitor does."""
    checks = [one for one in manifest.health if not one.auth or auth in one.auth]
    rate = 0.0
    for check in checks:
        if limit.actions and check.action not in limit.actions:
            continue
        situation = Situation(
            now=0.0,
            interval=INTERVAL,
            ran_at=0.0,
            cost=check.cost,
            least_interval=least_interval(manifest, check, checks),
        )
        rate += check.cost / (stretch(situation).intervals * INTERVAL)
    return rate * limit.per / limit.rate


@pytest.mark.parametrize(("vendor", "limit", "auth"), CASES)
def test_checks_take_at_most_one_percent_of_a_documented_limit(vendor: str, limit: Limit, auth: str) -> None:
    assert taken(CATALOG.manifest(vendor), limit, auth) <= SHARE + 1e-9


def test_some_vendors_checks_are_stretched_by_this() -> None:
    manifest = CATALOG.manifest("slack")
    intervals = [least_interval(manifest, check, manifest.health) for check in manifest.health]

    assert max(intervals) > INTERVAL
    assert max(intervals) <= LONGEST_FOR_LIMIT * INTERVAL
