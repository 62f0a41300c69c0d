"""Validates GraphQL documents against a service's schema, and says what they ask for and are answered."""

import hashlib
from typing import NamedTuple

import graphql

from integrations.manifest.contract import Operation, Parameter
from integrations.manifest.schema import Action
from tests.contract import clients
from tests.contract.described import ContractError, Description, Schema

_SCALARS = {"Int": "integer", "Float": "number", "Boolean": "boolean", "String": "string", "ID": "string"}


class Asked(NamedTuple):
    """A document that is valid: the lock's fact of it, and the JSON Schema of its answer."""

    fact: Operation
    answer: Schema


def read(text: str) -> Description:
    """A service's schema. Vendors' schemas may break rules on directives, so it is taken as it is."""
    schema = graphql.build_schema(text, assume_valid=True)
    return Description({}, draft4=False, schema=schema)


def asked(description: Description, action: Action, key: str) -> Asked:
    """What an action's document asks for.

    Raises:
        ContractError: when it is not valid, or its one operation is not named `key`.
    """
    if isinstance(description.schema, clients.ClientDocuments):
        return Asked(*clients.asked(description.schema, action, key))
    schema = _schema(description)
    operation = _operation(schema, action, key)
    root = {"query": schema.query_type, "mutation": schema.mutation_type}.get(operation.operation.value)
    if root is None:
        raise ContractError(f"{key}: the service has no {operation.operation.value}")
    variables = {
        one.variable.name.value: Parameter(
            place="variable",
            required=isinstance(one.type, graphql.NonNullTypeNode) and one.default_value is None,
            type=graphql.print_ast(one.type),
        )
        for one in (operation.variable_definitions or ())
    }
    data = _selected(schema, root, operation.selection_set)
    fact = Operation(
        kind="contract",
        method="POST",
        path=action.path,
        parameters=variables,
        document=hashlib.sha256(action.graphql.encode()).hexdigest(),
        fields=tuple(one.name.value for one in operation.selection_set.selections if _is_field(one)),
    )
    return Asked(fact, {"type": "object", "required": ["data"], "properties": {"data": data}})


def problems(description: Description, action: Action, key: str, sent: dict[str, object]) -> list[str]:
    """What the schema has against the variables of a request that is really sent."""
    if sent.get("query") != action.graphql:
        return ["the document is not the one that was validated"]
    if isinstance(description.schema, clients.ClientDocuments):
        return clients.problems(description.schema, action, key, sent)
    schema = _schema(description)
    operation = _operation(schema, action, key)
    found = graphql.get_variable_values(schema, (operation.variable_definitions or ()), sent["variables"])
    names = {one.variable.name.value for one in (operation.variable_definitions or ())}
    unknown = [f"variable {name} is unknown" for name in sent["variables"] if name not in names]
    return unknown + ([error.message for error in found] if isinstance(found, list) else [])


def _schema(description: Description) -> graphql.GraphQLSchema:
    if not isinstance(description.schema, graphql.GraphQLSchema):
        raise ContractError("this contract has no GraphQL schema")
    return description.schema


def _operation(schema: graphql.GraphQLSchema, action: Action, key: str) -> graphql.OperationDefinitionNode:
    try:
        document = graphql.parse(action.graphql)
    except graphql.GraphQLError as error:
        raise ContractError(f"{key}: {error.message}") from error
    if errors := graphql.validate(schema, document):
        raise ContractError(f"{key}: " + "; ".join(error.message for error in errors))
    found = [one for one in document.definitions if isinstance(one, graphql.OperationDefinitionNode)]
    if len(found) != 1 or found[0].name is None or found[0].name.value != key:
        raise ContractError(f"{key}: the document must hold one operation, named {key}")
    return found[0]


def _is_field(node: object) -> bool:
    return isinstance(node, graphql.FieldNode)


def _selected(
    schema: graphql.GraphQLSchema, of: object, selection: graphql.SelectionSetNode | None
) -> Schema:
    """The JSON Schema of what is selected of a type; what stands in fragments is left open."""
    named = graphql.get_named_type(of)
    fields = named.fields if isinstance(named, graphql.GraphQLObjectType) else {}
    properties: Schema = {}
    for node in selection.selections if selection is not None else ():
        if isinstance(node, graphql.FieldNode) and node.name.value in fields:
            name = node.alias.value if node.alias is not None else node.name.value
            properties[name] = _typed(schema, fields[node.name.value].type, node)
    return {"type": "object", "properties": properties, "required": list(properties)}


def _typed(schema: graphql.GraphQLSchema, of: object, node: graphql.FieldNode) -> Schema:
    if isinstance(of, graphql.GraphQLNonNull):
        return _without_null(_typed(schema, of.of_type, node))
    if isinstance(of, graphql.GraphQLList):
        return {"type": ["array", "null"], "items": _typed(schema, of.of_type, node)}
    if isinstance(of, graphql.GraphQLScalarType):
        word = _SCALARS.get(of.name)
        return {"type": [word, "null"]} if word else {}
    if isinstance(of, graphql.GraphQLEnumType):
        return {"type": ["string", "null"]}
    if isinstance(of, graphql.GraphQLObjectType):
        return {**_selected(schema, of, node.selection_set), "type": ["object", "null"]}
    return {"type": ["object", "null"]}


def _without_null(schema: Schema) -> Schema:
    types = schema.get("type")
    return {**schema, "type": types[0]} if isinstance(types, list) else schema
