"""`dialtone credentials`: what integrations authenticate with, when it ends, and renewing it now."""

import click

from app.api.bodies import CredentialList, CredentialRefresh
from app.commands import exits
from app.commands.looks import table
from app.commands.options import json_option
from app.commands.server import segment
from app.commands.session import Session
from app.web.words import NOTHING, span
from integrations.clock import SystemClock
from integrations.credentials.state import CredentialState


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def credentials(ctx: click.Context, *, as_json: bool) -> None:
    """Show what integrations authenticate with, and when it ends."""
    if ctx.invoked_subcommand is not None:
        return
    session: Session = ctx.obj
    found = session.read(session.server.get("/v2/credentials"), CredentialList, as_json=as_json)
    if found is not None:
        _show(session, found.credentials)


@credentials.command()
@click.argument("integration")
@click.option("--reason", "-r", default="asked for at the command line", help="Why; it is kept.")
@json_option
@click.pass_obj
def refresh(session: Session, integration: str, *, reason: str, as_json: bool) -> None:
    """Buy a new access token now, or read the secrets' files again."""
    path = f"/v2/integrations/{segment(integration)}/credential/refresh"
    with session.waiting(f"renewing the credential of {integration}"):
        reply = session.server.post(path, {"reason": reason})
    done = session.read(reply, CredentialRefresh, as_json=as_json, is_good=lambda refresh: refresh.ok)
    if done is None:
        return
    _show(session, done.credentials)
    if not done.ok:
        raise exits.CommandError(done.detail)


def _show(session: Session, found: tuple[CredentialState, ...]) -> None:
    now = SystemClock.time()
    rows = table(session.console, "INTEGRATION", "KIND", "CREDENTIAL", "STATE", "ENDS", "REFRESHED", "LACKS")
    for one in found:
        lacking = sorted({scope for scopes in one.missing.values() for scope in scopes})
        rows.add_row(
            one.integration,
            one.kind,
            one.credential,
            one.state.replace("_", " "),
            _when(one.expires_at, now),
            NOTHING if one.refreshed_at is None else f"{span(now - one.refreshed_at)} ago",
            ", ".join(lacking) or NOTHING,
        )
    session.console.print(rows)


def _when(end: float | None, now: float) -> str:
    if end is None:
        return NOTHING
    return f"in {span(end - now)}" if end > now else f"{span(now - end)} ago"
