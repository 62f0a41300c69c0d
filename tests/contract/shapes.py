"""Cuts the schema of an answer to the shape that a lock keeps."""

from collections.abc import Iterable

from integrations.manifest.shape import Shape
from tests.contract.described import Schema

MOST_FIELDS = 12
_WORDS = frozenset({"object", "array", "string", "integer", "number", "boolean", "null"})
_DEEPEST = 40
Tokens = tuple[str, ...]


def shape_of(schema: Schema, ways: Iterable[Tokens], *, knows_null: bool) -> Shape:
    """The shape along `ways`, the pointers to what actions return, and one level at their ends.

    Where the description cannot say null (Swagger 2), every place but the whole may be null.
    """
    made = _Cut(schema.get("definitions", {}), knows_null=knows_null).shape(schema, list(ways))
    return made if isinstance(made, Shape) else Shape(types=made)


class _Cut:
    def __init__(self, definitions: Schema, *, knows_null: bool) -> None:
        self._definitions = definitions
        self._knows_null = knows_null

    def shape(self, schema: object, ways: list[Tokens]) -> Shape | str:
        """The shape of a value that `ways` lead through or end at."""
        whole = self._whole(schema)
        types = "|".join(whole["type"])
        if "array" in whole["type"] and whole["items"] is not None:
            rest = [way[1:] for way in ways if way and (way[0].isdigit() or way[0] == "-")]
            ends = [way for way in ways if not way]
            items = self.shape(whole["items"], [*rest, *ends])
            return Shape(types=types, items=items) if items else types
        fields = self._fields(whole, ways)
        if not fields:
            return types
        required = tuple(name for name in fields if name in whole["required"])
        return Shape(types=types, required=required, fields=fields)

    def _fields(self, whole: dict, ways: list[Tokens]) -> dict[str, Shape | str]:
        through = {way[0] for way in ways if way}
        names = [name for name in whole["properties"] if name in through]
        if any(not way for way in ways) or through:
            # What must be there says most about a change, so it comes first.
            by_need = sorted(whole["properties"], key=lambda name: name not in whole["required"])
            names += [name for name in by_need if name not in through][: MOST_FIELDS - len(names)]
        fields: dict[str, Shape | str] = {}
        for name in names:
            deeper = [way[1:] for way in ways if way and way[0] == name]
            part = whole["properties"][name]
            made = self.shape(part, deeper) if deeper else "|".join(self._whole(part)["type"])
            fields[name] = self._may_be_null(made)
        return {name: made for name, made in fields.items() if made or name in whole["required"]}

    def _may_be_null(self, made: Shape | str) -> Shape | str:
        if self._knows_null:
            return made
        types = made if isinstance(made, str) else made.types
        types = f"{types}|null" if types and "null" not in types else types
        return (
            types
            if isinstance(made, str)
            else Shape(types=types, required=made.required, fields=made.fields, items=made.items)
        )

    def _whole(self, schema: object, depth: int = 0) -> dict:
        """What a schema and all it refers to say: types, properties, required, items."""
        nothing = {"type": [], "properties": {}, "required": set(), "items": None}
        if not isinstance(schema, dict) or depth > _DEEPEST:
            return nothing
        if isinstance(ref := schema.get("$ref"), str):
            return self._whole(self._definitions[ref.removeprefix("#/definitions/")], depth + 1)
        whole = {**nothing, "type": _types(schema), "required": set(schema.get("required", ()))}
        whole["properties"], whole["items"] = dict(schema.get("properties", {})), schema.get("items")
        for part in schema.get("allOf", ()):
            whole = _both(whole, self._whole(part, depth + 1))
        for word in ("anyOf", "oneOf"):
            if word in schema:
                whole = self._either(whole, [self._whole(part, depth + 1) for part in schema[word]])
        return whole

    def _either(self, whole: dict, choices: list[dict]) -> dict:
        """One of several: their types together; fields only where but one of them is not null."""
        others = [one for one in choices if one["type"] != ["null"]]
        if len(others) == 1:
            whole = _both(whole, others[0])
            nullable = len(others) < len(choices)
            return {**whole, "type": _together([*whole["type"], *(["null"] if nullable else [])])}
        known = all(one["type"] for one in choices)
        types = [word for one in choices for word in one["type"]] if known else []
        return {**whole, "type": whole["type"] or _together(types)}


def _types(schema: Schema) -> list[str]:
    found = schema.get("type")
    if found is None:
        enum = schema.get("enum")
        return ["object"] if "properties" in schema else ["string"] if _are_texts(enum) else []
    types = list(found) if isinstance(found, list) else [str(found)]
    return _together([word for word in types if word in _WORDS])


def _are_texts(enum: object) -> bool:
    return isinstance(enum, list) and bool(enum) and all(isinstance(one, str) for one in enum)


def _together(types: list[str]) -> list[str]:
    return sorted(set(types), key=lambda word: (word == "null", word))


def _both(one: dict, other: dict) -> dict:
    return {
        "type": one["type"] or other["type"],
        "properties": {**one["properties"], **other["properties"]},
        "required": one["required"] | other["required"],
        "items": one["items"] if one["items"] is not None else other["items"],
    }
