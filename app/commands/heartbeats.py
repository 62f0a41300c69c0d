"""`dialtone heartbeats`: the jobs that must be heard of, and the URLs they are to call."""

import click

from app.api.heartbeats import HeartbeatBody, HeartbeatList, HeartbeatURL
from app.commands.looks import state_text, table
from app.commands.options import json_option, reason_option
from app.commands.server import segment
from app.commands.session import Session
from app.web.words import NOTHING, ago, plural, span, until
from integrations.clock import SystemClock
from integrations.signals import Health


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def heartbeats(ctx: click.Context, *, as_json: bool) -> None:
    """Show the jobs and events that must be heard of."""
    if ctx.invoked_subcommand is not None:
        return
    session: Session = ctx.obj
    found = session.read(session.server.get("/v2/heartbeats"), HeartbeatList, as_json=as_json)
    if found is not None:
        _show(session, found.heartbeats)


@heartbeats.command()
@click.argument("heartbeat")
@json_option
@click.pass_obj
def url(session: Session, heartbeat: str, *, as_json: bool) -> None:
    """Show the URL that a job is to call; it holds a key, so keep it like a password."""
    reply = session.server.get(f"/v2/heartbeats/{segment(heartbeat)}/url")
    if (found := session.read(reply, HeartbeatURL, as_json=as_json)) is not None:
        session.console.print(found.url, soft_wrap=True)


@heartbeats.command()
@click.argument("heartbeat")
@reason_option
@json_option
@click.pass_obj
def rotate(session: Session, heartbeat: str, *, reason: str, as_json: bool) -> None:
    """Make another key for the URL; the one before works for a day more."""
    reply = session.server.post(f"/v2/heartbeats/{segment(heartbeat)}/url/rotate", {"reason": reason})
    if (found := session.read(reply, HeartbeatURL, as_json=as_json)) is not None:
        session.console.print(found.url, soft_wrap=True)


def _show(session: Session, found: tuple[HeartbeatBody, ...]) -> None:
    now = SystemClock.time()
    rows = table(session.console, "HEARTBEAT", "STATE", "LAST SUCCESS", "EXPECTED", "TOOK", "WHY")
    for one in found:
        rows.add_row(
            one.id,
            state_text(one.health),
            NOTHING if one.last_success_at is None else ago(one.last_success_at, now),
            "late" if one.is_late else until(one.expected_at, now),
            NOTHING if one.duration is None else span(one.duration),
            NOTHING if one.health is Health.UP else one.reason,
        )
    session.console.print(rows)
    down = sum(1 for one in found if one.health is Health.DOWN)
    session.console.print(f"{plural(len(found), 'heartbeat')}, {down} down")
