"""`dialtone explain`: why an integration is as it is."""

from collections.abc import Iterable, Iterator

import click
from rich.text import Text

from app.commands.lines import plain
from app.commands.looks import state_text, table
from app.commands.options import json_option
from app.commands.server import segment
from app.commands.session import Session
from app.commands.status import show_health
from app.web.words import STATES, exact, plural, share, span
from integrations.clock import SystemClock
from integrations.signals import Ground, HealthChange
from monitors.alerts.decisions import Decision
from monitors.explain import CapabilityExplanation, Explanation

_SHOWN_CHANGES = 5
_SHOWN_DECISIONS = 10


@click.command()
@click.argument("integration")
@json_option
@click.pass_obj
def explain(session: Session, integration: str, *, as_json: bool) -> None:
    """Show why an integration is as it is: all evidence with its age and weight, and who was told.

    A weight is a share of what confirms a state; 1 in sum confirms it.
    """
    reply = session.server.get(f"/v2/integrations/{segment(integration)}/explanation")
    found = session.read(reply, Explanation, as_json=as_json)
    if found is None:
        return
    show_health(session, found.health)
    for one in found.capabilities:
        _capability(session, one, is_deciding=one.health.capability == found.deciding)
    _lines(session, "Last changes", _changes(found.changes[:_SHOWN_CHANGES]))
    _lines(session, "Who was told", _decisions(found.decisions[:_SHOWN_DECISIONS]))


def _capability(session: Session, one: CapabilityExplanation, *, is_deciding: bool) -> None:
    deciding = "  (decides for the whole)" if is_deciding else ""
    session.console.print()
    session.console.print(
        Text.assemble((one.health.capability, "bold"), "  ", state_text(one.health.state), (deciding, "dim"))
    )
    for line in _standing(one):
        session.console.print(Text(f"  {line}"), soft_wrap=True)
    rows = table(session.console, "  EVIDENCE", "AGO", "WEIGHT", "POINTS TO", "WHAT")
    for ground in one.evidence:
        rows.add_row(*_ground(ground))
    if one.evidence:
        session.console.print(rows)
    else:
        session.console.print(Text("  No evidence was seen since Dialtone started."))


def _standing(one: CapabilityExplanation) -> Iterator[str]:
    """How sure the verdict is, and what would change it."""
    if one.confirming is not None:
        word = STATES[one.confirming.state].lower()
        seen = plural(one.confirming.count, "result")
        yield f"Not confirmed yet: {seen} in a row point to {word}, {one.confirming.wanted} confirm it."
    fails = plural(one.wanted_to_fail, "failure")
    yield f"{fails} in a row make it down; {share(one.chance)} of its checks fail by chance."
    if one.flapping.is_on:
        yield (
            f"It flaps: {one.flapping.percent:.0f} % of its results changed; over at {one.flapping.ends:g} %."
        )


def _ground(ground: Ground) -> tuple[str | Text, ...]:
    weight = f"{ground.weight:.2f}" if ground.weight else "·"
    says = state_text(ground.says) if ground.says is not None else Text("·", style="dim")
    return f"  {ground.source.value}", span(ground.age), weight, says, plain(ground.text)


def _lines(session: Session, title: str, lines: Iterable[str]) -> None:
    told = list(lines)
    if told:
        session.console.print()
        session.console.print(Text(title, style="bold"))
    for line in told:
        session.console.print(Text(f"  {line}"), soft_wrap=True)


def _changes(changes: Iterable[HealthChange]) -> Iterator[str]:
    for change in changes:
        of = f"{change.capability} " if change.capability else ""
        flapping = ", flapping" if change.flapping else ""
        words = f"{STATES[change.before].lower()} → {STATES[change.after].lower()}{flapping}"
        yield f"{exact(change.at)}  {of}{words}: {plain(change.reason)}"


def _decisions(decisions: Iterable[Decision]) -> Iterator[str]:
    now = SystemClock.time()
    for one in decisions:
        ago = span(max(0.0, now - one.at))
        yield f"{ago} ago  {one.receiver}: {one.verdict.value}, because {plain(one.reason)}"
