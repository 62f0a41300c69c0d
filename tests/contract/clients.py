"""Documents that a vendor's own client sends, where the vendor publishes no GraphQL schema.

They prove less than a schema: that the service has the fields and variables which the client uses. A document
of ours must ask for nothing else.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import graphql

from integrations.manifest import pointers
from integrations.manifest.contract import Operation, Parameter
from integrations.manifest.schema import Action
from tests.contract.described import ContractError, Description, Schema

_HEAD = re.compile(r"^# pkg/(\w+)/\S+ (\w+)$", re.MULTILINE)

Selected = Mapping[str, graphql.FieldNode]


class ClientDocuments(NamedTuple):
    """The client's documents by `package/Name`: names repeat among its packages."""

    by_name: Mapping[str, str]


def read(text: str) -> Description:
    """A list of documents, each after a line `# pkg/PACKAGE/FILE NAME`."""
    parts = _HEAD.split(text)[1:]
    named = {
        f"{package}/{name}": document
        for package, name, document in zip(*(parts[at::3] for at in range(3)), strict=True)
    }
    if not named:
        raise ContractError("the list holds no documents")
    return Description({}, draft4=False, schema=ClientDocuments(named))


def asked(known: ClientDocuments, action: Action, key: str) -> tuple[Operation, Schema]:
    """The lock's fact of an action's document, and what is known of its answer.

    Raises:
        ContractError: when it asks for what the client's document `key` does not.
    """
    if key not in known.by_name:
        raise ContractError(f"the client has no document {key}")
    ours, theirs = _operation(action.graphql, key), _operation(known.by_name[key], key)
    if found := [*_variables(ours, theirs), *_beyond(ours, theirs)]:
        raise ContractError(f"{key}: " + "; ".join(found))
    types = _types(ours)
    fact = Operation(
        kind="contract",
        method="POST",
        path=action.path,
        parameters={
            name: Parameter(place="variable", required=text.endswith("!"), type=text)
            for name, text in types.items()
        },
        document=hashlib.sha256(action.graphql.encode()).hexdigest(),
        fields=tuple(_fields(ours.selection_set)),
    )
    way = list(pointers.parse(action.items or action.output))[1:]
    data = _answer(ours.selection_set, way)
    return fact, {"type": "object", "required": ["data"], "properties": {"data": data}}


def problems(known: ClientDocuments, action: Action, key: str, sent: Mapping[str, object]) -> list[str]:
    """What is wrong with the variables of a request that is really sent: their names, not their types."""
    types = _types(_operation(action.graphql, key))
    given = sent.get("variables")
    names = set(given) if isinstance(given, dict) else set()
    found = [f"variable {name} is unknown" for name in sorted(names - set(types))]
    found += [
        f"variable {name} is missing"
        for name, text in types.items()
        if text.endswith("!") and name not in names
    ]
    return found if key in known.by_name else [*found, f"the client has no document {key}"]


def _operation(text: str, key: str) -> graphql.OperationDefinitionNode:
    try:
        document = graphql.parse(text)
    except graphql.GraphQLError as error:
        raise ContractError(f"{key}: {error.message}") from error
    (operation,) = document.definitions
    if not isinstance(operation, graphql.OperationDefinitionNode):
        raise ContractError(f"{key}: the document must hold one operation")
    return operation


def _types(operation: graphql.OperationDefinitionNode) -> dict[str, str]:
    return {
        one.variable.name.value: graphql.print_ast(one.type) for one in operation.variable_definitions or ()
    }


def _variables(
    ours: graphql.OperationDefinitionNode, theirs: graphql.OperationDefinitionNode
) -> Iterator[str]:
    if ours.operation is not theirs.operation:
        yield f"it is a {ours.operation.value}, the client's a {theirs.operation.value}"
    mine, known = _types(ours), _types(theirs)
    for name, text in mine.items():
        if known.get(name) != text:
            yield f"variable {name} is {text}, the client's {known.get(name, 'has none')}"
    yield from (
        f"variable {name} is wanted" for name in known if known[name].endswith("!") and name not in mine
    )


def _fields(selection: graphql.SelectionSetNode | None) -> Selected:
    """The fields that are asked for, also those of some types only, by the name they are answered under."""
    found: dict[str, graphql.FieldNode] = {}
    for node in selection.selections if selection is not None else ():
        if isinstance(node, graphql.FieldNode):
            found[node.alias.value if node.alias is not None else node.name.value] = node
        elif isinstance(node, graphql.InlineFragmentNode):
            found = {**_fields(node.selection_set), **found}
    return found


def _beyond(ours: graphql.OperationDefinitionNode, theirs: graphql.OperationDefinitionNode) -> Iterator[str]:
    """What ours asks for and theirs does not, and arguments that it must give and does not."""
    needed = {f"${name}" for name, text in _types(theirs).items() if text.endswith("!")}

    def compare(
        mine: graphql.SelectionSetNode | None, other: graphql.SelectionSetNode | None, at: str
    ) -> Iterator[str]:
        known = {node.name.value: node for node in _fields(other).values()}
        for node in _fields(mine).values():
            place = f"{at}/{node.name.value}"
            match = known.get(node.name.value)
            if match is None:
                yield f"the client does not ask for {place}"
                continue
            if _given(node) - _given(match) or {
                one for one in _given(match) - _given(node) if one[1] in needed
            }:
                yield f"{place} is asked with other arguments"
            if (node.selection_set is None) is not (match.selection_set is None):
                yield f"{place} holds fields, or holds none"
            yield from compare(node.selection_set, match.selection_set, place)

    yield from compare(ours.selection_set, theirs.selection_set, "")


def _given(node: graphql.FieldNode) -> set[tuple[str, str]]:
    return {(one.name.value, graphql.print_ast(one.value)) for one in node.arguments or ()}


def _answer(selection: graphql.SelectionSetNode | None, way: list[str]) -> Schema:
    """All that is asked for is answered; of what type is known only where the action goes on through it."""
    named = _fields(selection)
    properties: Schema = {
        name: _answer(node.selection_set, way[1:]) if way[1:] and name == way[0] else {}
        for name, node in named.items()
    }
    return {"type": ["object", "null"], "properties": properties, "required": list(properties)}
