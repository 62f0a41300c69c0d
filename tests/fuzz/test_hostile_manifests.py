"""Wrong manifests of every vendor: each is refused with its place, or works."""

import random
import time

import pytest

from integrations.manifest.loading import Catalog
from tests.fakes.wrong_manifests import Tried, try_one
from tests.fuzz.conftest import Covered

SECONDS = 8.0
VENDORS = Catalog.bundled().vendors()


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_wrong_manifest_is_refused_or_works(vendor: str, covered: Covered) -> None:
    rng, tried = random.Random(vendor), Tried()
    end = time.monotonic() + SECONDS

    while time.monotonic() < end:
        try_one(vendor, rng, tried)

    covered(f"manifests of {vendor}: {tried}")
    assert tried.refused > 50
    assert tried.built > 50
    assert tried.slowest < 2.0
