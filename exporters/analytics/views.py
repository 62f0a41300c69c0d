"""Views: views/<name>.sql, each with a header that says what a row is and what every column means.

    -- One sentence on what it shows; further comment lines go on with it.
    -- @column <name> <type> What it means.

They are made again when a file opens under a Dialtone that has others, so that they need no schema version.
views/macros/ holds what they have in common. Whatever is a view is published to free SQL.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from graphlib import TopologicalSorter
from pathlib import Path

import duckdb
import msgspec

from exporters.analytics.database import transaction
from exporters.analytics.tables import TABLES

_FOLDER = Path(__file__).parent / "views"
_COLUMN = re.compile(r"@column (\w+) (\S+) (\S.*)")
_MACRO = re.compile(r"^CREATE OR REPLACE MACRO (\w+)\(([\w, ]*)\) AS", re.MULTILINE)
_EXISTING = (
    "SELECT view_name FROM duckdb_views() "
    "WHERE NOT internal AND schema_name = 'main' AND database_name = current_database()"
)


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """A column of a published table or view: DuckDB's type, and what it means."""

    name: str
    type: str
    doc: str


class View(msgspec.Struct, frozen=True, kw_only=True):
    """A view over the tables, for queries and for free SQL."""

    name: str
    doc: str
    columns: tuple[Column, ...]
    sql: str


class Macro(msgspec.Struct, frozen=True, kw_only=True):
    """An SQL function that views and queries share."""

    name: str
    parameters: tuple[str, ...]
    doc: str
    sql: str


def bundled_views(folder: Path = _FOLDER) -> tuple[View, ...]:
    """Read all views of the folder.

    Raises:
        ValueError: when a header cannot be read.
    """
    return tuple(
        parse_view(path.stem, path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.sql"))
    )


def bundled_macros(folder: Path = _FOLDER / "macros") -> tuple[Macro, ...]:
    """Read all macros of the folder.

    Raises:
        ValueError: when a file does not define the macro that it is named after.
    """
    return tuple(
        _parse_macro(path.stem, path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.sql"))
    )


def parse_view(name: str, text: str) -> View:
    """Read one view.

    Raises:
        ValueError: as bundled_views.
    """
    header, sql = _parted(text)
    doc = " ".join(line for line in header if not line.startswith("@column"))
    columns = tuple(_column(name, line) for line in header if line.startswith("@column"))
    if not doc or not columns or not sql:
        raise ValueError(f"views/{name}.sql: needs a sentence, a line '@column' for each column, and a query")
    return View(name=name, doc=doc, columns=columns, sql=sql)


def install_views(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the views as this Dialtone has them, unless they are there already, and checkpoint.

    Views that no longer belong are dropped; those of the tables of signals are left alone.
    """
    views, macros = bundled_views(), bundled_macros()
    digest = hashlib.sha256(msgspec.json.encode((views, macros))).hexdigest()
    if connection.execute("SELECT sha256 FROM published").fetchall() == [(digest,)]:
        return
    statements = _in_order(
        {macro.name: macro.sql for macro in macros}
        | {view.name: f"CREATE OR REPLACE VIEW {view.name} AS {view.sql}" for view in views}
    )
    with transaction(connection):
        for (name,) in connection.execute(_EXISTING).fetchall():
            if name not in TABLES.values():
                connection.execute(f'DROP VIEW "{name}"')
        for statement in statements:
            connection.execute(statement)
    # A transaction of its own: DuckDB has failed to replay changes of schema and of rows from one. A kill
    # between the two makes them once more.
    connection.execute("CHECKPOINT")
    connection.execute("DELETE FROM published")
    connection.execute("INSERT INTO published VALUES (?)", [digest])


def _in_order(statements: Mapping[str, str]) -> Iterable[str]:
    """Each after those whose names it holds."""
    words = {name: set(re.findall(r"\w+", _uncommented(sql))) for name, sql in statements.items()}
    needed = {name: (found & statements.keys()) - {name} for name, found in words.items()}
    return [statements[name] for name in TopologicalSorter(needed).static_order()]


def _uncommented(sql: str) -> str:
    return "\n".join(line for line in sql.splitlines() if not line.lstrip().startswith("--"))


def _parted(text: str) -> tuple[list[str], str]:
    """The lines of the header, and what follows."""
    lines = text.splitlines()
    length = next((number for number, line in enumerate(lines) if not line.startswith("-- ")), len(lines))
    header = [line.removeprefix("-- ") for line in lines[:length]]
    return header, "\n".join(lines[length:]).strip()


def _column(view: str, line: str) -> Column:
    match = _COLUMN.fullmatch(line)
    if match is None:
        raise ValueError(f"views/{view}.sql: {line!r} is not '@column <name> <type> <meaning>'")
    return Column(name=match[1], type=match[2], doc=match[3])


def _parse_macro(name: str, text: str) -> Macro:
    header, sql = _parted(text)
    match = _MACRO.match(sql)
    if match is None or match[1] != name or not header:
        raise ValueError(f"views/macros/{name}.sql: needs a sentence and CREATE OR REPLACE MACRO {name}")
    return Macro(name=name, parameters=tuple(re.findall(r"\w+", match[2])), doc=" ".join(header), sql=sql)
