"""Reads OData metadata (CSDL, V2 and V4): which addresses its entity sets have, by OData's URL conventions.

An operation is asked for as `METHOD /path`: an entity set, with its keys in brackets or (V4) as a segment,
then navigation properties; `/$metadata` and `/Set/$count` are there too. GET reads; POST on a set creates;
PATCH (and V2's MERGE, sent as PATCH) on an entity changes; DELETE deletes.
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from tests.contract.described import (
    ContractError,
    DescribedOperation,
    DescribedParameter,
    Description,
    Schema,
)

_ENTITY = re.compile(r"([^(]+)(?:\((.*)\))?")
_LIST_OPTIONS = ("$select", "$filter", "$orderby", "$top", "$skip", "$expand", "$skiptoken", "$search")
_V2_OPTIONS = ("$format", "$inlinecount")
_V4_OPTIONS = ("$count",)
_NUMBERS = {"$top", "$skip"}
_TYPES = {"Edm.Boolean": "boolean", "Edm.Int16": "integer", "Edm.Int32": "integer", "Edm.Byte": "integer"}
_V4_TYPES = {"Edm.Int64": "integer", "Edm.Decimal": "number", "Edm.Double": "number", "Edm.Single": "number"}


class _Type(NamedTuple):
    """An entity type: keys, properties (name to type and whether null is allowed), and where it leads to."""

    keys: tuple[str, ...]
    properties: dict[str, tuple[str, bool]]
    leads: dict[str, tuple[str, bool]]
    base: str = ""


class _Place(NamedTuple):
    """Where a path has led: an entity type, whether to many of them, and the keys named on the way."""

    type: str
    many: bool
    keys: tuple[str, ...]


def read(raw: bytes) -> Description:
    """All that a service's metadata describes."""
    service = _Service(ET.fromstring(raw))
    return Description(_Addresses(service), draft4=False)


class _Service:
    def __init__(self, root: ET.Element) -> None:
        self.v4 = root.attrib["Version"].startswith("4")
        self.types: dict[str, _Type] = {}
        self.sets: dict[str, tuple[str, bool]] = {}
        self._ends: dict[tuple[str, str], tuple[str, bool]] = {}
        schemas = [one for one in root.iter() if _name(one) == "Schema"]
        aliases = {one.get("Alias"): one.attrib["Namespace"] for one in schemas if one.get("Alias")}
        self._aliases = aliases
        for schema in schemas:
            self._associations(schema)
        for schema in schemas:
            self._entities(schema)

    def full(self, name: str) -> str:
        """A type's name with its namespace, not its alias."""
        head, _, tail = name.rpartition(".")
        return f"{self._aliases.get(head, head)}.{tail}"

    def type(self, name: str) -> _Type:
        """An entity type with all it inherits."""
        found = self.types[name]
        if not found.base:
            return found
        base = self.type(found.base)
        return _Type(
            found.keys or base.keys, {**base.properties, **found.properties}, {**base.leads, **found.leads}
        )

    def _associations(self, schema: ET.Element) -> None:
        for one in _children(schema, "Association"):
            for end in _children(one, "End"):
                key = (f"{schema.attrib['Namespace']}.{one.attrib['Name']}", end.attrib["Role"])
                self._ends[key] = (self.full(end.attrib["Type"]), end.attrib["Multiplicity"] == "*")

    def _entities(self, schema: ET.Element) -> None:
        for kind in ("EntityType", "ComplexType"):
            for one in _children(schema, kind):
                self.types[f"{schema.attrib['Namespace']}.{one.attrib['Name']}"] = self._type(one)
        for container in _children(schema, "EntityContainer"):
            for one in _children(container, "EntitySet"):
                self.sets[one.attrib["Name"]] = (self.full(one.attrib["EntityType"]), True)
            for one in _children(container, "Singleton"):
                self.sets[one.attrib["Name"]] = (self.full(one.attrib["Type"]), False)

    def _type(self, one: ET.Element) -> _Type:
        properties = {
            p.attrib["Name"]: (p.attrib["Type"], p.get("Nullable") != "false")
            for p in _children(one, "Property")
        }
        keys = tuple(ref.attrib["Name"] for key in _children(one, "Key") for ref in key)
        leads = {p.attrib["Name"]: self._lead(p) for p in _children(one, "NavigationProperty")}
        base = one.get("BaseType", "")
        return _Type(keys, properties, leads, self.full(base) if base else "")

    def _lead(self, one: ET.Element) -> tuple[str, bool]:
        if "Relationship" in one.attrib:
            return self._ends[self.full(one.attrib["Relationship"]), one.attrib["ToRole"]]
        kind = one.attrib["Type"]
        many = kind.startswith("Collection(")
        return self.full(kind.removeprefix("Collection(").rstrip(")")), many


