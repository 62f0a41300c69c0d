"""Wrong copies of every vendor's manifest: refused with their place, or they work."""

import random

import pytest

from integrations.manifest.loading import Catalog
from tests.fakes.wrong_manifests import Tried, try_one

LEAST, MOST, ENOUGH = 40, 1_000, 10
"""How many are tried: of a manifest in which every word counts, few that are wrong load at all."""


@pytest.mark.parametrize("vendor", Catalog.bundled().vendors())
def test_a_wrong_manifest_is_refused_with_its_place_or_works(vendor: str) -> None:
    rng, tried = random.Random(vendor), Tried()

    for number in range(MOST):
        try_one(vendor, rng, tried)
        if number >= LEAST and tried.refused > ENOUGH and tried.built > ENOUGH:
            return

    pytest.fail(f"{MOST} wrong manifests, and yet: {tried}")
