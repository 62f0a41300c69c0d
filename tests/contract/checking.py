"""Holds a request against what the contract says of its operation, with jsonschema-rs."""

import json
import re
from collections.abc import Iterator, Mapping
from urllib.parse import parse_qsl, unquote

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

_ANYTHING = jsonschema_rs.Draft202012Validator({})
_KINDS = {
    "application/json": "json",
    "application/x-www-form-urlencoded": "form",
    "multipart/form-data": "multipart",
}


class OperationChecker:
    """Compiles an operation's schemas once; a schema that does not compile is a ContractError."""

    def __init__(self, operation: DescribedOperation, description: Description, *, prefix: str = "") -> None:
        self._operation = operation
        self._draft4 = description.draft4
        self._path, self._names = _pattern(prefix + operation.path)
        # What stands in the prefix is config, such as the API's version: the operation does not describe it.
        self._free = frozenset(_pattern(prefix)[1])
        self._schemas = {name: self._compiled(one.schema) for name, one in operation.parameters.items()}
        bodies = {"json": operation.body, **operation.others}
        self._bodies = {kind: self._compiled(body) for kind, body in bodies.items() if body is not None}

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
        for name, text in zip(self._names, match.groups(), strict=True):
            if name not in self._free:
                yield from self._value(name, [unquote(text)])

    def _query(self, request: httpx.Request) -> Iterator[str]:
        sent = {name: request.url.params.get_list(name) for name in request.url.params}
        described = {name: one for name, one in self._operation.parameters.items() if one.place == "query"}
        for name, values in sent.items():
            if name in described:
                yield from self._value(name, values)
            elif "query" not in self._operation.silent:
                yield f"query parameter {name} is unknown"
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
        content = request.read()
        if not content:
            if self._operation.body_required:
                yield "the body is missing"
            return
        content_type = request.headers.get("content-type", "application/json").partition(";")[0]
        kind = _KINDS.get(content_type, "json" if content_type.endswith("json") else "bytes")
        schema = self._operation.body_of(kind)
        if schema is None:
            if "body" not in self._operation.silent:
                yield "a body where none is described"
            return
        fields = fields_of(schema)
        if kind == "bytes":
            return
        body = _decoded(kind, content, fields["properties"])
        yield from self._fields(body, fields, kind)

    def _fields(self, body: object, fields: Schema, kind: str) -> Iterator[str]:
        for name in body if isinstance(body, dict) else ():
            if not fields["open"] and name not in fields["properties"]:
                yield f"body field {name} is unknown"
        if kind == "multipart":
            yield from (f"body field {name} is missing" for name in fields["required"] if name not in body)
            return
        for error in self._bodies.get(kind, self._bodies.get("json", _ANYTHING)).iter_errors(body):
            yield f"body: {error.message}"


def _pattern(path: str) -> tuple[re.Pattern[str], list[str]]:
    """What matches a path, and the names of its placeholders; contracts name them with any characters."""
    parts = re.split(r"\{([^{}]+)\}", path)
    made = "".join("(.+)" if index % 2 else re.escape(part) for index, part in enumerate(parts))
    return re.compile(made), parts[1::2]


def _decoded(kind: str, content: bytes, properties: Mapping[str, object]) -> object:
    """The body's value; of a form each field as its schema's type, of a multipart body the names."""
    if kind == "json":
        return json.loads(content)
    if kind == "multipart":
        return dict.fromkeys(re.findall(r'form-data; name="([^"]+)"', content.decode("utf-8", "replace")))
    values: dict[str, list[str]] = {}
    for name, text in parse_qsl(content.decode(), keep_blank_values=True):
        values.setdefault(name, []).append(text)
    return {name: _form_value(properties.get(name), texts) for name, texts in values.items()}


def _form_value(schema: object, texts: list[str]) -> object:
    schema = schema if isinstance(schema, dict) else {}
    if schema.get("type") == "object":
        return json.loads(texts[0])
    return _typed(DescribedParameter("body", False, schema), texts)


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
