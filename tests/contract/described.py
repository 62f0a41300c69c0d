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


class ContractError(Exception):
    """A contract cannot be read as it is; it must be looked at, never skipped."""
