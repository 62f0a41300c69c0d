"""Columns that hold seconds, which are stored to the microsecond, as times are: DuckDB packs decimals of six
digits into half the bytes.
"""

import re

_DIGITS = 6

SECONDS = frozenset(
    {
        "age",
        "connect",
        "cpu",
        "dns",
        "duration",
        "first_byte",
        "lag",
        "open_seconds",
        "queued",
        "retry_after",
        "since_detection",
        "start",
        "tls",
        "transfer",
    }
)
"""Columns, and fields of structs, that are seconds."""

_DECIMAL = f"DECIMAL(18, {_DIGITS})"
_DOUBLE_FIELD = re.compile(r'"?(\w+)"? DOUBLE')


def rounded(value: str) -> str:
    """Return the SQL of a number of seconds as it is stored."""
    return f"round({value}, {_DIGITS})"


def rounded_in(value: str, kind: str) -> str:
    """Return the SQL of a value of that type with all seconds in it as they are stored, where it has any."""
    seconds = SECONDS.intersection(_DOUBLE_FIELD.findall(kind))
    if not seconds:
        return value
    if kind.endswith("[]"):
        return f"list_transform({value}, lambda one: {_updated('one', seconds)})"
    return f"CASE WHEN {value} IS NOT NULL THEN {_updated(value, seconds)} END"


def packed(column: str, kind: str) -> str:
    """Return the SQL of what a file holds of a stored column: seconds as decimals, which take least."""
    if kind == "DOUBLE" and column in SECONDS:
        return f'"{column}"::{_DECIMAL} AS "{column}"'
    small = _DOUBLE_FIELD.sub(_packed_field, kind)
    return f'"{column}"' if small == kind else f'"{column}"::{small} AS "{column}"'


def _packed_field(field: re.Match[str]) -> str:
    return field[0].replace("DOUBLE", _DECIMAL) if field[1] in SECONDS else field[0]


def _updated(value: str, names: frozenset[str]) -> str:
    fields = ", ".join(f'"{name}" := ' + rounded(f'{value}."{name}"') for name in sorted(names))
    return f"struct_update({value}, {fields})"
