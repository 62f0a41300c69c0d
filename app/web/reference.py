"""The OpenAPI description, put in order for the documentation page."""

from collections.abc import Iterator, Mapping

import msgspec


class ParameterView(msgspec.Struct, frozen=True, kw_only=True):
    """A value that goes into the path, the query or a header."""

    name: str
    place: str
    required: bool
    description: str
    choices: tuple[str, ...]


class AnswerView(msgspec.Struct, frozen=True, kw_only=True):
    """A status that an operation may answer with."""

    status: str
    description: str


class OperationView(msgspec.Struct, frozen=True, kw_only=True):
    """One operation, as it is shown and can be tried; `body` is an example, or empty."""

    id: str
    method: str
    path: str
    summary: str
    description: str
    parameters: tuple[ParameterView, ...]
    body: str
    answers: tuple[AnswerView, ...]


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """The operations of one tag."""

    name: str
    description: str
    operations: tuple[OperationView, ...]


class _Reader:
    """Looks into the untyped description; what is not there reads as empty."""

    def __init__(self, schema: Mapping[str, object]) -> None:
        self.schema = schema

    def resolve(self, node: object) -> Mapping[str, object]:
        found = node if isinstance(node, Mapping) else {}
        reference = found.get("$ref")
        if not isinstance(reference, str):
            return found
        target: object = self.schema
        for key in reference.removeprefix("#/").split("/"):
            target = target.get(key, {}) if isinstance(target, Mapping) else {}
        return self.resolve(target)

    def operations(self) -> Iterator[tuple[str, OperationView]]:
        for path, item in self.resolve(self.schema.get("paths")).items():
            for method, raw in self.resolve(item).items():
                operation = self.resolve(raw)
                yield _first_text(operation.get("tags")), self._operation(path, method, operation)

    def _operation(self, path: str, method: str, operation: Mapping[str, object]) -> OperationView:
        return OperationView(
            id=_text(operation.get("operationId")),
            method=method.upper(),
            path=path,
            summary=_text(operation.get("summary")),
            description=_text(operation.get("description")),
            parameters=tuple(self._parameter(one) for one in _items(operation.get("parameters"))),
            body=self._body(operation.get("requestBody")),
            answers=tuple(
                AnswerView(status=status, description=_text(self.resolve(one).get("description")))
                for status, one in sorted(self.resolve(operation.get("responses")).items())
            ),
        )

    def _parameter(self, node: object) -> ParameterView:
        parameter = self.resolve(node)
        return ParameterView(
            name=_text(parameter.get("name")),
            place=_text(parameter.get("in")),
            required=parameter.get("required") is True,
            description=_text(parameter.get("description")),
            choices=self._choices(parameter.get("schema")),
        )

    def _choices(self, node: object) -> tuple[str, ...]:
        schema = self.resolve(node)
        if "enum" in schema:
            return tuple(str(one) for one in _items(schema["enum"]))
        inner = [schema.get("items"), *_items(schema.get("oneOf")), *_items(schema.get("anyOf"))]
        return next((found for one in inner if one and (found := self._choices(one))), ())

    def _body(self, node: object) -> str:
        content = self.resolve(self.resolve(node).get("content"))
        media = self.resolve(content.get("application/json"))
        examples = _items(self.resolve(media.get("schema")).get("examples"))
        return _json(examples[0] if examples else {}) if media else ""


def sections_of(schema: Mapping[str, object]) -> tuple[Section, ...]:
    """Return the operations by tag, in the description's own order."""
    reader = _Reader(schema)
    operations = list(reader.operations())
    tags = [reader.resolve(tag) for tag in _items(schema.get("tags"))]
    return tuple(
        Section(
            name=_text(tag.get("name")),
            description=_text(tag.get("description")),
            operations=tuple(one for name, one in operations if name == tag.get("name")),
        )
        for tag in tags
    )


def _items(node: object) -> list[object]:
    return node if isinstance(node, list) else []


def _text(node: object) -> str:
    return node if isinstance(node, str) else ""


def _first_text(node: object) -> str:
    items = _items(node)
    return _text(items[0]) if items else ""


def _json(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
