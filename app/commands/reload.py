"""`dialtone reload`: take up the configuration file, and see what is different."""

from collections.abc import Iterator

import click
from rich.text import Text

from app.commands.options import json_option
from app.commands.session import Session
from app.configuration.difference import Difference, ReloadReport
from app.web.words import plural

PATIENCE = 120.0


@click.command()
@click.option("--dry-run", is_flag=True, help="Only show what would change.")
@json_option
@click.pass_obj
def reload(session: Session, *, dry_run: bool, as_json: bool) -> None:
    """Let a running Dialtone take up its configuration file as it is now.

    The file is the one that it was started with, on its machine. A file with a problem changes nothing, and
    ends this with 1 and all problems.
    """
    mode = "dry_run" if dry_run else "apply"
    with session.waiting("Reloading …"):
        reply = session.server.post("/v2/configuration/reload", {"mode": mode}, patience=PATIENCE)
    report = session.read(reply, ReloadReport, as_json=as_json)
    if report is None:
        return
    for warning in report.warnings:
        click.echo(f"Warning: {warning}", err=True)
    for line in _lines(report.changes):
        session.console.print(line)
    session.console.print(_sum(report))


def _lines(changes: Difference) -> Iterator[Text]:
    for name in changes.added:
        yield Text(f"+ {name}", style="green")
    for one in changes.changed:
        yield Text.assemble((f"~ {one.id}", "yellow"), f"  {', '.join(one.keys)}")
    for name in changes.removed:
        yield Text(f"- {name}", style="red")
    for key in changes.settings:
        yield Text.assemble(("~ ", "yellow"), key)
    for key in changes.needs_restart:
        yield Text.assemble(("! ", "bold"), f"{key}  needs a restart")


def _sum(report: ReloadReport) -> str:
    changes = report.changes
    counts = (
        f"{len(changes.added)} added, {len(changes.changed)} changed, {len(changes.removed)} removed, "
        f"{plural(changes.unchanged, 'integration')} unchanged"
    )
    return f"{report.source}: {counts}" + ("" if report.applied else " (nothing applied)")
