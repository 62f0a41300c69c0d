"""Wrong manifests of every vendor: each is refused with its place, or works."""

import random
import time

import pytest

from integrations.manifest.loading import Catalog
from tests.fakes.wrong_manifests import Tried, try_one
from tests.fuzz.conftest import Covered

SECONDS, MOST, ENOUGH = 90.0, 60.0, 50
"""Of all vendors together, and of one that has not yet been tried often enough."""

VENDORS = Catalog.bundled().vendors()


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_wrong_manifest_is_refused_or_works(vendor: str, covered: Covered) -> None:
    rng, tried = random.Random(vendor), Tried()
    began = time.monotonic()

    while (spent := time.monotonic() - began) < MOST:
        if spent > SECONDS / len(VENDORS) and tried.refused > ENOUGH and tried.built > ENOUGH:
            break
        try_one(vendor, rng, tried)

    covered(f"manifests of {vendor}: {tried}")
    assert tried.refused > ENOUGH
    assert tried.built > ENOUGH
    assert tried.slowest < 2.0
