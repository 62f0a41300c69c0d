"""What is stored of a row's values, and how the whole row is had back.

A value that another column says is stored as NULL, because ids of chance are most of what a row weighs.
Seconds are stored to the microsecond, as times are: DuckDB packs decimals of six digits into half the bytes.
"""

import re
from collections.abc import Mapping

DERIVED: Mapping[str, Mapping[str, str]] = {
    "calls": {
        "call_id": "substr(run_id, 17)",
        "trace_id": "substr(run_id, 17) || substr(run_id, 1, 16)",
        "span_id": "coalesce(call_id, substr(run_id, 17))",
    }
}
"""By table and column: what its value is where it is NULL. A run's first call takes its id from it, a call's
trace is that of its run (both in integrations/execution/tracing.py) unless somebody else began it, and its
span has the call's id.
"""

SINCE = 15
"""The version of the schema from which rows are stored so, since 16 without their call_id too; the rows
before have all their values.
"""

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

_DIGITS = 6
_DECIMAL = f"DECIMAL(18, {_DIGITS})"
_DOUBLE_FIELD = re.compile(r'"?(\w+)"? DOUBLE')


def stored(table: str, column: str, kind: str, *, field: str) -> str:
    """Return the SQL of what is stored in a column of that type, where `field` is what the value is called.

    What is stored is what this gives of it, too.
    """
    value = f'"{field}"'
    if derived := DERIVED.get(table, {}).get(column):
        return f"nullif({value}, {derived})"
    if kind == "DOUBLE":
        return _rounded(value) if column in SECONDS else value
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


def whole(table: str) -> str:
    """Return the select list that gives a table's stored rows as they were recorded."""
    derived = DERIVED.get(table, {})
    columns = (f"coalesce({column}, {value}) AS {column}" for column, value in derived.items())
    return f"* REPLACE ({', '.join(columns)})" if derived else "*"


def _rounded(value: str) -> str:
    return f"round({value}, {_DIGITS})"


def _updated(value: str, names: frozenset[str]) -> str:
    fields = ", ".join(f'"{name}" := ' + _rounded(f'{value}."{name}"') for name in sorted(names))
    return f"struct_update({value}, {fields})"
