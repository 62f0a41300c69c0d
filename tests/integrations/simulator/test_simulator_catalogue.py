"""Every action and check of every vendor of the catalogue, through framework and executor, against the
simulator: a new folder is picked up by itself."""

from collections.abc import AsyncIterator, Callable

import pytest

from integrations.execution.outcome import FailureKind
from integrations.manifest.authentication import ClientCertificateAuth
from integrations.signals import CredentialNotice
from integrations.simulator.faults import Fault, FaultKind
from tests.fakes.clock import VIRTUAL_TIME
from tests.fakes.simulated import CATALOG, WAYS, Way, World

# A certificate is judged in the TLS handshake, of which this simulator has none.
GUARDED = [
    way
    for way in WAYS
    if (auth := way.manifest.auth[way.auth]).secrets and not isinstance(auth, ClientCertificateAuth)
]
CALLS = [
    (way, name)
    for way in WAYS
    for name, action in way.manifest.actions.items()
    if not action.auth or way.auth in action.auth
]

CHECKED = [way for way in WAYS if any(not one.auth or way.auth in one.auth for one in way.manifest.health)]
"""Without those whose vendor can be asked nothing by this kind that does not write."""


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    yield made
    await made.executor.aclose()


def twins(way: Way, action: str) -> set[str]:
    """The actions that a request of this one can be taken for: those of the same method and path."""
    one = way.manifest.actions[action]
    return {
        name
        for name, other in way.manifest.actions.items()
        if (other.method, other.path, other.graphql) == (one.method, one.path, one.graphql)
    }


@pytest.mark.parametrize(("way", "action"), CALLS, ids=str)
async def test_an_action_succeeds_with_the_right_credentials(world: World, way: Way, action: str) -> None:
    outcome = await world.call(world.register(way), action)

    assert outcome.ok, outcome.detail
    # Tokens are bought besides, and code may ask several things.
    asked = sum(
        count for (_, _, name, _), count in world.simulator.seen.items() if name in twins(way, action)
    )
    assert asked == 1 or way.manifest.actions[action].code
    if way.manifest.actions[action].answer == "json":
        assert outcome.data is not None


@pytest.mark.parametrize("way", CHECKED, ids=str)
async def test_the_checks_find_a_healthy_vendor_up(world: World, way: Way) -> None:
    checks = world.framework.checks(world.register(way))

    outcomes = [await world.framework.run_check(check, timeout=5) for check in checks]

    assert outcomes
    assert [outcome.detail for outcome in outcomes if not outcome.ok] == []


@pytest.mark.parametrize("way", [way for way in GUARDED if way in CHECKED], ids=str)
async def test_a_wrong_secret_is_found_by_the_checks(world: World, way: Way) -> None:
    checks = world.framework.checks(world.register(way, spoilt=True))

    kinds = {(await world.framework.run_check(check, timeout=5)).kind for check in checks}

    assert kinds == {FailureKind.UNAUTHORIZED}


def broken(vendor: str) -> set[FailureKind]:
    return set() if vendor == "http" else {FailureKind.MALFORMED, FailureKind.CONNECTION}


FAULTS: list[tuple[Fault, Callable[[str], set[FailureKind]]]] = [
    (Fault(kind=FaultKind.SERVER_ERROR), lambda _: {FailureKind.SERVER_ERROR}),
    (Fault(kind=FaultKind.RESET), lambda _: {FailureKind.CONNECTION}),
    (Fault(kind=FaultKind.HANG, seconds=60), lambda _: {FailureKind.TIMEOUT}),
    (Fault(kind=FaultKind.LATENCY, seconds=60), lambda _: {FailureKind.TIMEOUT}),
    (Fault(kind=FaultKind.SLOW_BODY, seconds=60), lambda _: {FailureKind.TIMEOUT}),
    (Fault(kind=FaultKind.THROTTLED, retry_after=60), lambda _: {FailureKind.THROTTLED}),
    (Fault(kind=FaultKind.QUOTA_OUT), lambda _: {FailureKind.THROTTLED}),
    (Fault(kind=FaultKind.TOKEN_EXPIRED), lambda _: {FailureKind.UNAUTHORIZED}),
    (Fault(kind=FaultKind.UNAUTHORIZED), lambda _: {FailureKind.UNAUTHORIZED}),
    (Fault(kind=FaultKind.FORBIDDEN), lambda _: {FailureKind.FORBIDDEN}),
    (Fault(kind=FaultKind.HUGE_BODY), lambda _: {FailureKind.TOO_LARGE}),
    # An `http` endpoint's answer is text: only its check looks into it.
    (Fault(kind=FaultKind.TRUNCATED), broken),
    (Fault(kind=FaultKind.MALFORMED), broken),
]


