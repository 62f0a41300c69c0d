"""What a published description says of an operation, in one form for all formats."""

from typing import NamedTuple

Schema = dict[str, object]


class DescribedParameter(NamedTuple):
    place: str
    required: bool
    schema: Schema


class DescribedOperation(NamedTuple):
    """`body` is the schema of a JSON body, or None; `security` are the words of a lock."""

    method: str
    path: str
    parameters: dict[str, DescribedParameter]
    body: Schema | None
    body_required: bool
    security: tuple[str, ...]
    statuses: tuple[str, ...]


class Description(NamedTuple):
    """A whole contract; `draft4` says which JSON Schema its schemas are."""

    operations: dict[str, DescribedOperation]
    draft4: bool


def fields_of(body: Schema | None) -> Schema:
    """The schema that names a body's fields, where it may also be null or is referred to."""
    body = body or {}
    for choice in body.get("anyOf", []):
        if choice != {"type": "null"}:
            return fields_of({**choice, "definitions": body.get("definitions", {})})
    if isinstance(ref := body.get("$ref"), str):
        found = body["definitions"][ref.removeprefix("#/definitions/")]
        return fields_of({**found, "definitions": body["definitions"]})
    return body


class ContractError(Exception):
    """A contract cannot be read as it is; it must be looked at, never skipped."""
