"""What a published description says of an operation, in one form for all formats."""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

Schema = dict[str, object]
NOTHING: Mapping[str, Schema] = {}


class ContractError(Exception):
    """A contract cannot be read as it is; it must be looked at, never skipped."""


class DescribedParameter(NamedTuple):
    place: str
    required: bool
    schema: Schema


class DescribedOperation(NamedTuple):
    """`body` is the schema of a JSON body, or None; `others` those of other kinds (form, multipart, bytes).

    `security` are the words of a lock, `silent` the places that the description says nothing of. `answer` is
    the schema of a good answer's JSON.
    """

    method: str
    path: str
    parameters: dict[str, DescribedParameter]
    body: Schema | None
    body_required: bool
    security: tuple[str, ...]
    statuses: tuple[str, ...]
    others: Mapping[str, Schema] = NOTHING
    answer: Schema | None = None
    silent: tuple[str, ...] = ()

    def body_of(self, kind: str) -> Schema | None:
        """The schema of a body that is sent as json, form, multipart, text or bytes."""
        if kind in ("text", "bytes"):
            return self.others.get("bytes", self.body)
        return self.others.get(kind, self.body)


class Operations(Mapping[str, DescribedOperation]):
    """Operations by id and by `METHOD /path`, each read when it is first asked for: a description may hold a
    thousand, of which a manifest uses ten.
    """

    def __init__(self, readers: Mapping[str, Callable[[], DescribedOperation]]) -> None:
        self._readers = readers
        self._read: dict[str, DescribedOperation] = {}

    def __getitem__(self, key: str) -> DescribedOperation:
        if key not in self._read:
            self._read[key] = self._readers[key]()
        return self._read[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._readers)

    def __len__(self) -> int:
        return len(self._readers)


class Description(NamedTuple):
    """A whole contract; `draft4` says which JSON Schema its schemas are. `schema` is that of a GraphQL
    service, whose documents are validated one by one.
    """

    operations: Mapping[str, DescribedOperation]
    draft4: bool
    schema: object = None


def fields_of(body: Schema | None, definitions: Schema | None = None) -> Schema:
    """What a body's schemas say of its fields together: `properties`, `required`, and whether it is `open`.

    Of alternatives all fields are known, and those are required that each of them requires.
    """
    body = body or {}
    definitions = definitions if definitions is not None else body.get("definitions", {})
    if isinstance(ref := body.get("$ref"), str):
        return fields_of(definitions[ref.removeprefix("#/definitions/")], definitions)
    properties = dict(body.get("properties", {}))
    required = set(body.get("required", ()))
    is_open = body.get("additionalProperties") not in (None, False)
    for part in body.get("allOf", ()):
        fields = fields_of(part, definitions)
        properties |= fields["properties"]
        required |= set(fields["required"])
    choices = [one for word in ("anyOf", "oneOf") for one in body.get(word, ()) if one != {"type": "null"}]
    each = [fields_of(one, definitions) for one in choices]
    for fields in each:
        properties |= fields["properties"]
        is_open = is_open or fields["open"]
    if each:
        required |= set.intersection(*(set(fields["required"]) for fields in each))
    return {"properties": properties, "required": sorted(required), "open": is_open or not properties}