@pytest.mark.parametrize("vendor", CATALOG.vendors())
@pytest.mark.parametrize(("fault", "expected"), FAULTS, ids=lambda value: getattr(value, "kind", ""))
async def test_a_fault_is_seen_as_what_it_is(
    world: World, vendor: str, fault: Fault, expected: Callable[[str], set[FailureKind]]
) -> None:
    way = next(way for way in WAYS if way.vendor == vendor)
    integration = world.register(way)
    # A check that draws on no quota is answered even when none is left.
    probe = next(check for check in world.framework.checks(integration) if check.cost)
    # Where a token is bought, it is there before anything goes wrong.
    await world.call(integration, probe.action)
    world.faults.add(fault)

    outcome = await world.call(integration, probe.action)

    assert outcome.kind in (expected(vendor) or {None}), outcome.detail
    assert outcome.attempts


@pytest.mark.parametrize(
    ("kind", "events"),
    [
        (FaultKind.TOKEN_EXPIRED, ["rejected"]),
        (FaultKind.SERVER_ERROR, []),
        (FaultKind.RESET, []),
        (FaultKind.FORBIDDEN, []),
    ],
)
async def test_only_a_refused_credential_is_reported_as_one(
    world: World, kind: FaultKind, events: list[str]
) -> None:
    integration = world.register(next(way for way in WAYS if way.vendor == "github"))
    world.faults.add(Fault(kind=kind))

    await world.call(integration, "user.get")

    assert [notice.event for notice in world.signals.of(CredentialNotice)] == events


TELLING = [
    vendor
    for vendor in CATALOG.vendors()
    if any(quota.remaining or quota.used for quota in CATALOG.manifest(vendor).quota)
]
"""Vendors whose answers say how much is left; some say only how much there is."""


@pytest.mark.parametrize("vendor", TELLING)
async def test_the_vendors_own_quota_headers_are_understood(world: World, vendor: str) -> None:
    integration = world.register(next(way for way in WAYS if way.vendor == vendor))
    world.faults.add(Fault(kind=FaultKind.QUOTA_LOW, remaining=7))
    check = next(check for check in world.framework.checks(integration) if check.cost)

    await world.call(integration, check.action)

    (read,) = [q for q in world.executor.status(integration).quotas if q.remaining is not None]
    now = world.clock.time()
    assert read.remaining == 6
    assert read.limit is not None
    assert read.limit > 100
    if any(quota.reset for quota in CATALOG.manifest(vendor).quota):
        assert read.reset_at is not None
        assert 1 < read.reset_at - now <= 86_400


@pytest.mark.parametrize(
    ("vendor", "action", "params", "count"),
    [
        ("github", "issues.list", {"owner": "acme", "repo": "shop", "per_page": 20}, 42),
        ("slack", "conversations.list", {"limit": 3}, 4),
    ],
    ids=["Link header", "cursor"],
)
async def test_pages_are_followed_to_the_end(
    world: World, vendor: str, action: str, params: dict[str, object], count: int
) -> None:
    integration = world.register(next(way for way in WAYS if way.vendor == vendor))

    outcome = await world.framework.execute_integration(integration, action, {**params, "_pages": 10})

    assert outcome.ok, outcome.detail
    assert isinstance(outcome.data, dict)
    assert (len(outcome.data["items"]), outcome.data["more"]) == (count, False)
