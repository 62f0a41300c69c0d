"""`dialtone call`: call a third party."""

from collections.abc import Callable
from typing import TypedDict, Unpack

import click
import msgspec

from app.api.priority import CHOICES, HEADER
from app.commands import exits
from app.commands.lines import plain
from app.commands.options import F, json_option
from app.commands.server import CALL_PATIENCE, Reply, segment
from app.commands.session import Session, pairs, problem_text
from integrations.execution.outcome import Outcome, Source

_STRUCK = "fault injected"


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
        session.errors.print(_summary(outcome), markup=False, soft_wrap=True)
        click.echo(msgspec.json.format(msgspec.json.encode(outcome.data), indent=2).decode())


def _summary(outcome: Outcome) -> str:
    """How it went; whoever reads the data is told when it is not what the vendor says now."""
    facts = [f"ok in {outcome.duration * 1000:.0f} ms", f"{len(outcome.attempts)} attempt(s)"]
    if any(attempt.injected for attempt in outcome.attempts):
        facts.append(_STRUCK)
    if outcome.source is not Source.LIVE:
        facts.append(f"{outcome.source.value} answer" + (f": {outcome.detail}" if outcome.detail else ""))
    return plain(", ".join(facts))


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
    facts = [
        str(outcome.get("kind")),
        str(outcome.get("code") or ""),
        _wait(outcome.get("retry_after")),
        _STRUCK if any(attempt.get("injected") for attempt in outcome.get("attempts") or ()) else "",
    ]
    known = ", ".join(fact for fact in facts if fact)
    raise exits.CommandError(f"{problem_text(reply.body)} ({known})")


def _wait(seconds: object) -> str:
    return f"try again in {seconds:.0f} s" if isinstance(seconds, int | float) else ""
