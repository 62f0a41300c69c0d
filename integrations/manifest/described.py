"""What a scaffold takes out of an OpenAPI or Swagger description: address, authentication, a few operations.

It reads what is plain and leaves out the rest; `make contracts` is what derives locks and validates requests.
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple, cast

from integrations.manifest import pointers
from integrations.manifest.templates import FUNCTIONS

Spec = Mapping[str, object]
MOST_OPERATIONS = 5
_PLACEHOLDER = re.compile(r"\{([^{}]+)\}")
_METHODS = ("get", "put", "post", "delete", "patch", "head", "options")
_SNAKE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+")
_EXAMPLES: Mapping[str, object] = {
    "string": "example", "integer": 1, "number": 1.5, "boolean": True, "array": ["example"],
    "object": {"example": "value"},
}  # fmt: skip


class Field(NamedTuple):
    """One parameter of an operation or field of its JSON body, by its wire name."""

    name: str
    place: str
    type: str
    required: bool
    description: str
    example: object


class Described(NamedTuple):
    """One operation."""

    id: str
    method: str
    path: str
    title: str
    fields: tuple[Field, ...]
    statuses: tuple[str, ...]


class UnknownOperationError(LookupError):
    """The description has no such operation."""


def operations(spec: Spec, wanted: tuple[str, ...] = ()) -> list[Described]:
    """The operations named in `wanted`, by id or `METHOD /path`; without names a few that only read, those
    with the fewest required parameters first.

    Raises:
        UnknownOperationError: for a name that the description does not have.
    """
    found = {one.id: one for one in _all(spec)}
    by_line = {f"{one.method} {one.path}": one for one in found.values()}
    if wanted:
        missing = [name for name in wanted if name not in found and name not in by_line]
        if missing:
            raise UnknownOperationError(f"there is no operation {', '.join(missing)} in the description")
        return [found.get(name) or by_line[name] for name in wanted]
    reads = [one for one in found.values() if one.method == "GET"]
    return sorted(reads, key=_needs)[:MOST_OPERATIONS]


def server(spec: Spec) -> str:
    """The address of the first server, with its variables' defaults; empty where none is named whole."""
    if "swagger" in spec:
        schemes = _list(spec.get("schemes")) or ["https"]
        host = str(spec.get("host", ""))
        return f"{schemes[0]}://{host}{spec.get('basePath', '')}".rstrip("/") if host else ""
    first = _map(next(iter(_list(spec.get("servers"))), {}))
    url = str(first.get("url", ""))
    for name, variable in _map(first.get("variables")).items():
        url = url.replace(f"{{{name}}}", str(_map(variable).get("default", "")))
    return url.rstrip("/") if url.startswith(("http://", "https://")) and "{" not in url else ""


def security(spec: Spec) -> dict[str, object]:
    """The authentication of a manifest for the first scheme that one can be made of: none without any."""
    schemes = spec.get("securityDefinitions") or _map(spec.get("components")).get("securitySchemes")
    for found in _map(schemes).values():
        scheme = _map(_resolved(spec, found))
        if made := _authentication(scheme):
            return made
    return {"none": {"kind": "none", "title": "No credential"}}


def snake(name: str) -> str:
    """A name as inputs and actions have them: `issueIdOrKey` is issue_id_or_key."""
    words = [word.lower() for word in _SNAKE.split(name) if word]
    made = "_".join(words) or "value"
    return made if made[0].isalpha() and made not in FUNCTIONS else f"the_{made}"


def _authentication(scheme: Spec) -> dict[str, object]:
    kind, word = scheme.get("type"), str(scheme.get("scheme", "")).lower()
    token = {"token": {"title": "token"}}
    if kind == "basic" or word == "basic":
        secrets = {"username": {"title": "user name"}, "password": {"title": "password"}}
        return {"basic": {"kind": "basic", "title": "HTTP Basic", "secrets": secrets}}
    if word == "bearer" or kind in ("oauth2", "openIdConnect"):
        return {"token": {"kind": "bearer", "title": "Bearer token", "secrets": token}}
    if kind == "apiKey" and scheme.get("in") in ("header", "query"):
        place = "headers" if scheme["in"] == "header" else "query"
        apply = {place: {str(scheme["name"]): "{secret.token}"}}
        return {"key": {"kind": "api_key", "title": "API key", "apply": apply, "secrets": token}}
    return {}


