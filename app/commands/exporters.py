"""`dialtone exporters`: where metrics are pushed to, whether they arrive, a trial and a dry run."""

from contextlib import suppress

import click
import msgspec
from rich.text import Text

from app.api.exporters import ExporterList, PreviewList
from app.commands import exits
from app.commands.lines import plain
from app.commands.looks import table
from app.commands.options import json_option
from app.commands.server import segment
from app.commands.session import Session
from app.web.words import NOTHING, ago
from exporters.push.exporter import Action
from exporters.push.trials import Trial
from integrations.clock import SystemClock

TEST_PATIENCE = 45.0
"""Seconds: an intake has 30 to answer."""
_NOWHERE = "Metrics are pushed nowhere; `exporters` in the configuration names intakes."


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def exporters(ctx: click.Context, *, as_json: bool) -> None:
    """List push exporters and how they do."""
    if ctx.invoked_subcommand is not None:
        return
    session: Session = ctx.obj
    found = session.read(session.server.get("/v2/exporters"), ExporterList, as_json=as_json)
    if found is None:
        return
    rows = table(session.console, "EXPORTER", "STATE", "WAITING", "BYTES", "OLDEST", "DROPPED", "WHY")
    now = SystemClock.time()
    for one in found.exporters:
        oldest = NOTHING if one.oldest is None else ago(one.oldest, now)
        state = Text("✓ ok", style="green") if one.ok else Text("✗ fails", style="bold red")
        dropped = ", ".join(f"{points} {reason}" for reason, points in one.dropped.items()) or NOTHING
        why = Text(plain(one.reason))
        rows.add_row(one.name, state, str(one.batches), str(one.bytes), oldest, dropped, why)
    session.console.print(rows)
    if not found.exporters:
        session.console.print(_NOWHERE)


@exporters.command("test")
@click.argument("exporter", required=False)
@json_option
@click.pass_obj
def try_exporters(session: Session, exporter: str | None, *, as_json: bool) -> None:
    """Send one value to an intake, or to all of them, and show what they said."""
    if exporter is not None:
        _try(session, exporter, as_json=as_json)
        return
    if as_json:
        raise click.UsageError("--json needs the name of one exporter")
    found = session.read(session.server.get("/v2/exporters"), ExporterList, as_json=False)
    names = [one.name for one in found.exporters] if found is not None else []
    if not names:
        session.console.print(_NOWHERE)
    failures = [name for name in names if not _took(session, name)]
    if failures:
        raise exits.CommandError(f"{len(failures)} of {len(names)} fail: {', '.join(failures)}.")


def _took(session: Session, exporter: str) -> bool:
    """Try one of several; what is wrong with it is told, and the others are tried all the same."""
    try:
        _try(session, exporter, as_json=False)
    except exits.CommandError as error:
        session.errors.print(Text(f"✗ {error.message}", style="bold red"), soft_wrap=True)
        return False
    return True


def _is_taken(trial: Trial) -> bool:
    return trial.action == Action.TAKEN.value


def _try(session: Session, exporter: str, *, as_json: bool) -> None:
    with session.waiting(f"asking {exporter}"):
        reply = session.server.post(f"/v2/exporters/{segment(exporter)}/test", {}, patience=TEST_PATIENCE)
    found = session.read(reply, Trial, as_json=as_json, is_good=_is_taken)
    if found is None:
        return
    answer = "no answer" if found.status is None else f"{found.status} {plain(found.body)}"
    session.console.print(Text(f"{found.method} {found.url}\n{answer}"), soft_wrap=True)
    if not _is_taken(found):
        reason = f"{exporter} did not take it: {plain(found.reason)}".removesuffix(".")
        told = reason if reason.endswith("?") else f"{reason}."
        raise exits.CommandError("\n".join(filter(None, (told, found.advice))))
    session.console.print(Text(f"✓ {exporter} took it", style="green"))
    if found.advice:
        session.console.print(Text(found.advice), soft_wrap=True)


@exporters.command()
@click.argument("exporter")
@click.option("--bodies", is_flag=True, help="Show what the requests hold, before compression.")
@json_option
@click.pass_obj
def preview(session: Session, exporter: str, *, bodies: bool, as_json: bool) -> None:
    """Show what would be sent now, without sending it."""
    reply = session.server.get(f"/v2/exporters/{segment(exporter)}/preview")
    found = session.read(reply, PreviewList, as_json=as_json)
    if found is None:
        return
    if not found.requests:
        session.console.print("Nothing: there is no value to send yet.")
        return
    rows = table(session.console, "TO", "POINTS", "BYTES")
    for one in found.requests:
        rows.add_row(one.url, str(one.points), str(one.bytes))
    session.console.print(rows)
    if not bodies:
        session.console.print("--bodies shows what they hold.")
        return
    for one in found.requests:
        session.console.print(Text(f"\n{one.url}\n{_readable(one.body)}"), soft_wrap=True)


def _readable(body: str) -> str:
    """A body for people: JSON with a line for each value; everything else as it is, line by line."""
    with suppress(msgspec.DecodeError):
        body = msgspec.json.format(body, indent=2)
    return "\n".join(map(plain, body.splitlines())) or "(it has no text)"
