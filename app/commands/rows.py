"""Rows of an answer, as a person reads them."""

import msgspec

from app.commands.looks import cell, table
from app.commands.session import Session


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of a query."""

    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]
    truncated: bool = False


def show_rows(session: Session, answer: Rows) -> None:
    """Print a table, and say when there is nothing in it or more than it shows."""
    rows = table(session.console, *answer.columns)
    for row in answer.rows:
        rows.add_row(*map(cell, row))
    session.console.print(rows)
    if not answer.rows:
        session.errors.print("No rows.")
    if answer.truncated:
        session.errors.print(
            "There are more rows than a query returns; narrow it with from, to or integration."
        )