def _all(spec: Spec) -> Iterator[Described]:
    for path, item in _map(spec.get("paths")).items():
        for method in _METHODS:
            operation = _map(_map(item).get(method))
            if operation:
                shared = _list(_map(item).get("parameters"))
                yield _described(spec, operation, method=method.upper(), path=path, shared=shared)


def _described(spec: Spec, operation: Spec, *, method: str, path: str, shared: list[object]) -> Described:
    listed = [_map(_resolved(spec, one)) for one in [*shared, *_list(operation.get("parameters"))]]
    fields = {str(one.get("name")): _parameter(spec, one) for one in listed if one.get("in") != "body"}
    bodies = [one for one in listed if one.get("in") == "body"]
    content = _map(_map(_resolved(spec, operation.get("requestBody"))).get("content"))
    schema = bodies[0].get("schema") if bodies else _map(content.get("application/json")).get("schema")
    fields |= {one.name: one for one in _body(spec, schema)}
    for name in _PLACEHOLDER.findall(path):
        fields.setdefault(name, Field(name, "path", "string", True, name, "example"))  # noqa: FBT003 - a field
    fields.pop("Authorization", None)
    key = str(operation.get("operationId") or f"{method} {path}")
    title = str(operation.get("summary") or operation.get("operationId") or key).strip().split("\n")[0]
    statuses = tuple(sorted(map(str, _map(operation.get("responses")))))
    return Described(key, method, path, title, tuple(fields.values()), statuses)


def _parameter(spec: Spec, one: Spec) -> Field:
    schema = _map(_resolved(spec, one.get("schema"))) or one
    place = {"formData": "body", "cookie": "header"}.get(str(one.get("in")), str(one.get("in")))
    return _field(str(one.get("name")), schema, place=place, required=bool(one.get("required")), said=one)


def _body(spec: Spec, schema: object) -> Iterator[Field]:
    whole = _map(_resolved(spec, schema))
    required = _list(whole.get("required"))
    for name, part in _map(whole.get("properties")).items():
        found = _map(_resolved(spec, part))
        if not found.get("readOnly"):
            yield _field(name, found, place="body", required=name in required, said=found)


def _field(name: str, schema: Spec, *, place: str, required: bool, said: Spec) -> Field:
    kinds = schema.get("type")
    kind = next((k for k in kinds if k != "null"), "string") if isinstance(kinds, list) else kinds
    is_object = "properties" in schema or "allOf" in schema
    type_ = str(kind) if kind in _EXAMPLES else "object" if is_object else "string"
    enum = _list(schema.get("enum"))
    given = [said.get("example"), schema.get("example"), schema.get("default"), *enum]
    example = next((one for one in given if _fits(one, type_)), _EXAMPLES[type_])
    text = str(said.get("description") or name).strip().split("\n")[0][:200]
    return Field(name, place, type_, required or place == "path", text, example)


def _fits(value: object, type_: str) -> bool:
    wanted = type(_EXAMPLES[type_])
    is_number = type_ == "number" and type(value) is int
    return (type(value) is wanted or is_number) and value not in ("", [], {})


def _needs(one: Described) -> tuple[int, int]:
    return sum(field.required for field in one.fields), len(one.path)


def _resolved(spec: Spec, value: object) -> object:
    """What a reference within the description leads to; a few steps at most."""
    for _ in range(8):
        ref = _map(value).get("$ref")
        if not isinstance(ref, str) or not ref.startswith("#/"):
            return value
        value = pointers.get(spec, ref[1:])
    return {}


def _map(value: object) -> Mapping[str, object]:
    return cast("Mapping[str, object]", value) if isinstance(value, Mapping) else {}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
