"""Mutations of manifests: each kind changes one fact, and the manifest's own checks are to notice.

What notices is loading, the lock, and building the requests that are really sent; with the published
contracts at hand those requests are validated as well.
"""

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from integrations.manifest.contract import verify
from integrations.manifest.hosts import ForeignHostError
from integrations.manifest.loading import manifest_of
from integrations.manifest.plain import read_yaml
from integrations.manifest.source import Document, SourceError
from tests.contract.build import request_problems
from tests.contract.described import ContractError, Description
from tests.contract.examples import examples
from tests.contract.locks import bundled

CATALOG = bundled()
FOLDER = Path(__file__).parents[2] / "integrations" / "catalog"

Data = dict[str, dict[str, dict[str, object]]]
Mutation = Callable[[Data], Iterator[Data]]


def whole(vendor: str) -> Data:
    """A vendor's manifest as it is written."""
    document = read_yaml((FOLDER / vendor / "manifest.yaml").read_text("utf-8"), name=vendor)
    return document.value


def each_action(data: Data, change: Callable[[dict, dict], bool]) -> Iterator[Data]:
    """The manifest once for each action that `change` finds something to do to."""
    for name in data["actions"]:
        changed = copy.deepcopy(data)
        if change(changed["actions"][name], changed):
            yield changed


def another_method(data: Data) -> Iterator[Data]:
    def change(action: dict, _: dict) -> bool:
        other = "PUT" if action.get("method") == "DELETE" else "DELETE"
        return not action.update(method=other)

    return each_action(data, change)


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


def another_place_of_what_is_returned(data: Data) -> Iterator[Data]:
    def move(action: dict, _: dict) -> bool:
        key = next((key for key in ("items", "output") if action.get(key)), "")
        return bool(key) and not action.update({key: action[key] + "_of_old"})

    return each_action(data, move)


def a_pointer_that_is_none(data: Data) -> Iterator[Data]:
    return each_action(data, lambda action, _: not action.update(output="data/items"))


def another_status(data: Data) -> Iterator[Data]:
    for index, rule in enumerate(data.get("errors", {}).get("rules", ())):
        if "status" in str(rule["when"]):
            changed = copy.deepcopy(data)
            changed["errors"]["rules"][index]["when"] = {"status": ["6xx"]}
            yield changed


def another_unit(data: Data) -> Iterator[Data]:
    """The unit of a wait, and of the moment at which a quota begins anew."""
    for index, place in enumerate(data.get("errors", {}).get("retry_after", ())):
        changed = copy.deepcopy(data)
        other = "milliseconds" if "milli" not in str(place.get("unit", "seconds")) else "seconds"
        changed["errors"]["retry_after"][index]["unit"] = other
        yield changed
    for index, quota in enumerate(data.get("quota", ())):
        if "reset" in quota:
            changed = copy.deepcopy(data)
            changed["quota"][index]["reset"]["unit"] = "number"
            yield changed


def another_unit_of_time(data: Data) -> Iterator[Data]:
    """One that is as likely: nothing but the vendor's page tells them apart."""
    for index, quota in enumerate(data.get("quota", ())):
        if "reset" in quota:
            changed = copy.deepcopy(data)
            reset = changed["quota"][index]["reset"]
            reset["unit"] = "seconds" if reset["unit"].startswith("epoch") else "epoch_seconds"
            yield changed


def another_constant_header(data: Data) -> Iterator[Data]:
    for name, text in data.get("headers", {}).items():
        changed = copy.deepcopy(data)
        changed["headers"].pop(name)
        changed["headers"][f"{name}-Old"] = text
        yield changed


def a_foreign_host(data: Data) -> Iterator[Data]:
    yield {**data, "hosts": ["elsewhere.example"]}


def an_example_of_another_type(data: Data) -> Iterator[Data]:
    wrong = {"string": 7, "integer": "seven", "number": "x", "boolean": "yes", "array": "x", "object": "x"}

    def change(action: dict, _: dict) -> bool:
        inputs = [one for one in action.get("input", {}).values() if one.get("type", "string") in wrong]
        return bool(inputs) and not inputs[-1].update(example=wrong[inputs[-1].get("type", "string")])

    return each_action(data, change)


