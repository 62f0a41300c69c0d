"""`dialtone trace`: make a call, and see every stage, wait, attempt and decision on its way."""

from collections.abc import Mapping, Sequence
from typing import Unpack

import click
import msgspec
from rich.text import Text

from app.commands.call import Given, call_options, execute, refuse_failure
from app.commands.lines import plain
from app.commands.options import json_option
from app.commands.server import Reply
from app.commands.session import Session
from integrations.execution.outcome import Outcome
from integrations.execution.trace import Stage, TraceEvent

_STYLES = {
    "refused": "bold red",
    "failed": "red",
    "no ": "yellow",
    "waits": "yellow",
    "tries": "yellow",
    "falls": "yellow",
    "ok": "bold green",
}


@click.command()
@click.argument("integration")
@click.argument("action")
@call_options
@json_option
@click.pass_obj
def trace(session: Session, *, integration: str, action: str, as_json: bool, **given: Unpack[Given]) -> None:
    """Make a call as `call` does, and show all that happens: dialtone trace github-prod user.get.

    Times are milliseconds since the start. The call is a real one.
    """
    with session.waiting(f"Tracing {integration} {action} …"):
        reply = execute(session, integration=integration, action=action, given=given, traced=True)
    outcome = _outcome(reply)
    if outcome is not None and not as_json:
        show(session, outcome.trace or ())
    refuse_failure(reply, as_json=as_json)
    session.read(reply, Outcome, as_json=as_json)


def show(session: Session, events: Sequence[TraceEvent]) -> None:
    """Print the events, one a line: when, how long it waited, where, what and why."""
    steps = {event.step for event in events if event.step}
    for event in events:
        session.console.print(_line(event, with_step=len(steps) > 1), soft_wrap=True)


def _line(event: TraceEvent, *, with_step: bool) -> Text:
    waited = "" if event.waited is None else f"waited {event.waited * 1000:.0f} ms"
    step = f"{event.step}: " if with_step and event.step else ""
    return Text.assemble(
        (f"{event.at * 1000:9.1f} ms  ", "dim"),
        (f"{event.stage.value:<10}  ", "cyan" if event.stage is not Stage.OUTCOME else "bold"),
        (f"{plain(event.decision):<24}  ", _style(event.decision)),
        (f"[{waited}] " if waited else "", "magenta"),
        plain(f"{step}{event.detail}"),
    )


def _style(decision: str) -> str:
    return next((style for word, style in _STYLES.items() if word in decision), "")


def _outcome(reply: Reply) -> Outcome | None:
    """The outcome of a call, of a failed one too; None for a request that was refused."""
    body: object = reply.body
    if not reply.ok:
        body = body.get("outcome") if isinstance(body, Mapping) else None
    return None if body is None else msgspec.convert(body, Outcome)
