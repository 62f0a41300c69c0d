"""The bundled canaries, through the framework against the simulator: what they make is gone afterwards."""

from functools import partial

import msgspec
import pytest

from integrations.canaries import MARK, CanaryOrder, CanaryResult, ordered, run_canary
from integrations.connection import CanaryPolicy, CheckPolicy
from integrations.execution.outcome import FailureKind, Origin
from integrations.simulator.faults import Fault, FaultKind
from tests.fakes.clock import VIRTUAL_TIME
from tests.fakes.simulated import CATALOG, Way, World

GIVEN = {
    "alertmanager": {},
    "datadog": {},
    "docker": {},
    "github": {"owner": "acme", "repo": "shop"},
    "gitlab": {"project": "278964"},
    "grafana": {},
    "opsgenie": {},
    "pagerduty": {"service": "PIJ90N7", "from": "ada@shop.example"},
    "salesforce": {},
    "servicenow": {"table": "u_dialtone_canary"},
    "slack": {"channel": "C0GENERAL1"},
}
BIRDS = [vendor for vendor in CATALOG.vendors() if CATALOG.manifest(vendor).canaries and vendor in GIVEN]


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


def hatch(world: World, vendor: str) -> CanaryOrder:
    """Register the vendor with its canary switched on."""
    world.register(Way(vendor, next(iter(CATALOG.manifest(vendor).auth))))
    connection = world.framework.integration(vendor).connection
    canary = CanaryPolicy(enabled=True, config=GIVEN[vendor])
    world.framework.register_integration(
        msgspec.structs.replace(connection, check=CheckPolicy(canary=canary))
    )
    (order,) = ordered(world.framework.integrations())
    return order


async def fly(world: World, order: CanaryOrder) -> CanaryResult:
    run = partial(world.framework.execute_integration, order.integration, origin=Origin.CHECK)
    return await run_canary(order, partial(run, timeout=10.0))


@pytest.mark.parametrize("vendor", BIRDS)
async def test_a_canary_makes_something_with_a_clear_name_and_takes_it_back(vendor: str) -> None:
    world = World()

    result = await fly(world, hatch(world, vendor))

    assert (result.outcome.kind, result.leftovers) == (None, 0)
    assert any(MARK.encode() in answer.request.content for answer in world.answers)
    assert all(answer.status_code < 300 for answer in world.answers)


@pytest.mark.parametrize("vendor", BIRDS)
async def test_a_cleanup_that_the_vendor_fails_is_counted(vendor: str) -> None:
    world = World()
    order = hatch(world, vendor)
    last = order.canary.cleanup[-1].action
    world.faults.add(Fault(kind=FaultKind.SERVER_ERROR, vendor=vendor, action=last))

    result = await fly(world, order)

    assert result.outcome.ok
    assert result.leftovers == 1


@pytest.mark.parametrize("vendor", BIRDS)
async def test_a_vendor_that_refuses_to_write_is_seen(vendor: str) -> None:
    world = World()
    order = hatch(world, vendor)
    first = order.canary.steps[0].action
    world.faults.add(Fault(kind=FaultKind.FORBIDDEN, vendor=vendor, action=first))

    result = await fly(world, order)

    assert result.outcome.kind is FailureKind.FORBIDDEN
    assert (result.action, result.leftovers) == (first, 0)
