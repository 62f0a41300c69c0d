"""`dialtone check`: check an integration now; with --debug, see everything about it."""

from collections.abc import Iterator, Mapping, Sequence

import click
from rich.text import Text

from app.commands.lines import plain
from app.commands.looks import state_text
from app.commands.options import json_option
from app.commands.server import CALL_PATIENCE, segment
from app.commands.session import Session
from app.commands.status import show_health
from app.web.words import STATES, exact, plural
from integrations.examination import Exchange, ShownAnswer
from integrations.execution.certificate import Certificate
from integrations.execution.outcome import Outcome, Phases
from integrations.manifest.evaluate import Finding
from monitors.debugging import CheckDebug, IntegrationDebug
from monitors.report import IntegrationHealth


@click.command()
@click.argument("integration")
@click.option("--debug", is_flag=True, help="Show requests, answers, conditions and the verdict in full.")
@json_option
@click.pass_obj
def check(session: Session, integration: str, *, debug: bool, as_json: bool) -> None:
    """Check an integration now and show the verdict.

    Ends with 0 whatever the verdict is; programs read `state` with --json.
    """
    path = f"/v2/integrations/{segment(integration)}/check" + ("/debug" if debug else "")
    with session.waiting(f"Checking {integration} …"):
        reply = session.server.post(path, {}, patience=CALL_PATIENCE)
    if debug:
        found = session.read(reply, IntegrationDebug, as_json=as_json)
        if found is not None:
            _show_debug(session, found)
        return
    health = session.read(reply, IntegrationHealth, as_json=as_json)
    if health is not None:
        show_health(session, health)


def _show_debug(session: Session, found: IntegrationDebug) -> None:
    for one in found.checks:
        session.console.print(Text.assemble((one.capability, "bold"), f"  {plain(one.asks)}"))
        for line in _told(one):
            session.console.print(line, soft_wrap=True)
        session.console.print()
    if not found.checks:
        session.console.print("No check ran: the integration is paused, or none is configured.")
    show_health(session, found.health)


def _told(one: CheckDebug) -> Iterator[Text]:
    for exchange in one.exchanges:
        yield from _exchange(exchange)
    if one.conditions:
        yield Text("  conditions", style="dim")
        yield from map(_condition, one.conditions)
    if one.outcome is not None:
        yield _row("outcome", _outcome(one.outcome))
    yield from _verdict(one)


def _exchange(exchange: Exchange) -> Iterator[Text]:
    request, answer = exchange.request, exchange.answer
    size = f"  ({plural(request.body_bytes, 'byte')} of body)" if request.body_bytes else ""
    yield Text(f"  > {request.method} {plain(request.url)}{size}", style="bold")
    yield from _headers(">", request.headers)
    if answer is not None:
        yield from _answer(answer)
    if exchange.phases is not None:
        yield _row("phases", _phases(exchange.phases))
    if exchange.certificate is not None:
        yield from _certificate(exchange.certificate)
    if exchange.rule:
        judged = "good" if exchange.kind is None else exchange.kind.value
        code = f", code {plain(exchange.code)}" if exchange.code else ""
        yield _row("judged", f"{judged} by {exchange.rule}{code}")


def _answer(answer: ShownAnswer) -> Iterator[Text]:
    yield Text(f"  < {answer.http_version} {answer.status}", style="bold")
    yield from _headers("<", answer.headers)
    for line in answer.body.splitlines():
        yield Text(f"  | {plain(line)}")


def _headers(sign: str, headers: Mapping[str, str]) -> Iterator[Text]:
    for name, value in headers.items():
        yield Text(f"  {sign} {plain(name)}: {plain(value)}", style="dim")


def _phases(phases: Phases) -> str:
    parts: Sequence[tuple[str, float | None]] = (
        ("dns", phases.dns),
        ("connect", phases.connect),
        ("tls", phases.tls),
        ("first byte", phases.first_byte),
        ("transfer", phases.transfer),
    )
    return ", ".join(f"{name} {seconds * 1000:.1f} ms" for name, seconds in parts if seconds is not None)


def _certificate(one: Certificate) -> Iterator[Text]:
    yield _row("certificate", f"{plain(one.subject)}, issued by {plain(one.issuer)}")
    begins = "" if one.not_before is None else f"from {exact(one.not_before)} "
    yield _row("", f"valid {begins}to {exact(one.not_after)}, for {plain(', '.join(one.names))}")
    chain = "" if one.chain is None else f", chain of {one.chain}"
    yield _row("", f"{one.protocol} {one.cipher}{chain}")


def _condition(one: Finding) -> Text:
    sign, style = ("✓", "green") if one.held else ("✗", "bold red")
    found = f"   found {plain(one.found)}" if one.found else ""
    return Text.assemble("    " + "  " * one.depth, (sign, style), f" {plain(one.expected)}{found}")


def _outcome(outcome: Outcome) -> str:
    kind = "ok" if outcome.kind is None else outcome.kind.value
    detail = f": {plain(outcome.detail)}" if outcome.detail else ""
    return f"{kind}{detail} ({plural(len(outcome.attempts), 'attempt')}, {outcome.duration * 1000:.0f} ms)"


def _verdict(one: CheckDebug) -> Iterator[Text]:
    yield Text.assemble(_row("before", ""), state_text(one.before.state), f"  {plain(one.before.reason)}")
    yield Text.assemble(_row("after", ""), state_text(one.after.state), f"  {plain(one.after.reason)}")
    if one.after.pending is not None:
        word = STATES[one.after.pending]
        yield _row("pending", f"{word}, {plural(one.missing, 'more result')} like this to confirm it")


def _row(name: str, text: str) -> Text:
    return Text.assemble((f"  {name:<12} ", "dim"), text)
