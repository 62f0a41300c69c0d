"""Actions of one method and path, which the constant part of their body tells apart."""

import pytest

from integrations.execution.outcome import FailureKind
from tests.fakes.clock import VIRTUAL_TIME
from tests.fakes.simulated import CATALOG, WAYS, World


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


@pytest.mark.parametrize(
    ("vendor", "auth", "action"),
    [
        ("pagerduty", "events", "events.trigger"),
        ("pagerduty", "events", "events.acknowledge"),
        ("pagerduty", "events", "events.resolve"),
        ("pagerduty", "token", "incidents.update"),
        ("pagerduty", "token", "incidents.resolve"),
        ("github", "token", "issues.close"),
    ],
)
async def test_each_is_counted_under_its_own_name(vendor: str, auth: str, action: str) -> None:
    world = World()
    integration = world.register(next(way for way in WAYS if (way.vendor, way.auth) == (vendor, auth)))

    outcome = await world.call(integration, action)

    asked = {name for (_, _, name, _), count in world.simulator.seen.items() if count and name}
    await world.executor.aclose()
    assert outcome.ok, outcome.detail
    # An update to what another action always sends is what that action does.
    same = {"incidents.update": "incidents.acknowledge"}
    assert asked == {same.get(action, action)}


async def test_a_wrong_integration_key_is_refused_though_it_stands_in_the_body() -> None:
    world = World()
    way = next(way for way in WAYS if (way.vendor, way.auth) == ("pagerduty", "events"))

    outcome = await world.call(world.register(way, spoilt=True), "events.trigger")

    await world.executor.aclose()
    assert outcome.kind is FailureKind.UNAUTHORIZED
    assert CATALOG.manifest("pagerduty").auth["events"].secrets.keys() == {"routing_key"}
