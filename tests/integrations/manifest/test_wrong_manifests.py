"""A hundred wrong copies of every vendor's manifest: refused with their place, or they work."""

import random

import pytest

from integrations.manifest.loading import Catalog
from tests.fakes.wrong_manifests import Tried, try_one


@pytest.mark.parametrize("vendor", Catalog.bundled().vendors())
def test_a_wrong_manifest_is_refused_with_its_place_or_works(vendor: str) -> None:
    rng, tried = random.Random(vendor), Tried()

    for _ in range(60):
        try_one(vendor, rng, tried)

    assert tried.refused > 10
    assert tried.built > 10
