"""`dialtone fault`: inject faults for a game day, end them, list them."""

from collections.abc import Callable, Iterable
from typing import TypedDict, Unpack

import click
import msgspec
from rich.text import Text

from app.api.bodies import FaultBody, FaultList
from app.commands import exits
from app.commands.looks import table
from app.commands.options import Duration, json_option
from app.commands.server import Reply, segment
from app.commands.session import Session, problem_text
from app.web.words import fault_words, until
from integrations.clock import SystemClock

_PATH = "/v2/integrations/{}/faults"

_SECONDS = Duration()


class _Given(TypedDict):
    """The options as they were given."""

    latency: float | None
    jitter: float | None
    error: int | None
    throttle: float | None
    cut: str | None
    share: float
    target: str
    capability: tuple[str, ...]
    action: tuple[str, ...]


@click.command()
@click.argument("integrations", nargs=-1, metavar="[INTEGRATION]...")
@click.option("--latency", type=_SECONDS, help="Wait so long before each request is sent.")
@click.option("--jitter", type=_SECONDS, help="Give or take so much of the latency.")
@click.option("--error", type=click.IntRange(500, 599), help="Answer with this status.")
@click.option("--throttle", type=_SECONDS, help="Answer 429, with so long to keep quiet.")
@click.option(
    "--cut", type=click.Choice(["before", "after"]), help="Cut the connection, before or after sending."
)
@click.option(
    "--share", type=click.FloatRange(0, 1, min_open=True), default=1.0, help="Of the requests, 0 to 1."
)
@click.option(
    "--target", type=click.Choice(["both", "calls", "checks"]), default="both", help="What is struck."
)
@click.option("--capability", "-c", multiple=True, help="Only requests of this capability.")
@click.option("--action", "-a", multiple=True, help="Only requests of this action.")
@click.option("--for", "expires_in", type=_SECONDS, help="How long: 90s, 15m, 2h … 1d.")
@click.option("--reason", "-r", default="", help="Why; kept on record.")
@click.option(
    "--stop", is_flag=True, help="End what is injected into these integrations, or with --all everywhere."
)
@click.option("--all", "everywhere", is_flag=True, help="With --stop: everywhere.")
@click.option("--list", "listing", is_flag=True, help="Show what is injected.")
@json_option
@click.pass_obj
def fault(
    session: Session,
    integrations: tuple[str, ...],
    *,
    expires_in: float | None,
    reason: str,
    stop: bool,
    everywhere: bool,
    listing: bool,
    as_json: bool,
    **given: Unpack[_Given],
) -> None:
    """Inject faults into integrations, to see who and what reacts.

    Several kinds may be given at once. It needs --for and --reason, and is kept on record. It ends by itself,
    with the integration, and when Dialtone stops. The configuration must allow it (faults.allowed).
    """
    _check_use(integrations, stop=stop, everywhere=everywhere, listing=listing)
    if listing:
        _list(session, as_json=as_json)
    elif stop:
        chosen = _injected(session) if everywhere else integrations
        _stop(session, chosen, reason, as_json=as_json)
    else:
        _inject(session, integrations, _order(given, reason, expires_in), as_json=as_json)


def _check_use(integrations: tuple[str, ...], *, stop: bool, everywhere: bool, listing: bool) -> None:
    if stop and listing:
        raise click.UsageError("--stop and --list do not go together")
    if everywhere and (not stop or integrations):
        raise click.UsageError("--all goes with --stop, without integrations")
    if listing and integrations:
        raise click.UsageError("--list shows all integrations; `dialtone status INTEGRATION` shows one")
    if not (integrations or everywhere or listing):
        raise click.UsageError("name at least one integration, or give --stop --all, or --list")


def _order(given: _Given, reason: str, expires_in: float | None) -> dict[str, object]:
    faults = list(_faults(given))
    if not faults:
        raise click.UsageError("say what goes wrong: --latency, --error, --throttle or --cut")
    if given["jitter"] is not None and given["latency"] is None:
        raise click.UsageError("--jitter goes with --latency")
    if expires_in is None or not reason.strip():
        raise click.UsageError("--for (how long) and --reason (why) are required")
    return {"reason": reason, "expires_in": expires_in, "faults": faults}


def _faults(given: _Given) -> Iterable[dict[str, object]]:
    struck = {
        "share": given["share"],
        "target": given["target"],
        "capabilities": given["capability"],
        "actions": given["action"],
    }
    if given["latency"] is not None:
        yield {"kind": "latency", "seconds": given["latency"], "jitter": given["jitter"] or 0.0, **struck}
    if given["error"] is not None:
        yield {"kind": "error", "status": given["error"], **struck}
    if given["throttle"] is not None:
        yield {"kind": "throttle", "retry_after": round(given["throttle"]), **struck}
    if given["cut"] is not None:
        yield {"kind": "cut", "when": given["cut"], **struck}


def _inject(
    session: Session, integrations: Iterable[str], order: dict[str, object], *, as_json: bool
) -> None:
    def ask(integration: str) -> Reply:
        return session.server.post(_PATH.format(segment(integration)), order)

    _each(session, integrations, ask, as_json=as_json)


def _stop(session: Session, integrations: Iterable[str], reason: str, *, as_json: bool) -> None:
    params = {"reason": reason} if reason.strip() else {}

    def ask(integration: str) -> Reply:
        return session.server.delete(_PATH.format(segment(integration)), params)

    _each(session, integrations, ask, as_json=as_json)


def _each(
    session: Session, integrations: Iterable[str], ask: Callable[[str], Reply], *, as_json: bool
) -> None:
    """Ask for each, also after one was refused; the worst decides how the command ends."""
    replies = {integration: ask(integration) for integration in dict.fromkeys(integrations)}
    if as_json:
        click.echo("[" + ",".join(reply.text for reply in replies.values()) + "]")
    else:
        for integration, reply in replies.items():
            _tell(session, integration, reply)
    if worst := max((reply.exit_code for reply in replies.values()), default=exits.OK):
        raise exits.Ended(worst)


def _tell(session: Session, integration: str, reply: Reply) -> None:
    if not reply.ok:
        session.errors.print(
            Text.assemble((integration, "bold"), f"  {problem_text(reply.body)}"), soft_wrap=True
        )
        return
    session.console.print(_row(msgspec.convert(reply.body, FaultBody)))


def _row(one: FaultBody) -> Text:
    if one.fault is None:
        return Text.assemble((one.integration, "bold"), "  nothing is injected")
    words = ", ".join(fault_words(fault) for fault in one.fault.faults)
    ending = until(one.fault.expires_at, SystemClock.time())
    return Text.assemble((one.integration, "bold"), f"  {words}, ends {ending}")


def _injected(session: Session) -> tuple[str, ...]:
    found = session.read(session.server.get("/v2/faults"), FaultList, as_json=False)
    return () if found is None else tuple(one.integration for one in found.faults)


def _list(session: Session, *, as_json: bool) -> None:
    found = session.read(session.server.get("/v2/faults"), FaultList, as_json=as_json)
    if found is None:
        return
    if not found.faults:
        allowed = "" if found.allowed else "; the configuration allows none (faults.allowed)"
        session.console.print(f"Nothing is injected{allowed}.")
        return
    now = SystemClock.time()
    rows = table(session.console, "INTEGRATION", "FAULTS", "ENDS", "BY", "WHY")
    for one in found.faults:
        if one.fault is None:
            continue
        words = Text("\n".join(fault_words(each) for each in one.fault.faults))
        rows.add_row(
            one.integration, words, until(one.fault.expires_at, now), one.fault.actor, one.fault.reason
        )
    session.console.print(rows)
