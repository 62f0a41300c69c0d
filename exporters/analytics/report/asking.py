"""Asks the statements of a report, one after another, and lets others work in between."""

import datetime as dt
import re
from collections.abc import Callable, Iterator, Mapping
from importlib.resources import files

import duckdb

CHUNK = 2_000
"""Rows that are read before others get their turn."""

Value = str | float | int | dt.datetime | list[str] | list[dt.datetime] | None

_USED = re.compile(r"\$(\w+)")


class Asking:
    """The statements in statements/*.sql over one cursor; `given` are the parameters that several take.
    `breathe` is called between chunks of rows, and may raise to end the work.
    """

    def __init__(
        self, cursor: duckdb.DuckDBPyConnection, *, given: Mapping[str, Value], breathe: Callable[[], None]
    ) -> None:
        self._cursor = cursor
        self._given = given
        self._breathe = breathe

    def rows(self, statement: str, **more: Value) -> Iterator[tuple[object, ...]]:
        """Yield the rows that a statement gives; it is bound what it uses."""
        sql = read(statement)
        values = {**self._given, **more}
        self._breathe()
        self._cursor.execute(sql, {name: values[name] for name in set(_USED.findall(sql))})
        while chunk := self._cursor.fetchmany(CHUNK):
            yield from chunk
            self._breathe()


def read(statement: str) -> str:
    """Return a statement's text."""
    folder = files("exporters.analytics.report").joinpath("statements")
    return folder.joinpath(f"{statement}.sql").read_text(encoding="utf-8")


def moment(at: float) -> dt.datetime:
    """Return UTC seconds as DuckDB's TIMESTAMP is bound."""
    return dt.datetime.fromtimestamp(at, dt.UTC).replace(tzinfo=None)
