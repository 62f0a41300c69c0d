"""`dialtone alerts` and `routes`: the alerts that stand, and where labels would lead."""

from collections.abc import Iterator

import click
from rich.text import Text

from app.api.alert_bodies import AlertBody, AlertList, RouteReport
from app.commands import exits
from app.commands.lines import plain
from app.commands.looks import table
from app.commands.options import json_option
from app.commands.session import Session
from app.web.words import NOTHING, span
from integrations.clock import SystemClock

_STYLES = {"critical": "bold red", "warning": "yellow"}


@click.command()
@click.argument("matchers", nargs=-1)
@json_option
@click.pass_obj
def alerts(session: Session, matchers: tuple[str, ...], *, as_json: bool) -> None:
    """List the alerts that stand, and what keeps one quiet.

    MATCHERS such as vendor=github or 'team=~"shop|cart"' must all hold.
    """
    reply = session.server.get("/v2/alerts", tuple(("matcher", each) for each in matchers))
    found = session.read(reply, AlertList, as_json=as_json)
    if found is not None:
        show_alerts(session, found)


@click.group()
def routes() -> None:
    """Look at the routing of alerts."""


@routes.command("test")
@click.argument("labels", nargs=-1, required=True)
@json_option
@click.pass_obj
def try_route(session: Session, labels: tuple[str, ...], *, as_json: bool) -> None:
    """Show where an alert with these LABELS (team=shop severity=critical …) would go. Nothing is sent."""
    given = dict(map(_pair, labels))
    reply = session.server.post("/v2/routes/test", {"labels": given})
    found = session.read(reply, RouteReport, as_json=as_json, is_good=lambda report: bool(report.ends))
    if found is None:
        return
    if not found.ends:
        raise exits.CommandError("The configuration has no alerts.route, so nobody is told.")
    for end in found.ends:
        session.console.print(Text.assemble((end.receiver, "bold"), f"  by {end.route}"))
        session.console.print(Text(f"  group {end.group}"))
        times = f"told after {end.group_wait:g} s, of news every {end.group_interval:g} s, again after "
        more = f", escalation {end.escalation}" if end.escalation else ""
        session.console.print(Text(f"  {times}{end.repeat_interval:g} s{more}"))
    rows = table(session.console, "", "ROUTE", "RECEIVER", "WHY")
    for step in found.steps:
        rows.add_row("✓" if step.taken else NOTHING, Text(step.route), step.receiver, Text(step.why))
    session.console.print()
    session.console.print(rows)


def show_alerts(session: Session, found: AlertList) -> None:
    """Print alerts as a table."""
    now = SystemClock.time()
    rows = table(session.console, "SEVERITY", "ALERT", "OF", "FOR", "RECEIVERS", "QUIET", "WHAT")
    for one in found.alerts:
        severity = one.labels.get("severity", "")
        phase = "" if one.phase == "firing" else f" ({one.phase})"
        rows.add_row(
            Text(severity, style=_STYLES.get(severity, "")),
            f"{one.labels.get('alertname', '')}{phase}",
            one.labels.get("integration", NOTHING),
            span(now - one.starts_at),
            ", ".join(one.receivers) or NOTHING,
            Text("; ".join(_quiet(one)) or NOTHING),
            Text(plain(one.annotations.get("summary", ""))),
        )
    session.console.print(rows)
    if not found.alerts:
        session.console.print("No alert stands.")


def _quiet(one: AlertBody) -> Iterator[str]:
    status = one.status
    if status.silenced_by:
        yield f"silenced by {', '.join(status.silenced_by)}"
    if status.inhibited_by:
        yield "another alert explains it"
    if status.muted_by:
        yield ", ".join(status.muted_by)
    if status.acknowledged_by:
        yield f"{status.acknowledged_by} works on it"


def _pair(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator or not name:
        raise click.UsageError(f"{text!r} is no LABEL=VALUE, such as team=shop")
    return name, value
