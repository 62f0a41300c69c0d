"""`dialtone status`: how the integrations are."""

from collections.abc import Iterator

import click
from rich.text import Text

from app.api.bodies import IntegrationDetail, IntegrationList, IntegrationSummary
from app.commands.looks import state_text, table
from app.commands.options import json_option
from app.commands.server import segment
from app.commands.session import Session
from app.web.words import (
    ORDER,
    breaker_words,
    calls_words,
    exact,
    injection_words,
    number,
    pause_words,
    plural,
    span,
)
from integrations.clock import SystemClock
from integrations.signals import Health, Indicator
from monitors.report import IntegrationHealth


@click.command()
@click.argument("integration", required=False)
@click.option("--state", type=click.Choice([one.value for one in Health]), multiple=True, help="Only these.")
@json_option
@click.pass_obj
def status(session: Session, integration: str | None, state: tuple[str, ...], *, as_json: bool) -> None:
    """Show how all integrations are, or one in full.

    Ends with 0 whatever their health is; programs read `state` and `needs_attention` with --json.
    """
    if integration is not None:
        _show_one(session, integration, as_json=as_json)
        return
    query = "&".join(f"state={one}" for one in state)
    reply = session.server.get(f"/v2/integrations?{query}" if query else "/v2/integrations")
    found = session.read(reply, IntegrationList, as_json=as_json)
    if found is not None:
        _show_all(session, found)


def _show_all(session: Session, found: IntegrationList) -> None:
    now = SystemClock.time()
    rows = table(session.console, "", "INTEGRATION", "VENDOR", "FOR", "WHY")
    for one in sorted(found.integrations, key=_worst_first):
        why = Text("\n".join(_why(one, now)))
        rows.add_row(state_text(one.state), one.id, one.vendor_name, span(now - one.since), why)
    session.console.print(rows)
    need = "needs" if found.needing_attention == 1 else "need"
    session.console.print(
        f"\n{found.needing_attention} of {plural(found.total, 'integration')} {need} attention"
    )
    if found.open_incidents:
        session.console.print(f"{plural(found.open_incidents, 'open incident')}: dialtone incidents")
    if not found.receivers:
        session.console.print("No receiver is configured: nobody is told of incidents.")


def _worst_first(one: IntegrationSummary) -> tuple[bool, int, str]:
    return (not one.needs_attention, ORDER.index(one.state), one.id)


def _why(one: IntegrationSummary, now: float) -> Iterator[str]:
    """What is injected, the reason with the end of a pause, breakers in a state of their own, what to do."""
    if one.fault:
        yield f"! FAULT INJECTED: {injection_words(one.fault, now)}"
    yield f"{one.reason} ({pause_words(one.pause, now)})" if one.pause else one.reason
    for breaker in one.breakers:
        yield f"! breaker {breaker.capability}: {breaker_words(breaker, now)}"
    if one.advice:
        yield f"→ {one.advice}"
    yield from _vendor(one)


def _vendor(one: IntegrationSummary) -> Iterator[str]:
    """Where the vendor tells of its trouble; what it says is part of the reason."""
    word = one.vendor_says
    if word is not None and word.indicator is not Indicator.OPERATIONAL and word.url:
        yield f"◆ {one.vendor_name} tells more: {word.url}"


def _show_one(session: Session, integration: str, *, as_json: bool) -> None:
    reply = session.server.get(f"/v2/integrations/{segment(integration)}")
    detail = session.read(reply, IntegrationDetail, as_json=as_json)
    if detail is None:
        return
    one, now = detail.integration, SystemClock.time()
    session.console.print(Text.assemble((one.id, "bold"), f"  {one.vendor_name}  ", state_text(one.state)))
    if one.fault:
        session.console.print(Text(f"! FAULT INJECTED: {injection_words(one.fault, now)}", style="bold"))
    ending = f" ({pause_words(one.pause, now)})" if one.pause else ""
    session.console.print(f"for {span(now - one.since)}: {one.reason}{ending}")
    if one.advice:
        session.console.print(f"→ {one.advice}")
    for line in _vendor(one):
        session.console.print(Text(line))
    session.console.print()
    rows = table(session.console, "CAPABILITY", "", "WHY")
    for part in one.capabilities:
        later = f"\n⋯ checked less often: {part.stretched}" if part.stretched else ""
        rows.add_row(part.capability, state_text(part.state), Text(f"{part.reason}{later}"))
    session.console.print(rows)
    session.console.print()
    session.console.print(_limits(session, detail, now))
    for note in _remarks(detail):
        session.console.print(Text(note))


def _remarks(detail: IntegrationDetail) -> Iterator[str]:
    """What the vendor is about to end, what the credential lacks, and where answers fit no contract."""
    for one in detail.endings:
        what = one.action or "the API as a whole"
        day = f" ends on {exact(one.at)}" if one.at is not None else " is to end"
        yield f"! {what}{day}: {one.what}" + (f" ({one.url})" if one.url else "")
    if detail.granted is not None:
        yield f"  credential has the scopes {', '.join(detail.granted) or 'none'}"
    for action in (one for one in detail.actions if one.missing_scopes):
        yield f"! {action.name} is missing the scopes {', '.join(action.missing_scopes)}"
    for drift in detail.drift:
        place = drift.pointer or "its root"
        yield f"! answers of {drift.action} drifted at {place}: {drift.found} in place of {drift.expected}"


def _limits(session: Session, detail: IntegrationDetail, now: float) -> object:
    line = detail.line
    rows = table(session.console, "LIMIT", "NOW")
    for breaker in line.breakers:
        rows.add_row(f"breaker {breaker.capability}", breaker_words(breaker, now))
    for quota in (one for one in line.quotas if one.remaining is not None):
        rows.add_row(f"quota {quota.bucket}", f"{number(quota.remaining)} of {number(quota.limit)} left")
    rows.add_row("calls", f"{calls_words(line)}, {line.waiting} waiting")
    rows.add_row("retries", f"{number(line.retry_tokens)} of {number(line.retry_budget)} tokens")
    return rows


def show_health(session: Session, health: IntegrationHealth) -> None:
    """Print a verdict."""
    session.console.print(Text.assemble((health.integration, "bold"), "  ", state_text(health.state)))
    if health.fault:
        session.console.print(
            Text(f"! FAULT INJECTED: {injection_words(health.fault, SystemClock.time())}", style="bold")
        )
    session.console.print(health.reason)
    if health.advice:
        session.console.print(f"→ {health.advice}")
