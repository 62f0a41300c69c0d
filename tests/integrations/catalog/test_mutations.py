"""Mutations of a manifest must be noticed: by its loading, its lock, or when its requests are built."""

import functools
import sys

import msgspec
import pytest

from integrations.manifest.contract import evidence, verify
from tests.contract.mutations import MUTATIONS, Tally, is_caught, report, tally, whole
from tests.fakes.framework import CATALOG

VENDORS = [vendor for vendor in CATALOG.vendors() if CATALOG.lock(vendor).operations]
GOAL = 0.95
LEAST = 0.8
MOST = 3
"""Mutations of a kind on a vendor; `make contracts` tries them all."""


@functools.cache
def tallies(vendor: str) -> list[Tally]:
    return tally(vendor, most=MOST)


@pytest.mark.parametrize("vendor", VENDORS)
def test_the_unchanged_manifest_is_not_caught(vendor: str) -> None:
    assert not is_caught(vendor, whole(vendor))


@pytest.mark.parametrize("vendor", VENDORS)
def test_most_mutations_of_a_vendor_are_caught(vendor: str) -> None:
    """What a description is silent of, or is the vendor's word alone (a unit, a header), goes unnoticed."""
    found = tallies(vendor)
    tried, missed = sum(one.tried for one in found), sum(one.missed for one in found)

    assert (tried - missed) / tried >= LEAST, "\n".join(report(found))


def test_the_goal_is_met_over_all_vendors_and_kinds(capsys: pytest.CaptureFixture[str]) -> None:
    found = [one for vendor in VENDORS for one in tallies(vendor)]
    tried, missed = sum(one.tried for one in found), sum(one.missed for one in found)

    with capsys.disabled():
        sys.stdout.write("\n" + "\n".join(report(found)) + "\n")

    assert len(MUTATIONS) >= 15
    assert (tried - missed) / tried >= GOAL


def test_every_kind_of_mutation_finds_something_to_change() -> None:
    tried = {one.kind for vendor in VENDORS for one in tallies(vendor) if one.tried}

    assert {mutation.__name__ for mutation in MUTATIONS} - tried == set()


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_fact_of_no_file_is_caught_and_shown_without_a_date(vendor: str) -> None:
    manifest, lock = CATALOG.manifest(vendor), CATALOG.lock(vendor)
    forged = msgspec.structs.replace(lock, sources={})

    said = [finding.text for finding in verify(manifest, forged) if finding.action]

    assert any("is of no file" in text for text in said)
    assert {one.date for one in evidence(manifest, forged) if one.kind.endswith("contract")} == {""}
