"""The gate: passes one SELECT over the published tables and refuses the rest, before anything is run.

It judges DuckDB's own tree of the statement (json_serialize_sql), by what it knows: a kind of query, of table
or of table function that is not named here is refused. It is not the only wall: behind it the file is open
for reading only, the network and other files are closed, and the process has limits of its own.
"""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet

import duckdb
import msgspec

LONGEST = 100_000
"""Characters of a statement."""

TABLE_FUNCTIONS = frozenset({"range", "generate_series", "unnest"})

_QUERIES = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE"})
_SOURCES = frozenset({"BASE_TABLE", "SUBQUERY", "JOIN", "TABLE_FUNCTION", "EMPTY", "EXPRESSION_LIST"})
# These tell of the process, change something in it, wait, or run text as SQL.
_FUNCTIONS = frozenset(
    {
        "getenv",
        "current_setting",
        "getvariable",
        "setseed",
        "setval",
        "nextval",
        "currval",
        "sleep_ms",
        "write_log",
        "query",
        "json_serialize_plan",
        "json_execute_serialized_sql",
    }
)
_PARSED = "SELECT json_serialize_sql(?::VARCHAR)"


class Refused(ValueError):  # noqa: N818 - the name says what became of it
    """The gate does not let a statement through; the message says what it may not hold."""


def admit(connection: duckdb.DuckDBPyConnection, sql: str, *, published: AbstractSet[str]) -> None:
    """Let a statement pass, or not; nothing of it is run.

    Raises:
        Refused: when it is no single SELECT over the published tables.
        duckdb.Error: when it is no SQL.
    """
    if len(sql) > LONGEST:
        raise Refused(f"a statement may have at most {LONGEST:,} characters")
    if "\0" in sql:
        raise Refused("a statement may not hold the character NUL")
    statements = connection.extract_statements(sql)
    if len(statements) != 1:
        raise Refused(f"send one statement; this text has {len(statements)}")
    kind = _kind(statements[0])
    if kind != "SELECT":
        raise Refused(
            f"only SELECT is answered, and this is {kind} (PIVOT is several statements to DuckDB: "
            "write count(*) FILTER (WHERE ...) in its place)"
        )
    found = connection.execute(_PARSED, [sql]).fetchall()[0][0]
    try:
        _judge(msgspec.json.decode(found), published)
    except RecursionError:
        raise Refused("the statement is nested too deeply") from None


def _kind(statement: duckdb.Statement) -> str:
    """Python's binding does not know the newest kinds."""
    try:
        return str(statement.type).rpartition(".")[2]
    except ValueError:
        return "another kind of statement"


def _judge(tree: object, published: AbstractSet[str]) -> None:
    if not isinstance(tree, Mapping) or tree.get("error") is not False:
        raise Refused("only SELECT is answered")
    statements = tree.get("statements")
    if not isinstance(statements, list) or len(statements) != 1:
        raise Refused("send one statement")
    _walk(statements[0], frozenset(published))


def _walk(value: object, names: frozenset[str]) -> None:
    """Visit all of the tree; `names` are the tables that can be seen from here."""
    if isinstance(value, list):
        for one in value:
            _walk(one, names)
    elif isinstance(value, Mapping):
        _check(value, names)
        if "cte_map" in value:
            _walk_query(value, names)
        else:
            _walk(list(value.values()), names)


def _walk_query(query: Mapping[object, object], names: frozenset[str]) -> None:
    """A WITH's query sees those before it; its own name is seen by the recursive side alone, because anywhere
    else that name is the table behind it.
    """
    if query.get("type") not in _QUERIES:
        raise Refused(f"only SELECT is answered, and a part of this is {_words(query.get('type'))}")
    for name, body in _with(query.get("cte_map")):
        _walk(body, names)
        names |= {name}
    recursive = {"right"} if query.get("type") == "RECURSIVE_CTE_NODE" else set()
    own = str(query.get("cte_name", "")).lower()
    for key, part in query.items():
        if key != "cte_map":
            _walk(part, names | {own} if key in recursive else names)


def _with(queries: object) -> Iterable[tuple[str, object]]:
    listed = queries.get("map") if isinstance(queries, Mapping) else None
    if not isinstance(listed, list):
        raise Refused("its WITH cannot be read")
    for one in listed:
        yield str(one["key"]).lower(), one["value"]


def _check(node: Mapping[object, object], names: frozenset[str]) -> None:
    kind = node.get("type")
    places = ("from_table", "left", "right") if kind == "JOIN" else ("from_table",)
    for place in places:
        _check_source(node.get(place))
    if kind == "BASE_TABLE":
        _check_table(node, names)
    elif kind == "TABLE_FUNCTION":
        _check_table_function(node.get("function"))
    elif kind == "VALUE_PARAMETER":
        raise Refused("parameters such as ? and $1 are not taken; write the value")
    if str(node.get("function_name", "")).lower() in _FUNCTIONS:
        raise Refused(f"the function {node['function_name']} is not allowed")


def _check_source(source: object) -> None:
    if isinstance(source, Mapping) and source.get("type") not in _SOURCES:
        raise Refused(f"{_words(source.get('type'))} is not allowed in FROM")


def _check_table(table: Mapping[object, object], names: frozenset[str]) -> None:
    qualified = table.get("qualified_name")
    path = qualified.get("path") if isinstance(qualified, Mapping) else None
    if table.get("schema_name") or table.get("catalog_name") or (isinstance(path, list) and len(path) != 1):
        raise Refused("name tables without a schema or database before them")
    if table.get("at_clause"):
        raise Refused("AT is not allowed in FROM")
    name = str(table.get("table_name", ""))
    if name.lower() not in names:
        raise Refused(f"there is no table {name!r}; there are {', '.join(sorted(names))}")


def _check_table_function(function: object) -> None:
    if not isinstance(function, Mapping):
        raise Refused("its table function cannot be read")
    name = str(function.get("function_name", "")).lower()
    if name not in TABLE_FUNCTIONS or function.get("schema") or function.get("catalog"):
        raise Refused(f"the table function {name} is not allowed; {', '.join(sorted(TABLE_FUNCTIONS))} are")


def _words(kind: object) -> str:
    return str(kind).removesuffix("_NODE").removesuffix("_QUERY").replace("_", " ")
