"""JSON Pointers (RFC 6901): read and write one place of a JSON value."""

import itertools
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

import msgspec

MISSING = msgspec.UNSET
"""What `get` returns for a place that is not there."""


_STRAY_TILDE = re.compile(r"~(?![01])")


@lru_cache(maxsize=4_096)
def parse(pointer: str) -> tuple[str, ...]:
    """The pointer's unescaped reference tokens; the empty pointer is the whole value.

    Raises:
        ValueError: when it is no JSON Pointer.
    """
    if pointer and not pointer.startswith("/"):
        raise ValueError(f"a JSON Pointer starts with /, {pointer!r} does not")
    if _STRAY_TILDE.search(pointer):
        raise ValueError(f"in a JSON Pointer ~ is written ~0 and / is written ~1; {pointer!r} has another ~")
    parts = pointer.split("/")[1:]
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in parts)


def get(value: object, pointer: str) -> object:
    """The value at `pointer`, or MISSING. Array indices are decimal, without leading zeros."""
    for token in parse(pointer):
        if isinstance(value, (dict, Mapping)):
            value = value.get(token, MISSING)
        elif isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
            value = value[int(token)] if _is_index(token) and int(token) < len(value) else MISSING
        else:
            return MISSING
    return value


def put(value: dict[str, object] | list[object], pointer: str, item: object) -> None:
    """Set the value at `pointer`, making the mappings on the way; `/list/-` appends.

    Raises:
        ValueError: when the way leads through something that is no mapping or list, or is empty.
    """
    tokens = parse(pointer)
    if not tokens:
        raise ValueError("the whole value cannot be replaced")
    here: object = value
    for token, following in itertools.pairwise(tokens):
        here = _step(here, token, following, pointer=pointer)
    if isinstance(here, dict):
        here[tokens[-1]] = item
    elif isinstance(here, list) and tokens[-1] == "-":
        here.append(item)
    elif isinstance(here, list) and _is_index(tokens[-1]) and int(tokens[-1]) < len(here):
        here[int(tokens[-1])] = item
    else:
        raise ValueError(f"{pointer} leads nowhere")


def _step(here: object, token: str, following: str, *, pointer: str) -> object:
    if isinstance(here, dict):
        return here.setdefault(token, [] if following == "-" else {})
    if isinstance(here, list) and _is_index(token) and int(token) < len(here):
        return here[int(token)]
    raise ValueError(f"{pointer} leads nowhere")


def _is_index(text: str) -> bool:
    return text.isascii() and text.isdigit() and (text == "0" or not text.startswith("0"))
