"""`dialtone call` and `dialtone query`: call a third party, and ask what happened."""

from collections.abc import Callable
from pathlib import Path
from typing import TypedDict, Unpack

import click
import msgspec

from app.api.priority import CHOICES, HEADER
from app.commands import exits
from app.commands.looks import table
from app.commands.rows import Rows, show_rows
from app.commands.server import CALL_PATIENCE, Reply, segment
from app.commands.session import F, Session, json_option, pairs, problem_text
from app.commands.sql import ask_sql, is_statement
from exporters.analytics.sql.frames import Format
from integrations.execution.outcome import Outcome


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


class Given(TypedDict):
    """What an action is called with, as the command line has it."""

    params: tuple[str, ...]
    json_params: str | None
    timeout: float | None
    idempotency_key: str | None
    priority: str | None


def call_options(command: F) -> F:
    """Add what `call` and `trace` both take."""
    for option in reversed(_CALL_OPTIONS):
        command = option(command)
    return command


_CALL_OPTIONS: tuple[Callable[[F], F], ...] = (
    click.argument("params", nargs=-1, metavar="[KEY=VALUE | KEY:=JSON]..."),
    click.option("--json-params", help="All params as one JSON object."),
    click.option(
        "--timeout", type=click.FloatRange(min=0, min_open=True), help="Seconds for the whole action."
    ),
    click.option("--idempotency-key", help="Lets a write be repeated safely."),
    click.option(
        "--priority", type=click.Choice(list(CHOICES)), help="Who goes first where calls must wait in line."
    ),
)


def execute(session: Session, *, integration: str, action: str, given: Given, traced: bool = False) -> Reply:
    """Ask the server to run an action."""
    body: dict[str, object] = {"params": _object(given["json_params"]) | pairs(given["params"])}
    body |= {key: given[key] for key in ("timeout", "idempotency_key") if given[key] is not None}
    return session.server.post(
        f"/v2/integrations/{segment(integration)}/actions/{segment(action)}",
        body,
        patience=CALL_PATIENCE,
        headers={HEADER: given["priority"]} if given["priority"] else None,
        params={"trace": "true"} if traced else None,
    )


@click.command()
@click.argument("integration")
@click.argument("action")
@call_options
@json_option
@click.pass_obj
def call(session: Session, *, integration: str, action: str, as_json: bool, **given: Unpack[Given]) -> None:
    """Call a third party: dialtone call github-prod issues.list owner=octo repo=hello limit:=5."""
    with session.waiting(f"Calling {integration} {action} …"):
        reply = execute(session, integration=integration, action=action, given=given)
    refuse_failure(reply, as_json=as_json)
    outcome = session.read(reply, Outcome, as_json=as_json)
    if outcome is not None:
        session.errors.print(f"ok in {outcome.duration * 1000:.0f} ms, {len(outcome.attempts)} attempt(s)")
        click.echo(msgspec.json.format(msgspec.json.encode(outcome.data), indent=2).decode())


@click.command()
@click.argument("name", required=False)
@click.argument("params", nargs=-1, metavar="[KEY=VALUE]...")
@click.option(
    "--format", "-f", "shape", type=click.Choice([one.value for one in Format]), help="The answer's, of SQL."
)
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A file for the answer of SQL; its ending says the format where --format does not.",
)
@json_option
@click.pass_obj
def query(
    session: Session,
    name: str | None,
    params: tuple[str, ...],
    *,
    shape: str | None,
    output: Path | None,
    as_json: bool,
) -> None:
    """Ask what happened: dialtone query performance integration=github-prod.

    Or in SQL: dialtone query "SELECT integration, count(*) FROM calls GROUP BY ALL".
    Without NAME: what can be asked.
    """
    if name is not None and is_statement(name):
        if params:
            raise click.UsageError("SQL takes no parameters; quote the whole statement")
        ask_sql(session, name, shape=shape, output=output, as_json=as_json)
        return
    if shape or output:
        raise click.UsageError("--format and --output are for SQL; a named query takes format=records")
    if name is None:
        _list_queries(session, as_json=as_json)
        return
    given = {key: str(value) for key, value in pairs(params).items()}
    with session.waiting(f"Asking {name} …"):
        reply = session.server.get(f"/v2/analytics/queries/{segment(name)}", given)
    answer = session.read(reply, Rows, as_json=as_json)
    if answer is not None:
        show_rows(session, answer)


def _list_queries(session: Session, *, as_json: bool) -> None:
    found = session.read(session.server.get("/v2/analytics/queries"), Queries, as_json=as_json)
    if found is None:
        return
    rows = table(session.console, "QUERY", "WHAT IT TELLS", "PARAMETERS")
    for one in found.queries:
        rows.add_row(one.name, one.doc, ", ".join(parameter.name for parameter in one.parameters))
    session.console.print(rows)


def _object(text: str | None) -> dict[str, object]:
    if text is None:
        return {}
    try:
        return msgspec.json.decode(text, type=dict[str, object])
    except msgspec.DecodeError as error:
        raise click.UsageError(f"--json-params must be a JSON object: {error}") from error


def refuse_failure(reply: Reply, *, as_json: bool) -> None:
    """A failed outcome ends with its kind and what the vendor said."""
    outcome = reply.body.get("outcome") if isinstance(reply.body, dict) else None
    if as_json or reply.ok or not isinstance(outcome, dict):
        return
    facts = [str(outcome.get("kind")), str(outcome.get("code") or ""), _wait(outcome.get("retry_after"))]
    known = ", ".join(fact for fact in facts if fact)
    raise exits.CommandError(f"{problem_text(reply.body)} ({known})")


def _wait(seconds: object) -> str:
    return f"try again in {seconds:.0f} s" if isinstance(seconds, int | float) else ""
