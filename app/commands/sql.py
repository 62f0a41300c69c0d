"""`dialtone query "SELECT …"`: free SQL, on the screen or into a file."""

import sys
from pathlib import Path

import click
import msgspec

from app.commands import exits
from app.commands.rows import Rows, show_rows
from app.commands.server import Download, Reply
from app.commands.session import Session
from exporters.analytics.sql.frames import Format

PATH = "/v2/analytics/sql"
PATIENCE = 3_600.0
"""Seconds; the server's own limit ends a query long before."""

_FILES = frozenset({Format.ARROW, Format.PARQUET})


def is_statement(text: str) -> bool:
    """Whether a text is SQL rather than the name of a query, which is one word."""
    return len(text.split()) > 1 or text.lstrip().startswith("(")


def ask_sql(session: Session, sql: str, *, shape: str | None, output: Path | None, as_json: bool) -> None:
    """Ask, and print a table, or the answer in its format, or write it to a file."""
    wanted = Format(shape or (_suffix(output) if output else "json"))
    if wanted in _FILES and output is None and sys.stdout.isatty():
        raise click.UsageError(f"{wanted} is nothing for a terminal: name a file with --output")
    with session.waiting("Asking …"):
        found = session.server.fetch(PATH, {"sql": sql, "format": wanted.value}, patience=PATIENCE)
    if isinstance(found, Reply):
        session.read(found, Rows, as_json=as_json)
        raise exits.CommandError("The server's answer is none.")
    if output is not None:
        _write(output, found)
    elif shape is None and not as_json:
        show_rows(session, msgspec.json.decode(found.content, type=Rows))
        return
    else:
        click.echo(found.content, nl=False)
    if found.headers.get("dialtone-truncated") == "true":
        session.errors.print("There are more rows than one answer holds (analytics.sql_rows, sql_bytes).")


def _suffix(output: Path) -> str:
    known = {shape.value for shape in Format}
    ending = output.suffix.removeprefix(".").lower()
    if ending not in known:
        raise click.UsageError(
            f"{output.name} does not say its format: end it in .csv, .parquet …, or give --format"
        )
    return ending


def _write(output: Path, found: Download) -> None:
    try:
        output.write_bytes(found.content)
    except OSError as error:
        raise exits.CommandError(f"{output} cannot be written: {error.strerror}.") from error
