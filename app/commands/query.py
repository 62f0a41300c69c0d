"""`dialtone query`: ask what happened, by name or in SQL; what is being asked, and an end to it."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import click
import msgspec

from app.commands.asking import ANALYTICS, PATIENCE, Asking, downloaded, ended_with_us, keep, show
from app.commands.looks import table
from app.commands.options import json_option
from app.commands.rows import Rows, show_rows
from app.commands.server import Download, segment
from app.commands.session import Session, pairs
from app.commands.sql import ask_sql, is_statement
from app.web.words import exact
from exporters.analytics.sql.frames import Format

_GOES_ON = frozenset({Format.CSV, Format.NDJSON})
"""Formats whose pages make one file behind one another."""


class QueryParameter(msgspec.Struct, frozen=True, kw_only=True):
    """A parameter of a named query."""

    name: str
    default: str | None = None


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """A named query."""

    name: str
    doc: str
    parameters: tuple[QueryParameter, ...] = ()


class Queries(msgspec.Struct, frozen=True, kw_only=True):
    """All named queries."""

    queries: tuple[Query, ...]


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """A query that runs or waits."""

    id: str
    caller: str
    query: str
    started_at: float
    sql: str = ""


class RunningList(msgspec.Struct, frozen=True, kw_only=True):
    """All that run or wait."""

    queries: tuple[Running, ...]


@click.command()
@click.argument("name", required=False)
@click.argument("params", nargs=-1, metavar="[KEY=VALUE]...")
@click.option(
    "--format", "-f", "shape", type=click.Choice([one.value for one in Format]), help="The answer's format."
)
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A file for the answer; its ending says the format where --format does not.",
)
@click.option("--running", is_flag=True, help="List the queries that run or wait.")
@click.option("--cancel", "cancelled", metavar="ID", help="End a query that runs or waits.")
@json_option
@click.pass_obj
def query(
    session: Session,
    *,
    name: str | None,
    params: tuple[str, ...],
    shape: str | None,
    output: Path | None,
    running: bool,
    cancelled: str | None,
    as_json: bool,
) -> None:
    """Ask what happened: dialtone query performance integration=github-prod.

    Or in SQL: dialtone query "SELECT integration, count(*) FROM calls GROUP BY ALL".
    Without NAME: what can be asked. Ctrl-C ends the query on the server too.
    """
    asking = Asking(shape=shape, output=output, as_json=as_json)
    if running or cancelled is not None:
        if name is not None or (running and cancelled is not None):
            raise click.UsageError("--running and --cancel stand alone")
        _list_running(session, as_json=as_json) if cancelled is None else _cancel(
            session, cancelled, as_json=as_json
        )
    elif name is None:
        _list_queries(session, asking)
    elif not name.strip():
        raise click.UsageError("the query is empty: name one, or write SQL; without any they are listed")
    elif is_statement(name):
        if params:
            raise click.UsageError("SQL takes no parameters; quote the whole statement")
        ask_sql(session, name, asking)
    else:
        given = {key: str(value) for key, value in pairs(params).items()}
        _ask(session, name, given=given, asking=asking)


def _ask(session: Session, name: str, *, given: Mapping[str, str], asking: Asking) -> None:
    wanted = asking.format
    parts = _whole(session, name, {**given, "format": wanted.value}, as_json=asking.as_json)
    if asking.output is not None:
        keep(parts, asking.output)
    elif asking.shape is not None:
        show(parts)
    else:
        _show(session, _page(session, name, given, as_json=asking.as_json), as_json=asking.as_json)


def _show(session: Session, found: Download, *, as_json: bool) -> None:
    if as_json:
        click.echo(found.content)
    else:
        show_rows(session, msgspec.json.decode(found.content, type=Rows))


def _whole(session: Session, name: str, given: Mapping[str, str], *, as_json: bool) -> Iterator[bytes]:
    """Ask page by page where the format can go on, and else say what is missing."""
    shape, cursor, is_first = Format(given["format"]), "", True
    while is_first or cursor:
        found = _page(session, name, {**given, "cursor": cursor} if cursor else given, as_json=as_json)
        is_headed = shape is Format.CSV and not is_first
        yield found.content.partition(b"\r\n")[2] if is_headed else found.content
        cursor, is_first = found.headers.get("dialtone-next", ""), False
        if cursor and shape not in _GOES_ON:
            session.errors.print(
                "There are more rows than one answer holds (analytics.query_rows): csv and ndjson hold all."
            )
            return


def _page(session: Session, name: str, given: Mapping[str, str], *, as_json: bool) -> Download:
    with session.waiting(f"Asking {name} …"), ended_with_us(session) as query_id:
        found = session.server.fetch(
            f"{ANALYTICS}/queries/{segment(name)}", params={"id": query_id, **given}, patience=PATIENCE
        )
    return downloaded(session, found, as_json=as_json)


def _list_queries(session: Session, asking: Asking) -> None:
    if asking.shape or asking.output:
        raise click.UsageError("--format and --output are for an answer: name a query, or write SQL")
    found = session.read(session.server.get(f"{ANALYTICS}/queries"), Queries, as_json=asking.as_json)
    if found is None:
        return
    rows = table(session.console, "QUERY", "WHAT IT TELLS", "PARAMETERS")
    for one in found.queries:
        rows.add_row(one.name, one.doc, ", ".join(parameter.name for parameter in one.parameters))
    session.console.print(rows)


def _list_running(session: Session, *, as_json: bool) -> None:
    found = session.read(session.server.get(f"{ANALYTICS}/running"), RunningList, as_json=as_json)
    if found is None:
        return
    rows = table(session.console, "ID", "SINCE", "CALLER", "QUERY")
    for one in found.queries:
        rows.add_row(one.id, exact(one.started_at), one.caller, one.sql or one.query)
    session.console.print(rows)
    if not found.queries:
        session.errors.print("Nothing runs.")


def _cancel(session: Session, query_id: str, *, as_json: bool) -> None:
    reply = session.server.delete(f"{ANALYTICS}/running/{segment(query_id)}")
    if not reply.ok:
        session.read(reply, RunningList, as_json=as_json)
    session.errors.print(f"Ended {query_id}.")