def an_input_without_example(data: Data) -> Iterator[Data]:
    def drop(action: dict, _: dict) -> bool:
        inputs = [one for one in action.get("input", {}).values() if "example" in one]
        return bool(inputs) and inputs[0].pop("example") is not ...

    return each_action(data, drop)


def a_secret_that_is_never_used(data: Data) -> Iterator[Data]:
    for name, auth in data["auth"].items():
        changed = copy.deepcopy(data)
        changed["auth"][name]["secrets"] = {**auth.get("secrets", {}), "spare": {"title": "spare"}}
        yield changed


def an_unknown_page_rule(data: Data) -> Iterator[Data]:
    return each_action(data, lambda action, _: not action.update(paginate="no_such_rule"))


def a_number_without_its_pattern(data: Data) -> Iterator[Data]:
    for index, quota in enumerate(data.get("quota", ())):
        key = next((key for key in ("limit", "remaining", "used") if key in quota), "")
        if key:
            changed = copy.deepcopy(data)
            changed["quota"][index][key]["pattern"] = "no group"
            yield changed


MUTATIONS: list[Mutation] = [
    another_method, another_path, another_operation, no_such_operation, without_a_required_input,
    an_input_that_the_operation_does_not_know, an_input_renamed_on_the_wire, an_input_in_the_wrong_place,
    a_required_input_made_optional, without_capability, an_unknown_key, a_wrong_kind,
    an_unknown_template_name, another_contract, a_check_of_nothing, another_authentication,
    another_place_of_what_is_returned, a_pointer_that_is_none, another_status, another_unit, a_foreign_host,
    an_example_of_another_type, an_input_without_example, a_secret_that_is_never_used, an_unknown_page_rule,
    a_number_without_its_pattern, another_unit_of_time, another_constant_header,
]  # fmt: skip


class Tally(NamedTuple):
    """Of one kind of mutation on one vendor: how many there were, and how many nobody noticed."""

    vendor: str
    kind: str
    tried: int
    missed: int


def tally(vendor: str, *, most: int, described: dict[str, Description] | None = None) -> list[Tally]:
    """Try at most so many mutations of each kind on a vendor's manifest, from all over it."""
    return [_tally(vendor, mutation, most, described) for mutation in MUTATIONS]


def _tally(vendor: str, mutation: Mutation, most: int, described: dict[str, Description] | None) -> Tally:
    changed = list(mutation(whole(vendor)))
    chosen = changed[:: max(1, -(-len(changed) // most))]
    missed = sum(not is_caught(vendor, one, described) for one in chosen)
    return Tally(vendor, mutation.__name__, len(chosen), missed)


def is_caught(vendor: str, data: Data, described: dict[str, Description] | None = None) -> bool:
    """Whether anything notices that this is not the vendor's manifest as it should be."""
    try:
        manifest = manifest_of(Document(name="mutated", value=data, lines={}))
        if verify(manifest, CATALOG.lock(vendor)):
            return True
        for _ in examples(manifest):
            pass
        return described is not None and bool(request_problems(manifest, described))
    except (SourceError, ContractError, ForeignHostError, ValueError, KeyError):
        return True


def report(tallies: list[Tally]) -> Iterator[str]:
    """The share that was caught, of all and of each kind that was not always caught."""
    tried, missed = sum(one.tried for one in tallies), sum(one.missed for one in tallies)
    share = (tried - missed) / tried
    yield f"{tried - missed} of {tried} mutations caught ({share:.1%}), {len(MUTATIONS)} kinds"
    for mutation in MUTATIONS:
        of_kind = [one for one in tallies if one.kind == mutation.__name__ and one.missed]
        if of_kind:
            where = ", ".join(f"{one.vendor} {one.missed} of {one.tried}" for one in of_kind)
            yield f"  {mutation.__name__} not noticed: {where}"
