"""Where actions ask, by their manifests: a place that requests may go to, without a secret."""

import httpx
import pytest

from integrations.action_path import Place, action_path, action_place
from tests.fakes.framework import CATALOG, SECRET, connection_for, framework_for


@pytest.mark.parametrize("vendor", CATALOG.vendors())
def test_every_action_has_a_place_that_its_integration_may_ask(vendor: str) -> None:
    framework = framework_for(lambda _: httpx.Response(200))
    framework.register_integration(connection_for(CATALOG.manifest(vendor)))
    integration = framework.integration(f"{vendor}-test")
    for name, action in integration.manifest.actions.items():
        place = action_place(framework.integration, integration.id, name)
        assert place is not None, name
        assert place.method == action.method
        assert place.host
        assert place.port > 0
        assert SECRET.lower() not in place.host.lower()


def test_a_place_is_that_of_the_connection_s_own_address() -> None:
    framework = framework_for(lambda _: httpx.Response(200))
    manifest = CATALOG.manifest("prometheus")
    framework.register_integration(connection_for(manifest, config={"base_url": "http://prom.example:9090"}))
    place = action_place(framework.integration, "prometheus-test", next(iter(manifest.actions)))
    assert place == Place(manifest.actions[next(iter(manifest.actions))].method, "prom.example", 9090)


@pytest.mark.parametrize(("integration", "action"), [("gone", "x"), ("prometheus-test", "oauth.token")])
def test_what_no_manifest_states_has_neither_place_nor_path(integration: str, action: str) -> None:
    framework = framework_for(lambda _: httpx.Response(200))
    framework.register_integration(connection_for(CATALOG.manifest("prometheus")))
    assert action_place(framework.integration, integration, action) is None
    assert action_path(framework.integration, integration, action) == ""
