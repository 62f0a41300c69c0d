"""The shape of a good answer, as the contract describes it, and where an answer no longer fits it.

A shape holds the JSON types of a value, the fields an object must have, and the types of those it may have.
It is kept in contract.lock, cut to what is cheap to look at: the way to what an action returns, and one level
there. `null` is allowed where the contract says so; a whole number is a number too.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

MOST_ITEMS = 3
"""How many items of a list are looked at: its first ones."""

_NAMES: Mapping[type, str] = {
    dict: "object", list: "array", str: "string", int: "integer", float: "number", bool: "boolean",
    type(None): "null",
}  # fmt: skip


class Shape(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a JSON value looks like: `types` parted by `|` (empty: any), the `required` fields of an object,
    its known `fields` (a Shape, or types as text), and the `items` of an array.
    """

    types: str = ""
    required: tuple[str, ...] = ()
    fields: dict[str, "Shape | str"] = {}
    items: "Shape | str" = ""

    def __post_init__(self) -> None:
        """Refuse a word that is no JSON type.

        Raises:
            ValueError: naming the word.
        """
        for text in (self.types, self.items, *self.fields.values()):
            if isinstance(text, str):
                _check(text)


class Drift(NamedTuple):
    """The first place of an answer that does not fit: its JSON Pointer, what was expected, the type found
    there (`nothing` for a field that is missing).
    """

    pointer: str
    expected: str
    found: str


def drift(shape: Shape, data: object) -> Drift | None:
    """Where `data`, an answer's whole JSON, no longer fits; None when it fits.

    The pointer has `-` for a list's index and names fields that the shape names, so it is fit for a label. It
    never holds a value.
    """
    return _compare(shape, data, "")


def _compare(shape: Shape | str, value: object, at: str) -> Drift | None:
    types = shape if isinstance(shape, str) else shape.types
    if types and not _fits(types, value):
        return Drift(at, types.replace("|", " or "), _NAMES.get(type(value), "nothing"))
    if isinstance(shape, str):
        return None
    if isinstance(value, dict):
        return _object(shape, value, at)
    if isinstance(value, list) and shape.items:
        return _list(shape.items, value, at)
    return None


def _object(shape: Shape, value: Mapping[str, object], at: str) -> Drift | None:
    for name in shape.required:
        if name not in value:
            field = shape.fields.get(name, "")
            expected = field if isinstance(field, str) else field.types
            return Drift(f"{at}/{_token(name)}", expected.replace("|", " or ") or "a value", "nothing")
    for name, field in shape.fields.items():
        # Nearly every field has its one type, which is seen here without building its pointer.
        if name not in value or field == _NAMES.get(type(value[name])):
            continue
        if (found := _compare(field, value[name], f"{at}/{_token(name)}")) is not None:
            return found
    return None


def _list(items: Shape | str, value: Sequence[object], at: str) -> Drift | None:
    for item in value[:MOST_ITEMS]:
        if (found := _compare(items, item, f"{at}/-")) is not None:
            return found
    return None


def _fits(types: str, value: object) -> bool:
    kind = type(value)
    name = _NAMES.get(kind, "")
    if name == types:
        return True
    words = types.split("|")
    return name in words or (kind is int and "number" in words)


def _check(text: str) -> None:
    for word in filter(None, text.split("|")):
        if word not in _NAMES.values():
            raise ValueError(f"{word!r} is no JSON type; there are {', '.join(_NAMES.values())}")


def _token(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
