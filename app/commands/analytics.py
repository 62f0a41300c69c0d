"""`dialtone analytics`: what is kept of everything that happened."""

import datetime as dt
from pathlib import Path

import click
import msgspec

from app.commands import exits
from app.commands.analytics_schema import schema
from app.commands.exporting import PATH, Listed, export, summary, wanted
from app.commands.options import json_option
from app.commands.session import Session


class Day(click.ParamType[dt.date]):
    """A UTC day such as 2026-11-22."""

    name = "day"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> dt.date:
        """Return the day."""
        try:
            return dt.date.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is no day; write it as 2026-11-22", param, ctx)


@click.group()
def analytics() -> None:
    """What is kept in DuckDB: its tables, and copies of it for other programs."""


@analytics.command("export")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--table", "-t", "tables", multiple=True, help="Only this table; may be repeated.")
@click.option("--from", "first", type=Day(), help="The first day (UTC).")
@click.option("--to", "last", type=Day(), help="The last day (UTC), inclusive.")
@json_option
@click.pass_obj
def export_days(
    session: Session,
    *,
    folder: Path,
    tables: tuple[str, ...],
    first: dt.date | None,
    last: dt.date | None,
    as_json: bool,
) -> None:
    """Write FOLDER/TABLE/day=YYYY-MM-DD/part.parquet for each table and UTC day.

    Run again, it writes what is missing: days that are over and have no new rows are left alone, today is
    always written. Ends with 1 when some of it failed.
    """
    if first is not None and last is not None and first > last:
        raise click.UsageError(f"--from {first} lies after --to {last}")
    reply = session.server.get(PATH, tuple(("table", table) for table in tables))
    listed = session.read(reply, Listed, as_json=as_json and not reply.ok)
    if listed is None:
        return
    days = tuple(wanted(listed, first=first, last=last))
    _make(folder)
    outcome = export(session, folder, days, today=listed.today)
    if as_json:
        click.echo(msgspec.json.encode(outcome).decode())
    else:
        session.errors.print(summary(outcome, asked=len(days)))
    if outcome.failed:
        raise exits.Ended(exits.FAILED)


def _make(folder: Path) -> None:
    """Before the first day, because none could be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise exits.CommandError(f"{folder} cannot be made: {error.strerror}.") from error


analytics.add_command(schema)
