"""Prices that a configuration declares."""

import pytest

from integrations.connection import Connection, Cost
from integrations.cost import check_cost
from integrations.errors import ConfigurationError
from integrations.manifest.loading import Catalog


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ({"per_call": 1.0}, "currency"),
        ({"currency": "USD"}, "per_call"),
        ({"currency": "usd", "per_call": 1.0}, "three capital letters"),
        ({"currency": "USD", "per_call": -0.1}, "at least 0"),
        ({"currency": "USD", "actions": {"get": float("nan")}}, "at least 0"),
        ({"currency": "USD", "actions": {"get": float("inf")}}, "at least 0"),
    ],
)
def test_what_is_no_price_is_refused(given: dict[str, object], key: str) -> None:
    with pytest.raises(ValueError, match=key):
        Cost(**given)


def test_a_price_of_nothing_is_a_price() -> None:
    assert Cost(currency="USD", per_call=0.0).per_call == 0.0


def test_a_price_of_an_action_that_the_vendor_does_not_have_names_the_nearest() -> None:
    manifest = Catalog.bundled().manifest("prometheus")
    connection = Connection(
        id="metrics", vendor="prometheus", cost=Cost(currency="USD", actions={"qeury": 1.0})
    )

    with pytest.raises(ConfigurationError, match=r"cost\.actions: found 'qeury'.*did you mean query\?"):
        check_cost(connection, manifest)
