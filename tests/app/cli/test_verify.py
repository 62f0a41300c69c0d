"""`dialtone verify` tells how every vendor stands."""

import json

from click.testing import CliRunner

from app.cli import main
from app.commands.verify import facts_of
from integrations.manifest.contract import Lock
from integrations.manifest.grades import GRADES
from tests.fakes.framework import CATALOG


def test_the_json_names_every_vendor_with_grade_counts_and_evidence() -> None:
    result = CliRunner().invoke(main, ["verify", "--json"])

    told = {one["vendor"]: one for one in json.loads(result.stdout)["vendors"]}
    assert set(told) == set(CATALOG.vendors())
    for vendor, one in told.items():
        assert sum(one["actions"].values()) == len(CATALOG.manifest(vendor).actions)
        assert one["grade"] in (*GRADES, "none")
        assert one["checks"] == len(CATALOG.manifest(vendor).health)
        assert one["evidence"]


def test_the_table_ends_with_how_many_actions_rest_on_what() -> None:
    result = CliRunner().invoke(main, ["verify"])

    total = sum(len(CATALOG.manifest(vendor).actions) for vendor in CATALOG.vendors())
    assert f"{total} actions: " in result.stdout
    assert " by contract, " in result.stdout
    assert all(
        word in result.stdout for word in ("GRADE", "CHECKS", "WEBHOOKS", "EVIDENCE", *CATALOG.vendors())
    )


def test_of_one_vendor_what_is_lacking_is_told_too() -> None:
    result = CliRunner().invoke(main, ["verify", "http"])

    assert "Lacking for silver: an operation in the lock for every action" in result.stderr


def test_what_does_not_agree_is_told_and_gives_no_grade() -> None:
    facts = facts_of(CATALOG.manifest("slack"), Lock())

    assert facts.grade == "none"
    assert any("is not in the lock" in text for text in facts.differences)


def test_real_servers_are_evidence() -> None:
    facts = facts_of(CATALOG.manifest("prometheus"), CATALOG.lock("prometheus"))

    assert any(text.startswith("real server 2026-11-22 (Prometheus") for text in facts.evidence)
