"""The `dialtone` command."""

import click

from app.commands import exits
from app.commands.late import LateCommands
from app.commands.server import DEFAULT_URL, Server

_COMMANDS = {
    "serve": ("local", "serve"),
    "demo": ("local", "demo"),
    "check-config": ("local", "check_config"),
    "import": ("importing", "import_"),
    "status": ("status", "status"),
    "call": ("call", "call"),
    "trace": ("trace", "trace"),
    "check": ("check", "check"),
    "explain": ("explain", "explain"),
    "query": ("query", "query"),
    "analytics": ("analytics", "analytics"),
    "backtest": ("backtest", "backtest"),
    "report": ("report", "report"),
    "watch": ("watch", "watch"),
    "incidents": ("incidents", "incidents"),
    "ack": ("incidents", "ack"),
    "unack": ("incidents", "unack"),
    "alerts": ("alerts", "alerts"),
    "silence": ("silence", "silence"),
    "maintenance": ("silence", "maintenance"),
    "routes": ("alerts", "routes"),
    "receivers": ("receivers", "receivers"),
    "deliveries": ("receivers", "deliveries"),
    "heartbeats": ("heartbeats", "heartbeats"),
    "slos": ("slos", "slos"),
    "exporters": ("exporters", "exporters"),
    "dashboards": ("dashboards", "dashboards"),
    "pause": ("operate", "pause"),
    "resume": ("operate", "resume"),
    "breaker": ("operate", "breaker"),
    "fault": ("fault", "fault"),
    "credentials": ("credentials", "credentials"),
    "reload": ("reload", "reload"),
    "webhooks": ("webhooks", "webhooks"),
    "vendors": ("vendors", "vendors"),
    "verify": ("verify", "verify"),
    "new": ("new", "new"),
    "token": ("local", "token"),
    "version": ("local", "version"),
}
"""Where each stands: the module and the name in it."""

_ALONE = frozenset({"serve", "demo", "check-config", "token", "version"})
"""These ask no server, and do without what is for asking one."""


@click.group(
    commands=LateCommands("app.commands", _COMMANDS),
    epilog=exits.EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option(
    "--url",
    envvar="DIALTONE_URL",
    default=DEFAULT_URL,
    show_default=True,
    help="Where Dialtone answers (or DIALTONE_URL).",
)
@click.option("--token", envvar="DIALTONE_TOKEN", default="", help="An API token (or DIALTONE_TOKEN).")
@click.version_option(package_name="dialtone", prog_name="dialtone")
@click.pass_context
def main(ctx: click.Context, url: str, token: str) -> None:
    """Dialtone: does the line to the third parties work?

    serve and demo start it; the other commands ask a running one.
    """
    if ctx.invoked_subcommand not in _ALONE:
        from app.commands.session import Session

        ctx.obj = Session(Server(url, token=token, client=ctx.obj), open_client=ctx.obj)
