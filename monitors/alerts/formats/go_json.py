"""JSON as Go's encoding/json writes it, byte for byte, so that our webhook is Alertmanager's."""

import re
from collections.abc import Mapping, Sequence

Value = str | int | Mapping[str, "Value"] | Sequence["Value"]

_SPECIAL = re.compile(r'["\\<>&\x00-\x1f\u2028\u2029\ud800-\udfff]')
_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_LOST = "\ufffd"


def encode(value: Value) -> bytes:
    """A value as Go's Encoder writes it: no spaces, `<`, `>` and `&` escaped, a line feed at the end. The
    keys of a map keep their order: Go sorts those of its maps, and keeps those of its structs.
    """
    return (_text(value) + "\n").encode()


def _text(value: Value) -> str:
    if isinstance(value, str):
        return '"' + _SPECIAL.sub(_escaped, value) + '"'
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{_text(key)}:{_text(each)}" for key, each in value.items()) + "}"
    return "[" + ",".join(map(_text, value)) + "]"


def _escaped(found: re.Match[str]) -> str:
    character = found[0]
    if "\ud800" <= character <= "\udfff":
        return _LOST
    return _SHORT.get(character) or f"\\u{ord(character):04x}"
