"""`dialtone watch`: the signals as they come."""

from functools import partial

import anyio
import click
import msgspec
from rich.text import Text

from app.commands.following import Follower, RefusedError, ServerEvent
from app.commands.lines import line, plain
from app.commands.session import Session
from app.live.selection import KINDS
from app.web.words import plural
from integrations.clock import SystemClock
from integrations.execution.outcome import Origin
from integrations.signals import Signal


@click.command()
@click.argument("integrations", nargs=-1, metavar="[INTEGRATION]...")
@click.option("--failed", is_flag=True, help="Only what went wrong.")
@click.option("--kind", "kinds", type=click.Choice(sorted(KINDS)), multiple=True, help="Only these signals.")
@click.option(
    "--origin",
    "origins",
    type=click.Choice([one.value for one in Origin]),
    multiple=True,
    help="Only calls made on whose behalf.",
)
@click.option("--vendor", "vendors", multiple=True, help="Only these vendors.")
@click.option("--capability", "capabilities", multiple=True, help="Only these capabilities.")
@click.option(
    "--after", default="", metavar="ID", help="Begin behind this id, which an earlier watch ended with."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line, for programs.")
@click.pass_obj
def watch(
    session: Session,
    *,
    integrations: tuple[str, ...],
    failed: bool,
    kinds: tuple[str, ...],
    origins: tuple[str, ...],
    vendors: tuple[str, ...],
    capabilities: tuple[str, ...],
    after: str,
    as_json: bool,
) -> None:
    """Watch what happens, as it happens, until Ctrl-C.

    Without INTEGRATION: everything. A lost connection is taken up again, and what was missed is said.
    """
    params = [
        *(("integration", one) for one in integrations),
        *(("kind", one) for one in kinds),
        *(("origin", one) for one in origins),
        *(("vendor", one) for one in vendors),
        *(("capability", one) for one in capabilities),
        *((("after", after),) if after else ()),
        *((("failed", "true"),) if failed else ()),
    ]
    follower = Follower(session.server, params, wait=_wait, tell=partial(_tell, session))
    try:
        for event in follower.events():
            _show(session, event, as_json=as_json)
    except RefusedError as refused:
        session.read(refused.reply, object, as_json=as_json)
    except KeyboardInterrupt:
        if follower.last_id:
            _tell(session, f"Go on from here with --after {follower.last_id}")


def _show(session: Session, event: ServerEvent, *, as_json: bool) -> None:
    if event.kind not in {"gap", "dropped", "bye"}:
        _show_signal(session, event.data, as_json=as_json)
        return
    facts = msgspec.json.decode(event.data, type=dict[str, object])
    if event.kind == "bye":
        _tell(session, "Dialtone is stopping.")
        return
    if as_json:
        click.echo(msgspec.json.encode({"signal": event.kind, **facts}).decode())
    if event.kind == "gap":
        _tell(session, _missed(facts.get("missed")))
    else:
        _tell(session, "Dropped, because this end was too slow.")


def _show_signal(session: Session, data: bytes, *, as_json: bool) -> None:
    if as_json:
        click.echo(data.decode())
        return
    try:
        text = line(msgspec.json.decode(data, type=Signal))
    except msgspec.ValidationError:
        text = Text(plain(data.decode()))
    session.console.print(text, soft_wrap=True)


def _missed(number: object) -> str:
    if not isinstance(number, int):
        return "Dialtone was started anew: what was missed meanwhile cannot be told."
    return f"Missed: {plural(number, 'signal')} of all kinds passed that are gone."


def _tell(session: Session, sentence: str) -> None:
    session.errors.print(Text(f"⋯ {sentence}", style="yellow"), soft_wrap=True)


def _wait(seconds: float) -> None:
    if seconds:
        anyio.run(SystemClock.sleep, seconds)
