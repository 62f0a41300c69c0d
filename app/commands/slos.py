"""`dialtone slos`: what is left of error budgets, and how fast they are spent."""

import click
from rich.text import Text

from app.api.slos import SLOList
from app.commands.looks import table
from app.commands.options import json_option
from app.commands.session import Session
from app.web.words import NOTHING, plural
from monitors.slo_report import SLOStatus

_LOOKS = {"critical": ("✗", "bold red"), "warning": ("▲", "yellow"), "": ("✓", "green")}


@click.command()
@json_option
@click.pass_obj
def slos(session: Session, *, as_json: bool) -> None:
    """Show service level objectives: what is left of each budget, and how fast it burns."""
    found = session.read(session.server.get("/v2/slos"), SLOList, as_json=as_json)
    if found is None:
        return
    rows = table(
        session.console, "OBJECTIVE", "ASKED", "GOT", "BUDGET LEFT", "5m/1h", "30m/6h", "2h/1d", "6h/3d"
    )
    for one in found.slos:
        rows.add_row(
            _name(one),
            f"{one.objective:g} %"
            + (f" in {one.latency_below:g} s" if one.latency_below is not None else ""),
            NOTHING if one.ratio is None else f"{one.ratio:.3%}",
            f"{one.budget_left:.1%}",
            *(f"{burn.short:.1f}/{burn.long:.1f}" for burn in one.burns),
        )
    session.console.print(rows)
    burning = sum(1 for one in found.slos if one.severity)
    session.console.print(f"{plural(len(found.slos), 'objective')}, {burning} burning too fast")


def _name(one: SLOStatus) -> Text:
    sign, style = _LOOKS[one.severity]
    return Text(f"{sign} {one.name}", style=style)
