"""One input of an action: its type is checked, and it is written as text for the wire."""

import base64
import binascii
import math
from collections.abc import Iterable
from typing import Literal

import msgspec

from integrations.manifest.schema import Input
from integrations.manifest.source import nearest
from integrations.manifest.templates import UnfitValueError, fits_header

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list, tuple),
    "bytes": (bytes, str),
}
_NAMES = {
    "string": "text", "integer": "a whole number", "number": "a number", "boolean": "true or false",
    "object": "an object", "array": "a list", "bytes": "bytes, or text in base64",
}  # fmt: skip


def read(value: object, declared: Input) -> object:
    """The value as the input's type, its default, or UNSET where it is optional and not given.

    Raises:
        ValueError: saying what is expected; never showing the value.
    """
    if value is msgspec.UNSET or value is None:
        if declared.default is not msgspec.UNSET:
            return declared.default
        if declared.required:
            raise ValueError(f"is required ({_NAMES[declared.type]})")
        return msgspec.UNSET
    is_bool = isinstance(value, bool) and declared.type != "boolean"
    is_endless = isinstance(value, float) and not math.isfinite(value)
    if is_bool or is_endless or not isinstance(value, _TYPES[declared.type]):
        raise ValueError(f"must be {_NAMES[declared.type]}")
    if declared.enum and text(value) not in declared.enum:
        near = nearest(text(value), declared.enum)
        hint = f"; did you mean {near}?" if near else ""
        raise ValueError(f"must be one of {', '.join(declared.enum)}{hint}")
    return _bytes(value) if declared.type == "bytes" else value


def unknown(name: str, known: Iterable[str]) -> str:
    """What to say of a param that the action does not have."""
    known = sorted(known)
    near = nearest(name, known)
    return "is unknown; " + (f"did you mean {near}?" if near else f"there are {', '.join(known) or 'none'}")


def text(value: object) -> str:
    """A value as text: JSON for true, false, objects and lists, the shortest exact digits for numbers."""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return msgspec.json.encode(value).decode()


Style = Literal["repeat", "csv", "brackets", "json"]


def pairs(name: str, value: object, style: Style) -> list[tuple[str, str]]:
    """The pairs of a query parameter or a form's field; `style` is for lists."""
    if style == "json" or not isinstance(value, (list, tuple)):
        return [(name, text(value))]
    if style == "csv":
        return [(name, ",".join(map(text, value)))]
    wire = f"{name}[]" if style == "brackets" else name
    return [(wire, text(item)) for item in value]


def header(value: str) -> str:
    """A header's value.

    Raises:
        UnfitValueError: when it holds what no header may.
    """
    if not fits_header(value):
        raise UnfitValueError("holds a character that no header may")
    return value


def raw(value: object) -> bytes:
    """A value as the bytes of a file or a body."""
    return value if isinstance(value, bytes) else text(value).encode()


def escape(name: str) -> str:
    """A name as one token of a JSON Pointer."""
    return name.replace("~", "~0").replace("/", "~1")


def _bytes(value: object) -> bytes:
    if isinstance(value, bytes):
        return value
    try:
        return base64.b64decode(str(value), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"must be {_NAMES['bytes']}") from error
