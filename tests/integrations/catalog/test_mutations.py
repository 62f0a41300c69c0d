"""Every mutation of a manifest must be caught, by its loading or against its lock."""

import copy
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from integrations.manifest.contract import evidence, verify
from integrations.manifest.loading import manifest_of
from integrations.manifest.plain import read_yaml
from integrations.manifest.source import Document, SourceError
from tests.fakes.framework import CATALOG

FOLDER = Path(__file__).parents[3] / "integrations" / "catalog"
VENDORS = [vendor for vendor in CATALOG.vendors() if CATALOG.lock(vendor).operations]

Data = dict[str, dict[str, dict[str, object]]]
Mutation = Callable[[Data], Iterator[Data]]


def mutated(vendor: str) -> Data:
    document = read_yaml((FOLDER / vendor / "manifest.yaml").read_text("utf-8"), name=vendor)
    return document.value


def each_action(data: Data, change: Callable[[dict, dict], bool]) -> Iterator[Data]:
    """The manifest once for each action that `change` finds something to do to."""
    for name in data["actions"]:
        changed = copy.deepcopy(data)
        if change(changed["actions"][name], changed):
            yield changed


def another_method(data: Data) -> Iterator[Data]:
    return each_action(data, lambda action, _: bool(action.update(method="DELETE") or True))


def another_path(data: Data) -> Iterator[Data]:
    return each_action(data, lambda action, _: bool(action.update(path=action["path"] + "s") or True))


def another_operation(data: Data) -> Iterator[Data]:
    operations = [action["operation"] for action in data["actions"].values()]
    return each_action(
        data,
        lambda action, _: bool(
            action.update(operation=operations[operations.index(action["operation"]) - 1]) or True
        ),
    )


def no_such_operation(data: Data) -> Iterator[Data]:
    return each_action(
        data, lambda action, _: bool(action.update(operation=action["operation"] + "x") or True)
    )


def without_a_required_input(data: Data) -> Iterator[Data]:
    def drop(action: dict, _: dict) -> bool:
        names = [
            name
            for name, one in action.get("input", {}).items()
            if _is_required_by_contract(data["id"], action["operation"], one.get("name", name), one)
        ]
        return bool(names) and action["input"].pop(names[0]) is not None

    return each_action(data, drop)


def an_input_that_the_operation_does_not_know(data: Data) -> Iterator[Data]:
    return each_action(
        data, lambda action, _: bool(action.setdefault("input", {}).update(bogus={"in": "query"}) or True)
    )


def an_input_renamed_on_the_wire(data: Data) -> Iterator[Data]:
    def rename(action: dict, _: dict) -> bool:
        names = [name for name, one in action.get("input", {}).items() if one["in"] != "path"]
        return bool(names) and not action["input"][names[0]].update(name="renamed")

    return each_action(data, rename)


def an_input_in_the_wrong_place(data: Data) -> Iterator[Data]:
    def move(action: dict, _: dict) -> bool:
        names = [name for name, one in action.get("input", {}).items() if one["in"] in ("query", "body")]
        return bool(names) and not action["input"][names[0]].update({"in": "header"})

    return each_action(data, move)


def a_required_input_made_optional(data: Data) -> Iterator[Data]:
    required = {
        (name, key)
        for name, action in data["actions"].items()
        for key, one in action.get("input", {}).items()
        if one.get("required")
        and _is_required_by_contract(data["id"], action["operation"], one.get("name", key), one)
    }
    for name, key in sorted(required):
        changed = copy.deepcopy(data)
        changed["actions"][name]["input"][key]["required"] = False
        yield changed


def _is_required_by_contract(vendor: str, operation: str, wire: str, one: dict) -> bool:
    wire = f"{wire}[]" if one.get("style") == "brackets" else wire
    known = CATALOG.lock(vendor).operations[operation].parameters.get(wire)
    return known is not None and known.required


def without_capability(data: Data) -> Iterator[Data]:
    for name, actions in data["capabilities"].items():
        changed = copy.deepcopy(data)
        changed["capabilities"][name] = actions[1:]
        yield changed


def an_unknown_key(data: Data) -> Iterator[Data]:
    return each_action(data, lambda action, _: bool(action.update(retries=3) or True))


def a_wrong_kind(data: Data) -> Iterator[Data]:
    return each_action(data, lambda action, _: bool(action.update(effect="reed") or True))


def an_unknown_template_name(data: Data) -> Iterator[Data]:
    yield {**data, "base_url": "{config.base}"}
    yield {**data, "base_url": "{config.base_url|rot13}"}


def another_contract(data: Data) -> Iterator[Data]:
    changed = copy.deepcopy(data)
    first = next(iter(changed["contracts"].values()))
    first["source"] = "elsewhere.json"
    yield changed


def a_check_of_nothing(data: Data) -> Iterator[Data]:
    for change in ({"action": "nothing"}, {"capability": "nothing"}, {"params": {"nothing": 1}}):
        changed = copy.deepcopy(data)
        changed["health"][0].update(change)
        yield changed


def another_authentication(data: Data) -> Iterator[Data]:
    """Only where the contract states one."""
    if any(fact.security for fact in CATALOG.lock(data["id"]).operations.values()):
        secrets = {"username": {"title": "u"}, "password": {"title": "p"}}
        yield {**data, "auth": {"basic": {"kind": "basic", "secrets": secrets}}}


MUTATIONS: list[Mutation] = [
    another_method,
    another_path,
    another_operation,
    no_such_operation,
    without_a_required_input,
    an_input_that_the_operation_does_not_know,
    an_input_renamed_on_the_wire,
    an_input_in_the_wrong_place,
    a_required_input_made_optional,
    without_capability,
    an_unknown_key,
    a_wrong_kind,
    an_unknown_template_name,
    another_contract,
    a_check_of_nothing,
    another_authentication,
]


def is_caught(vendor: str, data: Data) -> bool:
    try:
        manifest = manifest_of(Document(name="mutated", value=data, lines={}))
    except SourceError as error:
        return bool(error.problems)
    return bool(verify(manifest, CATALOG.lock(vendor)))


@pytest.mark.parametrize("vendor", VENDORS)
def test_the_unchanged_manifest_is_not_caught(vendor: str) -> None:
    assert not is_caught(vendor, mutated(vendor))


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.__name__)
@pytest.mark.parametrize("vendor", VENDORS)
def test_every_mutation_is_caught(vendor: str, mutation: Mutation) -> None:
    missed = [changed for changed in mutation(mutated(vendor)) if not is_caught(vendor, changed)]

    assert missed == []


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.__name__)
def test_every_mutation_finds_something_to_change(mutation: Mutation) -> None:
    assert any(True for vendor in VENDORS for _ in mutation(mutated(vendor)))


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_fact_of_no_file_is_caught_and_shown_without_a_date(vendor: str) -> None:
    manifest, lock = CATALOG.manifest(vendor), CATALOG.lock(vendor)
    forged = msgspec.structs.replace(lock, sources={})

    said = [finding.text for finding in verify(manifest, forged) if finding.action]

    assert any("is of no file" in text for text in said)
    assert {one.date for one in evidence(manifest, forged) if one.kind == "vendor contract"} == {""}
