"""`dialtone pause`, `resume` and `breaker`: what operators do; each with a reason that is kept."""

import click
from rich.text import Text

from app.api.bodies import IntegrationStatusBody
from app.commands.looks import state_text, table
from app.commands.options import expiry_option, json_option, reason_option
from app.commands.server import segment
from app.commands.session import Session
from app.web.words import breaker_words, pause_words
from integrations.clock import SystemClock


@click.command()
@click.argument("integration")
@reason_option
@expiry_option
@json_option
@click.pass_obj
def pause(
    session: Session, integration: str, *, reason: str, expires_in: float | None, as_json: bool
) -> None:
    """Pause an integration's checks. Calls go on."""
    _post(session, integration=integration, what="pause", order=_order(reason, expires_in), as_json=as_json)


@click.command()
@click.argument("integration")
@reason_option
@json_option
@click.pass_obj
def resume(session: Session, integration: str, *, reason: str, as_json: bool) -> None:
    """Check an integration again."""
    _post(session, integration=integration, what="resume", order={"reason": reason}, as_json=as_json)


@click.command()
@click.argument("operation", type=click.Choice(["force-open", "disable", "shadow", "reset"]))
@click.argument("integration")
@click.option("--capability", "-c", help="Only this capability's breaker; without: all of them.")
@reason_option
@expiry_option
@json_option
@click.pass_obj
def breaker(
    session: Session,
    operation: str,
    integration: str,
    *,
    capability: str | None,
    reason: str,
    expires_in: float | None,
    as_json: bool,
) -> None:
    """Operate circuit breakers.

    force-open refuses all calls, disable lets all through, shadow counts and refuses nothing, reset gives
    the breaker back to its own rules.
    """
    order = _order(reason, expires_in)
    if capability is not None:
        order["capability"] = capability
    what = f"breaker/{operation.replace('-', '_')}"
    _post(session, integration=integration, what=what, order=order, as_json=as_json)


def _order(reason: str, expires_in: float | None) -> dict[str, object]:
    order: dict[str, object] = {"reason": reason}
    return order if expires_in is None else {**order, "expires_in": expires_in}


def _post(session: Session, *, integration: str, what: str, order: dict[str, object], as_json: bool) -> None:
    reply = session.server.post(f"/v2/integrations/{segment(integration)}/{what}", order)
    now_is = session.read(reply, IntegrationStatusBody, as_json=as_json)
    if now_is is None:
        return
    session.console.print(Text.assemble((now_is.integration, "bold"), "  ", state_text(now_is.health.state)))
    now = SystemClock.time()
    if now_is.health.pause:
        session.console.print(f"{now_is.health.reason} ({pause_words(now_is.health.pause, now)})")
    if not what.startswith("breaker"):
        return
    rows = table(session.console, "BREAKER", "NOW")
    for one in now_is.line.breakers:
        rows.add_row(one.capability, breaker_words(one, now))
    session.console.print(rows)
