"""The published tables and views with the meaning of every column; `python -m exporters.analytics.described`
prints docs/analytics-schema.md.
"""

import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import duckdb
import msgspec

from exporters.analytics.migrations import bundled_steps
from exporters.analytics.tables import TABLES, hot
from exporters.analytics.views import Column, Macro, bundled_macros, bundled_views

_MEANINGS = Path(__file__).parent / "schema" / "meanings.toml"
_ROW, _EVERY = "row", "every"
_PUBLIC = ("in_zone", "from_zone", "zone_start", "zone_bucket", "bucket_seconds", "run_of")

Meanings = Mapping[str, Mapping[str, str]]


class Relation(msgspec.Struct, frozen=True, kw_only=True):
    """A table of signals, or a view made of them; `kind` says which."""

    name: str
    kind: str
    doc: str
    columns: tuple[Column, ...]


class Function(msgspec.Struct, frozen=True, kw_only=True):
    """An SQL function that Dialtone adds to DuckDB's own."""

    name: str
    parameters: tuple[str, ...]
    doc: str


class Schema(msgspec.Struct, frozen=True, kw_only=True):
    """All that free SQL can use, of this version of the schema."""

    version: int
    relations: tuple[Relation, ...]
    functions: tuple[Function, ...]


def bundled_schema() -> Schema:
    """Describe what this Dialtone publishes. It takes some hundredths of a second: call it on a thread.

    Raises:
        KeyError: when a column has no meaning.
    """
    steps = bundled_steps()
    with duckdb.connect(":memory:") as connection:
        for step in steps:
            connection.execute(step)
        tables = tuple(_tables(connection))
    views = (
        Relation(name=view.name, kind="view", doc=view.doc, columns=view.columns) for view in bundled_views()
    )
    macros = {macro.name: macro for macro in bundled_macros()}
    return Schema(
        version=len(steps),
        relations=(*tables, *views),
        functions=tuple(_function(macros[name]) for name in _PUBLIC),
    )


def document(schema: Schema) -> str:
    """Return the page of the manual."""
    return "\n".join(_lines(schema)) + "\n"


def _tables(connection: duckdb.DuckDBPyConnection) -> Iterator[Relation]:
    meanings: Meanings = tomllib.loads(_MEANINGS.read_text(encoding="utf-8"))
    for table in TABLES.values():
        said = {**meanings[_EVERY], **meanings[table]}
        described = connection.execute(f"DESCRIBE {hot(table)}").fetchall()
        columns = tuple(Column(name=name, type=kind, doc=said[name]) for name, kind, *_ in described)
        yield Relation(name=table, kind="table", doc=meanings[table][_ROW], columns=columns)


def _function(macro: Macro) -> Function:
    return Function(name=macro.name, parameters=macro.parameters, doc=macro.doc)


def _lines(schema: Schema) -> Iterator[str]:
    yield "# Tables and views of analytics"
    yield ""
    yield "Written by `python -m exporters.analytics.described > docs/analytics-schema.md`; a test fails when"
    yield "the two differ. `dialtone analytics schema` and `GET /v2/analytics/schema` tell the same."
    yield ""
    yield "Times are UTC, durations seconds, both to the microsecond."
    yield "[analytics.md](analytics.md) says how to ask."
    for kind, title in (("view", "Views"), ("table", "Tables: a row for each signal")):
        yield from ("", f"## {title}")
        for relation in schema.relations:
            if relation.kind == kind:
                yield from _relation_lines(relation)
    yield from ("", "## Functions", "", "Beside DuckDB's own:", "", "| function | tells |", "|---|---|")
    for function in schema.functions:
        yield f"| `{function.name}({', '.join(function.parameters)})` | {_cell(function.doc)} |"


def _relation_lines(relation: Relation) -> Iterator[str]:
    yield from (
        "",
        f"### {relation.name}",
        "",
        relation.doc,
        "",
        "| column | type | meaning |",
        "|---|---|---|",
    )
    for column in relation.columns:
        yield f"| `{column.name}` | `{column.type}` | {_cell(column.doc)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(document(bundled_schema()))
