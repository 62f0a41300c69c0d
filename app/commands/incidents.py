"""`dialtone incidents`, `ack` and `unack`: what is wrong, and who works on it."""

from collections.abc import Iterator

import click
from rich.text import Text

from app.api.incident_bodies import IncidentDetail, IncidentList, IncidentSummary
from app.commands.lines import plain
from app.commands.looks import state_text, table
from app.commands.options import expiry_option, json_option, reason_option
from app.commands.server import segment
from app.commands.session import Session
from app.web.words import NOTHING, day_time, number, plural, span, until
from integrations.clock import SystemClock
from monitors.incident import Acknowledgement, Impact

_SHOWN_DECISIONS = 20


@click.group(invoke_without_command=True)
@click.option("--all", "everything", is_flag=True, help="Resolved ones too.")
@click.option("--integration", "-i", help="Only of this integration.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000), help="At most so many.")
@json_option
@click.pass_context
def incidents(
    ctx: click.Context, *, everything: bool, integration: str | None, limit: int, as_json: bool
) -> None:
    """List incidents that go on, the newest first; the subcommands show and change one."""
    if ctx.invoked_subcommand is not None:
        return
    session: Session = ctx.obj
    wanted = {"limit": str(limit)} | ({} if everything else {"state": "open"})
    if integration is not None:
        wanted["integration"] = integration
    found = session.read(session.server.get("/v2/incidents", wanted), IncidentList, as_json=as_json)
    if found is not None:
        _show_all(session, found)


@incidents.command()
@click.argument("incident")
@json_option
@click.pass_obj
def show(session: Session, incident: str, *, as_json: bool) -> None:
    """Show one in full: its timeline, and why who was told or was not."""
    reply = session.server.get(f"/v2/incidents/{segment(incident)}")
    found = session.read(reply, IncidentDetail, as_json=as_json)
    if found is not None:
        _show_one(session, found)


@incidents.command()
@click.argument("incident")
@click.argument("text")
@json_option
@click.pass_obj
def note(session: Session, incident: str, text: str, *, as_json: bool) -> None:
    """Write into its timeline."""
    _post(session, incident, "notes", body={"text": text}, as_json=as_json)


@incidents.command()
@click.argument("incident")
@click.argument("url")
@click.option("--text", default="", help="What is to be found there.")
@json_option
@click.pass_obj
def link(session: Session, incident: str, url: str, *, text: str, as_json: bool) -> None:
    """Put a link into its timeline, such as to a chat or a post-mortem."""
    _post(session, incident, "notes", body={"text": text, "link": url}, as_json=as_json)


@incidents.command()
@click.argument("incident")
@reason_option
@json_option
@click.pass_obj
def resolve(session: Session, incident: str, *, reason: str, as_json: bool) -> None:
    """End it by hand; the next confirmed failure opens another."""
    _post(session, incident, "resolve", body={"reason": reason}, as_json=as_json)


@click.command()
@click.argument("incident")
@reason_option
@expiry_option
@json_option
@click.pass_obj
def ack(session: Session, incident: str, *, reason: str, expires_in: float | None, as_json: bool) -> None:
    """Say that you work on an incident: nobody is reminded of it then, and it does not escalate.

    INCIDENT is its id, or the integration whose open incident is meant. It lasts until the incident is
    resolved, at most a day unless --for says otherwise.
    """
    body: dict[str, object] = {"reason": reason}
    if expires_in is not None:
        body["expires_in"] = expires_in
    _post(session, incident, "acknowledge", body=body, as_json=as_json)


@click.command()
@click.argument("incident")
@reason_option
@json_option
@click.pass_obj
def unack(session: Session, incident: str, *, reason: str, as_json: bool) -> None:
    """Take an acknowledgement back."""
    _post(session, incident, "unacknowledge", body={"reason": reason}, as_json=as_json)


def _post(session: Session, incident: str, what: str, *, body: dict[str, object], as_json: bool) -> None:
    path = f"/v2/incidents/{segment(_meant(session, incident))}/{what}"
    found = session.read(session.server.post(path, body), IncidentDetail, as_json=as_json)
    if found is not None:
        _headline(session, found)
        last = found.incident.timeline[-1]
        session.console.print(Text(plain(f"{last.event}: {last.text} {last.link}".strip())))


def _meant(session: Session, name: str) -> str:
    """The id of the incident, where an integration was named that has an open one."""
    if name.startswith("inc-"):
        return name
    reply = session.server.get("/v2/incidents", {"state": "open", "integration": name})
    found = session.read(reply, IncidentList, as_json=False)
    return found.incidents[0].id if found is not None and found.incidents else name


def _show_all(session: Session, found: IncidentList) -> None:
    now = SystemClock.time()
    rows = table(session.console, "", "INCIDENT", "INTEGRATION", "SINCE", "LASTS", "WHO", "WHY")
    for one in found.incidents:
        rows.add_row(
            state_text(one.state) if one.resolved_at is None else Text("✓ Resolved", style="green"),
            one.id,
            one.integration,
            day_time(one.opened_at, now),
            span((one.resolved_at or now) - one.began_at),
            _who(one.acknowledgement),
            Text(plain(_why(one))),
        )
    session.console.print(rows)
    verb = "goes" if found.open == 1 else "go"
    session.console.print(f"\n{plural(found.open, 'incident')} {verb} on")


def _why(one: IncidentSummary) -> str:
    marks = [mark for mark, holds in (("flapping", one.flapping), ("explained", bool(one.parent))) if holds]
    return f"{one.reason} ({', '.join(marks)})" if marks else one.reason


def _who(acknowledgement: Acknowledgement | None) -> str:
    return acknowledgement.actor if acknowledgement else NOTHING


def _show_one(session: Session, found: IncidentDetail) -> None:
    _headline(session, found)
    for line in _facts(found):
        session.console.print(Text(plain(line)), soft_wrap=True)
    now = SystemClock.time()
    session.console.print()
    rows = table(session.console, "WHEN", "EVENT", "WHO", "WHAT")
    for entry in found.incident.timeline:
        text = plain(f"{entry.text} {entry.link}".strip())
        event = entry.event.replace("_", " ")
        rows.add_row(day_time(entry.at, now), event, entry.actor or NOTHING, Text(text))
    session.console.print(rows)
    if found.decisions:
        session.console.print()
        told = table(session.console, "WHEN", "RECEIVER", "DECISION", "WHY")
        for decision in found.decisions[:_SHOWN_DECISIONS]:
            told.add_row(
                day_time(decision.at, now), decision.receiver, decision.verdict, Text(plain(decision.reason))
            )
        session.console.print(told)


def _headline(session: Session, found: IncidentDetail) -> None:
    one = found.incident
    state = state_text(one.state) if one.is_open else Text("✓ Resolved", style="green")
    session.console.print(Text.assemble((one.id, "bold"), "  ", one.integration, "  ", state))


def _facts(found: IncidentDetail) -> Iterator[str]:
    one, now = found.incident, SystemClock.time()
    length = span((one.resolved_at or now) - one.began_at)
    yield f"for {length}, since {day_time(one.began_at, now)}: {one.reason}"
    if one.vendor_says:
        yield f"◆ {one.vendor_says}"
    if one.impact is not None:
        yield _cost(one.impact)
    if (held := one.acknowledgement) is not None:
        yield f"{held.actor} {_working(held, now) if one.is_open else 'worked on it'}: {held.reason}"
    if one.parent:
        yield f"explained by {one.parent}"
    if found.explains:
        yield f"explains {', '.join(each.integration for each in found.explains)}"
    for alert in found.alerts:
        yield f"alert {alert.name} ({alert.severity}): {alert.phase}"


def _working(held: Acknowledgement, now: float) -> str:
    return f"works on it, {until(held.expires_at, now)} at the latest" if held.expires_at else "works on it"


def _cost(impact: Impact) -> str:
    if not impact.calls:
        return "no call was made since it began"
    callers = f"; callers: {', '.join(impact.callers)}" if impact.callers else ""
    return (
        f"{plural(impact.calls, 'call')} since it began: {number(impact.failures)} failed, "
        f"{number(impact.rejected)} refused{callers}"
    )
