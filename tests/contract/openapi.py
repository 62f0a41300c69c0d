"""Reads OpenAPI 3.0 and 3.1 and Swagger 2.0."""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from urllib.parse import unquote

from tests.contract.described import (
    ContractError,
    DescribedOperation,
    DescribedParameter,
    Description,
    Operations,
    Schema,
)

_METHODS = ("get", "put", "post", "delete", "options", "head", "patch")
_JSON = re.compile(r"(application|text)/([\w.+-]+\+)?(json|json-patch\+json)\b.*")
_KINDS = {"application/x-www-form-urlencoded": "form", "multipart/form-data": "multipart"}


def read(spec: dict[str, object], overlay: Mapping[str, object]) -> Description:
    """All operations by id and by `METHOD /path`."""
    return _Reader(spec, overlay).description()


class _Reader:
    def __init__(self, spec: dict, overlay: Mapping) -> None:
        self._spec = spec
        self._overlay = overlay
        self._is_swagger = "swagger" in spec
        self._nullable = self._is_swagger or str(spec["openapi"]).startswith("3.0")

    def description(self) -> Description:
        readers = dict(self._readers())
        if not readers:
            raise ContractError("no operations found")
        return Description(Operations(readers), self._nullable)

    def _readers(self) -> Iterator[tuple[str, Callable[[], DescribedOperation]]]:
        for written, item in self._spec["paths"].items():
            # Matrix' inviteUser ends in a space, which tells two operations of one path apart there.
            path = written.strip()
            for method in _METHODS:
                if method in item:
                    read = partial(self._operation, method, path, item[method], item.get("parameters", []))
                    yield f"{method.upper()} {path}", read
                    if key := item[method].get("operationId"):
                        yield key, read

    def _operation(self, method: str, path: str, operation: dict, shared: list) -> DescribedOperation:
        listed = [self._resolved(one) for one in [*shared, *operation.get("parameters", [])]]
        listed += self._overlay.get("add_parameters", {}).get(operation.get("operationId"), [])
        dropped = self._overlay.get("drop_parameters", {})
        listed = [one for one in listed if one["in"] == "path" or one["name"] not in dropped]
        parameters = {
            one["name"]: self._parameter(one) for one in listed if one["in"] not in ("formData", "body")
        }
        others = {}
        body, required = self._form(listed) if self._is_swagger else self._body(operation, others)
        return DescribedOperation(
            method=method.upper(),
            path=path,
            parameters=parameters,
            body=body,
            body_required=required,
            security=self._security(operation),
            statuses=tuple(sorted(map(str, operation.get("responses", {})))),
            others=others,
            answer=self._answer(operation),
        )

    def _answer(self, operation: dict) -> Schema | None:
        """The JSON of the first good answer that has one, where the overlay leaves it to be relied on."""
        if "drop_answers" in self._overlay:
            return None
        for status, found in sorted(operation.get("responses", {}).items(), key=lambda item: str(item[0])):
            answer = self._resolved(found) if str(status)[0] in "2d" else {}
            if self._is_swagger and "schema" in answer:
                return self.self_contained(self._listed(operation, answer["schema"]))
            for kind, media in answer.get("content", {}).items():
                if _JSON.match(kind) and "schema" in media:
                    return self.self_contained(media["schema"])
        return None

    def _listed(self, operation: dict, schema: Schema) -> Schema:
        """The schema, or that of a list of it where the overlay says that the answer is one."""
        is_list = operation.get("operationId") in self._overlay.get("lists", ())
        return {"type": "array", "items": schema} if is_list else schema

    def _parameter(self, one: dict) -> DescribedParameter:
        if "content" in one:
            raise ContractError(f"parameter {one['name']} is described by content, which is not read here")
        schema = one.get("schema") or {
            key: one[key] for key in ("type", "items", "enum", "format") if key in one
        }
        return DescribedParameter(one["in"], bool(one.get("required")), self.self_contained(schema))

    def _body(self, operation: dict, others: dict[str, Schema]) -> tuple[Schema | None, bool]:
        """The JSON body and whether one is required; bodies of other kinds go into `others`."""
        if "requestBody" not in operation:
            return None, False
        body = self._resolved(operation["requestBody"])
        found = None
        for kind, media in body.get("content", {}).items():
            schema = self.self_contained(media.get("schema", {}))
            if _JSON.match(kind):
                found = found or schema
            else:
                others.setdefault(_KINDS.get(kind, "bytes"), schema)
        return found, bool(body.get("required"))

    def _form(self, listed: list[dict]) -> tuple[Schema | None, bool]:
        """Swagger's form fields as the JSON body they may also be sent as, where the overlay says so."""
        whole = next((one for one in listed if one["in"] == "body"), None)
        if whole is not None:
            return self.self_contained(whole.get("schema", {})), bool(whole.get("required"))
        fields = [one for one in listed if one["in"] == "formData"]
        if not fields:
            return None, False
        types = self._overlay.get("json_types", {})
        properties = {one["name"]: types.get(one["name"]) or {"type": one["type"]} for one in fields}
        required = [one["name"] for one in fields if one.get("required")]
        schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
        return {**schema, **({"required": required} if required else {})}, bool(required)

    def _security(self, operation: dict) -> tuple[str, ...]:
        wanted = operation.get("security", self._spec.get("security")) or []
        schemes = self._spec.get("securityDefinitions") or self._spec.get("components", {}).get(
            "securitySchemes", {}
        )
        named = [self._resolved(schemes[name]) for choice in wanted for name in choice]
        words = {_word(scheme) for scheme in named}
        # Any scheme of the Authorization header can be described as a key in it.
        words |= {"bearer" for scheme in named if str(scheme.get("name")).lower() == "authorization"}
        if wanted and {} in wanted:
            words.add("none")
        return tuple(sorted(words - {""}))

    def _resolved(self, value: dict) -> dict:
        return self._resolved(self._at(value["$ref"])) if "$ref" in value else value

    def _at(self, ref: str) -> dict:
        if not ref.startswith("#/"):
            raise ContractError(f"{ref} leads out of the file")
        here = self._spec
        for token in ref[2:].split("/"):
            name = unquote(token).replace("~1", "/").replace("~0", "~")
            here = here[int(name)] if isinstance(here, list) else here[name]
        return here

    def self_contained(self, schema: Schema) -> Schema:
        """The schema with all that it refers to, so that it compiles alone."""
        found: dict[str, object] = {}
        converted = self._converted(schema, found)
        return {**converted, "definitions": found} if found else converted

    def _converted(self, value: object, found: dict[str, object]) -> object:
        if isinstance(value, list):
            return [self._converted(item, found) for item in value]
        if not isinstance(value, dict):
            return value
        if isinstance(ref := value.get("$ref"), str):
            name = re.sub(r"[^\w.-]", ".", ref.removeprefix("#/"))
            if name not in found:
                found[name] = {}
                found[name] = self._converted(self._at(ref), found)
            return {"$ref": f"#/definitions/{name}"}
        converted = {
            key: self._converted(item, found)
            for key, item in value.items()
            if key not in ("example", "examples", "discriminator") or _is_property(value, key)
        }
        if self._is_swagger and converted.pop("x-nullable", False) is True:
            return {"anyOf": [converted, {"type": "null"}]}
        if self._nullable and converted.pop("nullable", False) is True:
            return {"anyOf": [converted, {"type": "null"}]}
        return converted


def _is_property(value: dict, key: str) -> bool:
    """Whether this is the name of a field, not a keyword of JSON Schema: fields are described by mappings."""
    return key != "discriminator" and isinstance(value[key], dict) and "type" in value[key]


def _word(scheme: dict) -> str:
    """The lock's word for a security scheme; empty for a TLS certificate, which is no part of a request."""
    match scheme["type"], scheme.get("scheme", "").lower():
        case ("http", "bearer"):
            return "bearer"
        case ("http", "basic") | ("basic", _):
            return "basic"
        case ("oauth2" | "openIdConnect", _):
            return "oauth2"
        case ("apiKey", _) | ("http", _):
            return "api_key"
        case ("mutualTLS", _):
            return ""
        case other:
            raise ContractError(f"security scheme {other} is not known here")
