"""What is stored of a row's values, and how the whole row is had back.

A value that other columns say is stored no second time, because ids of chance are most of what a row weighs.
"""

from collections.abc import Mapping

from exporters.analytics.seconds import SECONDS, rounded, rounded_in

_DIGITS = "'0123456789abcdef'"

_CALL_ID = f"""coalesce(
    CASE length(call_id)
        WHEN 1 THEN substr(run_id || run_id, strpos({_DIGITS}, call_id), 16)
        ELSE call_id
    END,
    right(run_id, 16)
)"""

_TRACE_ID = """CASE length(run_id)
    WHEN 16 THEN reverse(run_id) || run_id
    ELSE substr(run_id, 17) || substr(run_id, 1, 16)
END"""

_ONLY = "attempts[1]"

DERIVED: Mapping[str, Mapping[str, str]] = {
    "calls": {
        "call_id": _CALL_ID,
        "trace_id": f"coalesce(trace_id, {_TRACE_ID})",
        "span_id": f"coalesce(span_id, {_CALL_ID})",
        "attempts": f"""CASE
            WHEN len(attempts) = 1 AND {_ONLY}.duration IS NULL
            THEN [{{
                'start': {_ONLY}.start,
                'duration': {rounded(f"duration - {_ONLY}.start")},
                'kind': {_ONLY}.kind,
                'status': {_ONLY}.status,
                'injected': {_ONLY}.injected
            }}]
            ELSE attempts
        END""",
    }
}
"""By table and column: what a value is, of what is stored. The calls of a run take their ids from it, a
call's trace is that of its run (both in integrations/execution/tracing.py) unless somebody else began it, its
span has the call's id, and an attempt that is the only one ends when its call does. Until version 17 a run's
id had 32 digits, and its first call the second half.
"""

_STORED: Mapping[str, Mapping[str, str]] = {
    "calls": {
        "call_id": f"""CASE
            WHEN length(call_id) = 16 AND length(run_id) = 16 AND contains(run_id || run_id, call_id)
            THEN nullif(substr({_DIGITS}, strpos(run_id || run_id, call_id), 1), '0')
            ELSE nullif(call_id, right(run_id, 16))
        END""",
        "trace_id": f"nullif(trace_id, {_TRACE_ID})",
        "span_id": f"nullif(span_id, {_CALL_ID})",
        "attempts": f"""CASE
            WHEN len(attempts) = 1 AND abs(
                {rounded("duration")} - {rounded(f"{_ONLY}.start")} - {rounded(f"{_ONLY}.duration")}
            ) < 1.5e-6
            THEN [struct_update({_ONLY}, "start" := {rounded(f"{_ONLY}.start")}, "duration" := NULL::DOUBLE)]
            ELSE {rounded_in("attempts", "STRUCT(start DOUBLE, duration DOUBLE)[]")}
        END""",
    }
}
"""What is stored of such a value: nothing; of the id of a run's further call, which digit of the run's is its
first; of an attempt that is the only one all but how long it took, which is had back to a microsecond.
"""

SINCE = 15
"""The version of the schema from which rows are stored so, since 16 without their call_id too, since 17
without the duration of a single attempt; the rows before have all their values.
"""


def stored(table: str, column: str, kind: str, *, field: str) -> str:
    """Return the SQL of what is stored in a column of that type, where `field` is what the value is called.

    What is stored is what this gives of it, too.
    """
    if shorter := _STORED.get(table, {}).get(column):
        return shorter
    value = f'"{field}"'
    if kind == "DOUBLE":
        return rounded(value) if column in SECONDS else value
    return rounded_in(value, kind)


def whole(table: str) -> str:
    """Return the select list that gives a table's stored rows as they were recorded."""
    derived = DERIVED.get(table, {})
    columns = (f"{value} AS {column}" for column, value in derived.items())
    return f"* REPLACE ({', '.join(columns)})" if derived else "*"
