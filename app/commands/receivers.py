"""`dialtone receivers` and `deliveries`: who is told, whether it arrives, dead letters and replay."""

from collections.abc import Iterator

import click
import msgspec
from rich.text import Text

from app.api.receiver_bodies import (
    DeliveryBody,
    DeliveryDetail,
    DeliveryList,
    ReceiverBody,
    ReceiverList,
    ReplayBody,
    TrialBody,
)
from app.commands import exits
from app.commands.lines import plain
from app.commands.looks import table
from app.commands.options import Duration, json_option, reason_option
from app.commands.server import segment
from app.commands.session import Session
from app.web.words import NOTHING, ago, day_time, latency
from integrations.clock import SystemClock
from monitors.alerts.exchange import Exchange
from monitors.alerts.outbox import DeliveryState

TEST_PATIENCE = 90.0
"""Seconds: a receiver may be several requests away, each with its own timeout."""


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def receivers(ctx: click.Context, *, as_json: bool) -> None:
    """List receivers and how they do."""
    if ctx.invoked_subcommand is not None:
        return
    session: Session = ctx.obj
    found = session.read(session.server.get("/v2/receivers"), ReceiverList, as_json=as_json)
    if found is None:
        return
    rows = table(session.console, "RECEIVER", "TYPE", "STATE", "WAITING", "OLDEST", "DEAD", "WHY")
    now = SystemClock.time()
    for one in found.receivers:
        oldest = NOTHING if one.oldest_at is None else ago(one.oldest_at, now)
        state, why = _state(one), Text(plain(one.reason))
        rows.add_row(one.name, one.type, state, str(one.waiting), oldest, str(one.dead), why)
    session.console.print(rows)
    if not found.receivers:
        session.console.print("No receiver is configured: incidents are kept and shown, nobody is told.")


@receivers.command("test")
@click.argument("receiver")
@json_option
@click.pass_obj
def try_receiver(session: Session, receiver: str, *, as_json: bool) -> None:
    """Send a real message that says that it is a test, and show what was said on both sides."""
    with session.waiting(f"telling {receiver}"):
        reply = session.server.post(f"/v2/receivers/{segment(receiver)}/test", {}, patience=TEST_PATIENCE)
    found = session.read(reply, TrialBody, as_json=as_json, is_good=lambda trial: trial.ok)
    if found is None:
        return
    for one in found.exchanges:
        for line in _exchange(one):
            session.console.print(Text(line), soft_wrap=True)
        session.console.print()
    if not found.ok:
        raise exits.CommandError(f"{receiver} did not take it: {found.detail or found.kind}")
    session.console.print(f"{receiver} took it in {latency(found.duration)}")


@receivers.command()
@click.argument("receiver")
@reason_option
@json_option
@click.pass_obj
def enable(session: Session, receiver: str, *, reason: str, as_json: bool) -> None:
    """Send to a disabled receiver again."""
    reply = session.server.post(f"/v2/receivers/{segment(receiver)}/enable", {"reason": reason})
    found = session.read(reply, ReceiverBody, as_json=as_json)
    if found is not None:
        session.console.print(f"{found.name} is {_state(found)}; {found.dead} dead letters can be replayed")


@click.group()
def deliveries() -> None:
    """Look at messages on their way to receivers, and send them again."""


@deliveries.command("list")
@click.argument("receiver", required=False)
@click.option("--state", type=click.Choice([one.value for one in DeliveryState]), help="Only these.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000), help="At most so many.")
@json_option
@click.pass_obj
def show_all(session: Session, receiver: str | None, *, state: str | None, limit: int, as_json: bool) -> None:
    """List messages, the newest first."""
    _list(session, {"receiver": receiver, "state": state, "limit": str(limit)}, as_json=as_json)


@deliveries.command()
@click.argument("receiver", required=False)
@json_option
@click.pass_obj
def dead(session: Session, receiver: str | None, *, as_json: bool) -> None:
    """List dead letters: messages that were given up."""
    _list(session, {"receiver": receiver, "state": "dead", "limit": "1000"}, as_json=as_json)


@deliveries.command()
@click.argument("message")
@json_option
@click.pass_obj
def show(session: Session, message: str, *, as_json: bool) -> None:
    """Show one message with what it says."""
    reply = session.server.get(f"/v2/deliveries/{segment(message)}")
    found = session.read(reply, DeliveryDetail, as_json=as_json)
    if found is not None:
        _print(session, (found.delivery,))
        session.console.print(Text(msgspec.json.format(msgspec.json.encode(found.notification)).decode()))


@deliveries.command()
@click.argument("messages", nargs=-1)
@click.option("--receiver", "-R", default="", help="All dead letters of this receiver.")
@click.option("--since", type=Duration(), help="Those given up in the last 90s, 15m, 2h, 1d …")
@click.option("--all", "everything", is_flag=True, help="All dead letters.")
@reason_option
@json_option
@click.pass_obj
def replay(
    session: Session,
    messages: tuple[str, ...],
    *,
    receiver: str,
    since: float | None,
    everything: bool,
    reason: str,
    as_json: bool,
) -> None:
    """Send MESSAGES again under their own ids, or dead letters by receiver or time."""
    if not (messages or receiver or since is not None or everything):
        raise click.UsageError("name MESSAGES, or --receiver, --since or --all")
    body: dict[str, object] = {"reason": reason, "ids": list(messages), "receiver": receiver}
    if since is not None:
        body["since"] = SystemClock.time() - since
    found = session.read(session.server.post("/v2/deliveries/replay", body), ReplayBody, as_json=as_json)
    if found is not None:
        session.console.print(f"{found.replayed} are sent again")


def _list(session: Session, wanted: dict[str, str | None], *, as_json: bool) -> None:
    query = {name: text for name, text in wanted.items() if text is not None}
    found = session.read(session.server.get("/v2/deliveries", query), DeliveryList, as_json=as_json)
    if found is not None:
        _print(session, found.deliveries)


def _print(session: Session, found: tuple[DeliveryBody, ...]) -> None:
    now = SystemClock.time()
    rows = table(session.console, "MESSAGE", "WHEN", "RECEIVER", "TYPE", "STATE", "TRIES", "WHY")
    for one in found:
        why = Text(plain(one.last_error))
        when = day_time(one.created_at, now)
        rows.add_row(one.id, when, one.receiver, one.type, one.state, str(one.attempts), why)
    session.console.print(rows)


def _state(one: ReceiverBody) -> str:
    if one.disabled_at is not None:
        return "disabled"
    return f"failing ({one.failures})" if one.failures else "ok"


def _exchange(one: Exchange) -> Iterator[str]:
    yield f"> {one.method} {one.url}"
    yield from (f"> {name}: {value}" for name, value in one.headers.items())
    yield from (f"> {plain(line)}" for line in one.body.splitlines())
    if one.status is None:
        yield f"< no answer: {one.detail or one.kind}"
        return
    yield f"< {one.status} in {latency(one.duration)}"
    yield from (f"< {name}: {plain(value)}" for name, value in one.answer_headers.items())
    yield from (f"< {plain(line)}" for line in one.answer.splitlines())
