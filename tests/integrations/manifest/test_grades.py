"""Grades follow their rules, and say what is lacking."""

from pathlib import Path

import msgspec
import pytest

from integrations.manifest.contract import Lock, Operation, RealServer
from integrations.manifest.grades import GRADES, assess
from integrations.manifest.schema import Manifest
from tests.fakes.framework import CATALOG

REPOSITORY = Path(__file__).parents[3]
SERVER = RealServer(server="Acme 1", date="2026-01-01", test="tests/real/test_acme.py")
FACT = Operation(kind="docs", method="GET", path="/me", page="https://a", date="2026-01-01")


def manifest_with(**parts: object) -> Manifest:
    whole = {
        "manifest": 1, "id": "acme", "version": "1", "vendor": {"name": "Acme", "docs": ""},
        "base_url": "https://h", "hosts": ["h"], "auth": {"none": {"kind": "none"}},
        "contracts": {"api": {"kind": "docs", "evidence": "vendor docs"}},
        "actions": {"me": {"title": "me", "effect": "read", "operation": "api:me", "path": "/me"}},
        "capabilities": {"read": ["me"]}, "health": [{"action": "me", "capability": "read"}],
        "errors": {"message": "/error"},
        "absent": {"limits": "none", "webhooks": "none", "status_page": "none"},
    }  # fmt: skip
    return msgspec.convert({**whole, **parts}, Manifest)


LOCK = Lock(operations={"api:me": FACT}, tested=(SERVER,))


def test_a_vendor_with_everything_is_platinum() -> None:
    assert assess(manifest_with(), LOCK) == ("platinum", "platinum", ())


@pytest.mark.parametrize(
    ("parts", "grade", "lacking"),
    [
        ({"health": []}, "bronze", "a health check"),
        ({"errors": {}}, "silver", "`errors`"),
        ({"absent": {"webhooks": "x", "status_page": "x"}}, "silver", "`limits`"),
        ({"absent": {"limits": "x", "status_page": "x"}}, "silver", "`webhooks`"),
        ({"absent": {"limits": "x", "webhooks": "x"}}, "silver", "`status_page`"),
        ({"actions": {}, "capabilities": {}, "health": []}, "none", "a manifest with actions"),
    ],
)
def test_what_lacks_keeps_the_grade_down(parts: dict[str, object], grade: str, lacking: str) -> None:
    lock = LOCK if parts.get("actions") is None else Lock()

    found = assess(manifest_with(**parts), lock)

    assert found.grade == grade
    assert [text for text in found.lacking if lacking in text]


def test_a_vendor_without_a_real_server_is_gold() -> None:
    assert assess(manifest_with(), Lock(operations={"api:me": FACT})).grade == "gold"


def test_a_manifest_that_does_not_agree_has_no_grade() -> None:
    wrong = Lock(operations={"api:me": msgspec.structs.replace(FACT, path="/you")}, tested=(SERVER,))

    assert assess(manifest_with(), wrong).grade == "none"


def test_reading_and_writing_in_one_capability_is_not_gold() -> None:
    one = {"title": "x", "effect": "read", "operation": "api:me", "path": "/me"}
    actions = {"me": one, "change": {**one, "effect": "write"}}

    found = assess(manifest_with(actions=actions, capabilities={"read": ["me", "change"]}), LOCK)

    assert found.grade == "silver"


@pytest.mark.parametrize("vendor", CATALOG.vendors())
def test_the_test_that_a_lock_names_is_there(vendor: str) -> None:
    assert all((REPOSITORY / one.test).is_file() for one in CATALOG.lock(vendor).tested)


def test_the_docs_tell_every_grade() -> None:
    text = (REPOSITORY / "docs" / "vendors.md").read_text("utf-8")

    assert all(f"| {grade} |" in text for grade in GRADES)
