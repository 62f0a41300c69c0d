"""One value of a peer's file as text, number, truth or duration; None where it is none.

YAML's scalars come as text, JSON's with their types; both are read here.
"""

import math
import re
import unicodedata
from collections.abc import Mapping

_TRUE = frozenset(("true", "yes", "on", "y", "1"))
_FALSE = frozenset(("false", "no", "off", "n", "0"))
_INTEGER = re.compile(r"[-+]?[0-9]{1,15}")
_NUMBER = re.compile(r"[-+]?([0-9]{1,15}(\.[0-9]{0,15})?|\.[0-9]{1,15})([eE][-+]?[0-9]{1,2})?")
_PART = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)(ns|us|µs|μs|ms|s|m|h|d|w|y)")
_SECONDS = {
    "ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0,
    "h": 3600.0, "d": 86_400.0, "w": 604_800.0, "y": 31_536_000.0,
}  # fmt: skip
_SHOWN_CHARACTERS = 80


def text(value: object) -> str | None:
    """A scalar as text."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, (str, int, float)) else None


def number(value: object) -> float | None:
    """A finite number."""
    if isinstance(value, str):
        return float(value) if _NUMBER.fullmatch(value.strip()) else None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if abs(value) < 1e15 and math.isfinite(value) else None


def whole(value: object) -> int | None:
    """A whole number."""
    if isinstance(value, str):
        return int(value) if _INTEGER.fullmatch(value.strip()) else None
    found = number(value)
    return int(found) if found is not None and found.is_integer() else None


def flag(value: object) -> bool | None:
    """True or false, in any spelling that YAML 1.1 and databases know."""
    word = text(value)
    if word is None:
        return None
    word = word.strip().lower()
    return True if word in _TRUE else False if word in _FALSE else None


def duration(value: object) -> float | None:
    """Seconds of a length of time as Go (`1h30m`, `500ms`) or Prometheus (`1d`) writes it."""
    if not isinstance(value, str):
        return None
    parts = _PART.findall(value.strip())
    if not parts or "".join(amount + unit for amount, unit in parts) != value.strip():
        return None
    return tidy(sum(float(amount) * _SECONDS[unit] for amount, unit in parts))


def tidy(seconds: float) -> float:
    """The number without the noise of floating point; whole where it is whole."""
    rounded = round(seconds, 6)
    return int(rounded) if float(rounded).is_integer() else rounded


def mapping(value: object) -> Mapping[str, object]:
    """A mapping, or an empty one."""
    return value if isinstance(value, dict) else {}


def items(value: object) -> list[object]:
    """A list, or an empty one."""
    return value if isinstance(value, list) else []


def is_set(value: object) -> bool:
    """Whether something is asked for: not null, false, 0 or empty."""
    return bool(value) and flag(value) is not False


def shown(name: str) -> str:
    """A name of the peer's for one line of a message."""
    clean = "".join(" " if unicodedata.category(letter)[0] in "CZ" else letter for letter in name)
    clean = " ".join(clean.split())
    return clean if len(clean) <= _SHOWN_CHARACTERS else clean[: _SHOWN_CHARACTERS - 1] + "…"
