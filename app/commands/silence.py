"""`dialtone silence` and `maintenance`: what nobody is to be notified of for a while."""

import click
from rich.text import Text

from app.api.alert_bodies import AlertList, MaintenanceList, SilenceBody, SilenceList
from app.commands.alerts import show_alerts
from app.commands.lines import plain
from app.commands.looks import table
from app.commands.options import Duration, json_option, reason_option
from app.commands.server import segment
from app.commands.session import Session
from app.web.words import ago, day_time, plural, until
from integrations.clock import SystemClock

_lasts_option = click.option(
    "--for", "expires_in", type=Duration(), help="How long: 90s, 15m, 2h, 1d …; without: two hours."
)


@click.group()
def silence() -> None:
    """Silence alerts for a while. Checks go on, and a recovery is told to whom was told of the failure."""


@silence.command()
@click.argument("matchers", nargs=-1, required=True)
@reason_option
@_lasts_option
@click.option("--maintenance", is_flag=True, help="It is planned work: objectives leave the time out.")
@json_option
@click.pass_obj
def add(
    session: Session,
    matchers: tuple[str, ...],
    *,
    reason: str,
    expires_in: float | None,
    maintenance: bool,
    as_json: bool,
) -> None:
    """Silence alerts that meet all MATCHERS, such as integration=shop or 'vendor=~"git.*"'."""
    body: dict[str, object] = {"matchers": list(matchers), "reason": reason}
    if maintenance:
        body["kind"] = "maintenance"
    if expires_in is not None:
        body["expires_in"] = expires_in
    made = session.read(session.server.post("/v2/silences", body), SilenceBody, as_json=as_json)
    if made is not None:
        now = SystemClock.time()
        session.console.print(Text.assemble((made.id, "bold"), f"  ends {until(made.ends_at, now)}"))
        firing = "fires now is" if made.matches == 1 else "fire now are"
        session.console.print(f"{plural(made.matches, 'alert')} that {firing} silenced by it")


@silence.command("list")
@click.option(
    "--state",
    type=click.Choice(["active", "pending", "expired"]),
    help="Only these; without: active and pending ones.",
)
@json_option
@click.pass_obj
def show_all(session: Session, *, state: str | None, as_json: bool) -> None:
    """List silences."""
    wanted = {"state": state} if state else None
    found = session.read(session.server.get("/v2/silences", wanted), SilenceList, as_json=as_json)
    if found is not None:
        _show(session, [one for one in found.silences if state or one.state != "expired"])


@silence.command()
@click.argument("silences", nargs=-1, required=True)
@reason_option
@json_option
@click.pass_obj
def expire(session: Session, silences: tuple[str, ...], *, reason: str, as_json: bool) -> None:
    """End silences now, by their ids."""
    for one in silences:
        reply = session.server.post(f"/v2/silences/{segment(one)}/expire", {"reason": reason})
        if session.read(reply, SilenceBody, as_json=as_json) is not None:
            session.console.print(f"{one} has ended")


@silence.command()
@click.argument("matchers", nargs=-1, required=True)
@json_option
@click.pass_obj
def preview(session: Session, matchers: tuple[str, ...], *, as_json: bool) -> None:
    """Show which alerts a silence with these MATCHERS would hold for now."""
    reply = session.server.post("/v2/silences/preview", {"matchers": list(matchers)})
    found = session.read(reply, AlertList, as_json=as_json)
    if found is not None:
        show_alerts(session, found)


@click.command()
@json_option
@click.pass_obj
def maintenance(session: Session, *, as_json: bool) -> None:
    """Show planned maintenance: the configuration's, and silences made for planned work."""
    found = session.read(session.server.get("/v2/maintenance"), MaintenanceList, as_json=as_json)
    if found is None:
        return
    rows = table(session.console, "NAME", "NOW", "ALERTS", "WHY")
    for one in found.planned:
        rows.add_row(
            one.name, "yes" if one.holds else "no", Text(", ".join(one.matchers)), Text(plain(one.reason))
        )
    session.console.print(rows)
    if found.silences:
        session.console.print()
        _show(session, list(found.silences))


def _show(session: Session, silences: list[SilenceBody]) -> None:
    now = SystemClock.time()
    rows = table(session.console, "SILENCE", "STATE", "ALERTS", "FROM", "ENDS", "WHO", "WHY", "MATCHES")
    for one in silences:
        rows.add_row(
            one.id,
            one.state,
            Text(", ".join(one.matchers)),
            day_time(one.starts_at, now),
            until(one.ends_at, now) if one.ends_at > now else ago(one.ends_at, now),
            Text(plain(one.actor)),
            Text(plain(one.reason)),
            str(one.matches),
        )
    session.console.print(rows)
