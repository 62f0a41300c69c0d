import copy
from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from integrations.manifest.contract import Lock, LockedSource, Operation, Parameter, verify
from integrations.manifest.loading import load_manifest
from tests.integrations.manifest.test_loading import GOOD

DOCUMENT = "query Find($filter: Filter!) { things(filter: $filter) { id } }"


def found(inputs: Mapping[str, Mapping[str, object]], *, wanted: Parameter) -> list[str]:
    """What is said of a GraphQL action with these inputs, whose contract knows the variable `filter`."""
    data: dict[str, Any] = copy.deepcopy(GOOD)
    data["actions"]["find"] = {
        "title": "find",
        "effect": "read",
        "operation": "docs:Find",
        "method": "POST",
        "path": "/graphql",
        "graphql": DOCUMENT,
        "input": {name: {"in": "variable", **declared} for name, declared in inputs.items()},
    }
    data["contracts"]["docs"] = {"kind": "docs", "evidence": "vendor docs"}
    data["capabilities"]["read"].append("find")
    manifest = load_manifest(yaml.safe_dump(data, sort_keys=False), name="x/manifest.yaml")
    operation = Operation(
        kind="docs",
        page="https://x.example/docs",
        date="2026-11-22",
        method="POST",
        path="/graphql",
        parameters={"filter": wanted},
    )
    lock = Lock(
        sources={"rest": LockedSource(source="x/api.json", sha256="", revision="", date="2026-11-22")},
        operations={"docs:Find": operation},
    )
    return [finding.text for finding in verify(manifest, lock) if finding.action == "find"]


NEEDED = Parameter(place="variable", type="Filter!", required=True)
NAME = {"to": "/filter/name", "required": True}
STATE = {"to": "/filter/state"}


@pytest.mark.parametrize(
    "inputs",
    [{"name": NAME, "state": STATE}, {"state": STATE, "name": NAME}],
    ids=["the required one first", "the required one last"],
)
def test_of_several_inputs_of_one_variable_one_has_to_be_there(
    inputs: Mapping[str, Mapping[str, object]],
) -> None:
    assert found(inputs, wanted=NEEDED) == []


def test_several_inputs_of_which_none_has_to_be_there_are_told() -> None:
    said = found({"name": {**NAME, "required": False}, "state": STATE}, wanted=NEEDED)
    assert said == [
        "input name is optional, docs:Find requires filter",
        "input state is optional, docs:Find requires filter",
    ]


def test_each_of_several_inputs_is_judged() -> None:
    wanted = Parameter(place="variable", type="[String!]!", required=True)
    names = {"name": "filter", "type": "string", "required": True}
    inputs: dict[str, Mapping[str, object]] = {"names": names, "state": STATE}
    assert found(inputs, wanted=wanted) == ["input names is string, docs:Find wants [String!]! in filter"]
    unknown = found({"a": {"to": "/other/a"}, "b": {"to": "/other/b"}, "name": NAME}, wanted=NEEDED)
    assert unknown == [
        "input a goes to variable other, which docs:Find does not know",
        "input b goes to variable other, which docs:Find does not know",
    ]