class _Addresses(Mapping[str, DescribedOperation]):
    """Every `METHOD /path` that the service answers; there are endless ones, so only the sets are listed."""

    def __init__(self, service: _Service) -> None:
        self._service = service

    def __getitem__(self, key: str) -> DescribedOperation:
        method, _, path = key.partition(" ")
        if path == "/$metadata" and method == "GET":
            return DescribedOperation("GET", path, {}, None, False, (), ("200",))
        counted = path.endswith("/$count")
        place = self._walk(path.removesuffix("/$count"))
        allowed = {"GET", "POST"} if place.many else {"GET", "PATCH", "DELETE"}
        if method not in ({"GET"} if counted else allowed):
            raise KeyError(key)
        return self._operation(method, path, place, counted=counted)

    def __contains__(self, key: object) -> bool:
        try:
            self[str(key)]
        except KeyError:
            return False
        return True

    def __iter__(self) -> Iterator[str]:
        return (f"GET /{name}" for name in self._service.sets)

    def __len__(self) -> int:
        return len(self._service.sets)

    def _walk(self, path: str) -> _Place:
        place: _Place | None = None
        for segment in path.split("/")[1:]:
            place = self._step(place, segment)
        if place is None:
            raise KeyError(path)
        return place

    def _step(self, place: _Place | None, segment: str) -> _Place:
        match = _ENTITY.fullmatch(segment)
        if match is None:
            raise KeyError(segment)
        if place is not None and place.many and self._service.v4 and segment.startswith("{"):
            return _Place(place.type, False, (*place.keys, segment.strip("{}")))
        if place is None:
            type_, many = self._service.sets[match[1]]
            place = _Place(type_, many, ())
        else:
            type_, many = self._service.type(place.type).leads[match[1]]
            place = _Place(type_, many, place.keys)
        return place if match[2] is None else self._keyed(place, match[2])

    def _keyed(self, place: _Place, text: str) -> _Place:
        """One entity of a set: `{Key}`, or all of several keys as `A={A},B={B}`."""
        keys = self._service.type(place.type).keys
        parts = text.split(",")
        named = tuple(part.rpartition("=")[2].strip("{}") for part in parts)
        wanted = [f"{key}={{{name}}}" for key, name in zip(keys, named, strict=False)]
        if parts != wanted and not (len(keys) == 1 and len(parts) == 1 and "=" not in text):
            raise KeyError(text)
        return _Place(place.type, False, (*place.keys, *named))

    def _operation(self, method: str, path: str, place: _Place, *, counted: bool) -> DescribedOperation:
        body = self._entity(place.type) if method in ("POST", "PATCH") else None
        one = self._entity(place.type)
        answer: Schema | None = self._wrapped({"type": "array", "items": one} if place.many else one, place)
        if counted or method in ("PATCH", "DELETE"):
            answer = None
        elif method == "POST":
            answer = self._wrapped(one, place._replace(many=False))
        return DescribedOperation(
            method=method,
            path=path,
            parameters=self._parameters(method, place),
            body=None if body is None else {**body, "additionalProperties": False},
            body_required=body is not None,
            security=(),
            statuses=("204",)
            if method in ("PATCH", "DELETE")
            else ("201",)
            if method == "POST"
            else ("200",),
            answer=answer,
        )

    def _parameters(self, method: str, place: _Place) -> dict[str, DescribedParameter]:
        found = {name: DescribedParameter("path", True, {}) for name in place.keys}
        found["If-Match"] = DescribedParameter("header", False, {})
        if method == "GET":
            options = (*_LIST_OPTIONS, *(_V4_OPTIONS if self._service.v4 else _V2_OPTIONS))
            for name in options if place.many else ("$select", "$expand", "$format"):
                schema: Schema = {"type": "integer"} if name in _NUMBERS else {"type": "string"}
                found[name] = DescribedParameter("query", False, schema)
        return found

    def _wrapped(self, value: Schema, place: _Place) -> Schema:
        if self._service.v4:
            return _object({"value": value}) if place.many else value
        return _object({"d": _object({"results": value}) if place.many else value})

    def _entity(self, type_: str) -> Schema:
        properties = self._service.type(type_).properties
        return {"type": "object", "properties": {n: self._value(*one) for n, one in properties.items()}}

    def _value(self, type_: str, nullable: bool) -> Schema:
        if type_.startswith("Collection("):
            return {"type": ["array", "null"]}
        if self._service.full(type_) in self._service.types:
            return {"type": ["object", "null"]}
        known = {**_TYPES, **(_V4_TYPES if self._service.v4 else {})}
        word = known.get(type_, "string")
        return {"type": [word, "null"] if nullable else word}


def _object(properties: Mapping[str, Schema]) -> Schema:
    return {"type": "object", "properties": dict(properties), "required": list(properties)}


def _name(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _children(element: ET.Element, name: str) -> Iterator[ET.Element]:
    return (child for child in element if _name(child) == name)


def refuse_empty(description: Description) -> Description:
    """Fail where nothing was found: a file of another kind reads as a service without entity sets."""
    if not len(description.operations):
        raise ContractError("no entity sets found")
    return description
