"""`dialtone webhooks`: what came in by webhook, dead letters, replay, and the URL to enter at a vendor."""

import click
from rich.text import Text

from app.api.webhook_bodies import Replayed, WebhookDetail, WebhookList, WebhookURL
from app.commands.looks import table
from app.commands.options import Duration, json_option, reason_option
from app.commands.server import segment
from app.commands.session import Session
from app.storage.stored_webhook import StoredWebhook
from app.web.words import day_time
from integrations.clock import SystemClock


@click.group()
def webhooks() -> None:
    """Look at inbound webhooks and replay them."""


@webhooks.command("list")
@click.argument("integration", required=False)
@click.option("--verdict", help="Only this verdict, such as bad_signature.")
@click.option("--type", "event_type", help="Only this event type.")
@click.option("--since", type=Duration(), help="Only of the last 90s, 15m, 2h, 1d …")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000), help="At most so many.")
@json_option
@click.pass_obj
def show_all(
    session: Session,
    integration: str | None,
    *,
    verdict: str | None,
    event_type: str | None,
    since: float | None,
    limit: int,
    as_json: bool,
) -> None:
    """List what came in, newest first."""
    wanted = {"integration": integration, "verdict": verdict, "type": event_type, "limit": str(limit)}
    if since is not None:
        wanted["since"] = str(SystemClock.time() - since)
    _list(session, wanted, as_json=as_json)


@webhooks.command()
@click.argument("integration", required=False)
@click.option("--replay", is_flag=True, help="Hand all of the integration's to its handler again.")
@click.option("--reason", "-r", default="", help="Why they are replayed; kept on record.")
@json_option
@click.pass_obj
def dead(session: Session, integration: str | None, *, replay: bool, reason: str, as_json: bool) -> None:
    """List dead letters, or with --replay hand an integration's to its handler again."""
    if not replay:
        _list(session, {"integration": integration, "state": "dead", "limit": "1000"}, as_json=as_json)
        return
    if integration is None or not reason:
        raise click.UsageError("--replay takes an INTEGRATION and a --reason")
    reply = session.server.post(f"/v2/webhooks/{segment(integration)}/dead/replay", {"reason": reason})
    if (done := session.read(reply, Replayed, as_json=as_json)) is not None:
        session.console.print(f"{done.replayed} handed to the handler again")


@webhooks.command()
@click.argument("integration")
@click.argument("number", type=int)
@json_option
@click.pass_obj
def show(session: Session, integration: str, number: int, *, as_json: bool) -> None:
    """Show one webhook; with a token of scope admin also its body."""
    reply = session.server.get(f"/v2/webhooks/{segment(integration)}/receipts/{number}")
    found = session.read(reply, WebhookDetail, as_json=as_json)
    if found is None:
        return
    _print(session, [found.webhook])
    for name, text in found.webhook.headers.items():
        session.console.print(Text(f"{name}: {text}"))
    if found.body is not None:
        session.console.print(Text(f"\n{found.body}"))


@webhooks.command()
@click.argument("integration")
@click.argument("number", type=int)
@reason_option
@json_option
@click.pass_obj
def replay(session: Session, integration: str, number: int, *, reason: str, as_json: bool) -> None:
    """Hand one delivery to its handler again."""
    path = f"/v2/webhooks/{segment(integration)}/receipts/{number}/replay"
    reply = session.server.post(path, {"reason": reason})
    if (done := session.read(reply, Replayed, as_json=as_json)) is not None:
        session.console.print(f"{done.replayed} handed to the handler again")


@webhooks.command()
@click.argument("integration")
@click.option("--rotate", is_flag=True, help="Make another key; the URL before works for a day more.")
@click.option("--reason", "-r", default="", help="Why it is rotated; kept on record.")
@json_option
@click.pass_obj
def url(session: Session, integration: str, *, rotate: bool, reason: str, as_json: bool) -> None:
    """Show the URL to enter at the vendor. Where it holds a key, it is a secret."""
    path = f"/v2/webhooks/{segment(integration)}/url"
    if rotate and not reason:
        raise click.UsageError("--rotate takes a --reason")
    reply = session.server.post(f"{path}/rotate", {"reason": reason}) if rotate else session.server.get(path)
    found = session.read(reply, WebhookURL, as_json=as_json)
    if found is None:
        return
    session.console.print(Text(found.url))
    own = "the key in this URL" if found.scheme == "key" else "keys that the vendor publishes"
    proof = f"secrets.{found.secret} of the configuration" if found.secret else own
    session.console.print(Text(f"verified by {found.scheme}, with {proof}"))


def _list(session: Session, wanted: dict[str, str | None], *, as_json: bool) -> None:
    query = {name: text for name, text in wanted.items() if text is not None}
    found = session.read(session.server.get("/v2/webhooks", query), WebhookList, as_json=as_json)
    if found is not None:
        _print(session, found.webhooks)


def _print(session: Session, found: tuple[StoredWebhook, ...] | list[StoredWebhook]) -> None:
    rows = table(session.console, "ID", "WHEN", "INTEGRATION", "VERDICT", "TYPE", "STATE", "BYTES", "WHY")
    now = SystemClock.time()
    for one in found:
        why = one.detail or one.error
        rows.add_row(
            str(one.id), day_time(one.at, now), one.integration, one.verdict, Text(one.event_type), one.state,
            str(one.body_bytes), Text(why),
        )  # fmt: skip
    session.console.print(rows)
