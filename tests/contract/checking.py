"""Holds a request against what the contract says of its operation, with jsonschema-rs."""

import json
import re
from collections.abc import Iterator

import httpx
import jsonschema_rs

from tests.contract.described import (
    ContractError,
    DescribedOperation,
    DescribedParameter,
    Description,
    Schema,
    fields_of,
)


class OperationChecker:
    """Compiles an operation's schemas once; a schema that does not compile is a ContractError."""

    def __init__(self, operation: DescribedOperation, description: Description, *, prefix: str = "") -> None:
        self._operation = operation
        self._draft4 = description.draft4
        pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/?]+)", re.escape(prefix + operation.path))
        self._path = re.compile(pattern)
        self._schemas = {name: self._compiled(one.schema) for name, one in operation.parameters.items()}
        self._body = None if operation.body is None else self._compiled(operation.body)

    def problems(self, request: httpx.Request, *, base: str) -> list[str]:
        """Everything in the request that the operation does not allow; `base` is the base URL's path."""
        return [*self._line(request, base), *self._query(request), *self._content(request)]

    def _compiled(self, schema: Schema) -> jsonschema_rs.Draft4Validator | jsonschema_rs.Draft202012Validator:
        kind = jsonschema_rs.Draft4Validator if self._draft4 else jsonschema_rs.Draft202012Validator
        try:
            return kind(schema)
        except ValueError as error:
            raise ContractError(f"{self._operation.path}: its schema does not compile: {error}") from error

    def _line(self, request: httpx.Request, base: str) -> Iterator[str]:
        if request.method != self._operation.method:
            yield f"method {request.method}, not {self._operation.method}"
        path = request.url.raw_path.decode().partition("?")[0].removeprefix(base)
        match = self._path.fullmatch(path)
        if match is None:
            yield f"path {path} is not {self._operation.path}"
            return
        for name, text in match.groupdict().items():
            yield from self._value(name, [httpx.URL("http://x/" + text).path[1:]])

    def _query(self, request: httpx.Request) -> Iterator[str]:
        sent = {name: request.url.params.get_list(name) for name in request.url.params}
        described = {name: one for name, one in self._operation.parameters.items() if one.place == "query"}
        for name, values in sent.items():
            if name not in described:
                yield f"query parameter {name} is unknown"
            else:
                yield from self._value(name, values)
        for name, one in described.items():
            if one.required and name not in sent:
                yield f"query parameter {name} is missing"
        for name, one in self._operation.parameters.items():
            if one.place == "header" and one.required and name.lower() not in request.headers:
                yield f"header {name} is missing"

    def _value(self, name: str, texts: list[str]) -> Iterator[str]:
        described = self._operation.parameters.get(name)
        if described is None:
            yield f"parameter {name} is unknown"
            return
        value = _typed(described, texts)
        for error in self._schemas[name].iter_errors(value):
            yield f"{name}: {error.message}"

    def _content(self, request: httpx.Request) -> Iterator[str]:
        if not request.content:
            if self._operation.body_required:
                yield "the body is missing"
            return
        if self._body is None:
            yield "a body where none is described"
            return
        body = json.loads(request.content)
        properties = fields_of(self._operation.body).get("properties", {})
        for name in body:
            if properties and name not in properties:
                yield f"body field {name} is unknown"
        for error in self._body.iter_errors(body):
            yield f"body: {error.message}"


def _typed(described: DescribedParameter, texts: list[str]) -> object:
    """Text of the wire as the type that the schema wants."""
    schema = described.schema
    if schema.get("type") == "array":
        items = schema.get("items", {})
        return [_single(items, text) for text in texts]
    return _single(schema, texts[0])


def _single(schema: Schema, text: str) -> object:
    kind = schema.get("type")
    if kind == "integer" and re.fullmatch(r"-?\d+", text):
        return int(text)
    if kind == "number" and re.fullmatch(r"-?\d+(\.\d+)?", text):
        return float(text)
    if kind == "boolean" and text in ("true", "false"):
        return text == "true"
    return text
