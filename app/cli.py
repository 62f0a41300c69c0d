"""The `dialtone` command."""

import click

from app.commands import exits, local
from app.commands.alerts import alerts, routes
from app.commands.analytics import analytics
from app.commands.backtest import backtest
from app.commands.call import call
from app.commands.check import check
from app.commands.credentials import credentials
from app.commands.dashboards import dashboards
from app.commands.explain import explain
from app.commands.exporters import exporters
from app.commands.fault import fault
from app.commands.heartbeats import heartbeats
from app.commands.importing import import_
from app.commands.incidents import ack, incidents, unack
from app.commands.new import new
from app.commands.operate import breaker, pause, resume
from app.commands.query import query
from app.commands.receivers import deliveries, receivers
from app.commands.reload import reload
from app.commands.report import report
from app.commands.server import DEFAULT_URL, Server
from app.commands.session import Session
from app.commands.silence import maintenance, silence
from app.commands.slos import slos
from app.commands.status import status
from app.commands.trace import trace
from app.commands.vendors import vendors
from app.commands.verify import verify
from app.commands.watch import watch
from app.commands.webhooks import webhooks


@click.group(epilog=exits.EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
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
    ctx.obj = Session(Server(url, token=token, client=ctx.obj), open_client=ctx.obj)


for command in (
    local.serve,
    local.demo,
    local.check_config,
    import_,
    status,
    call,
    trace,
    check,
    explain,
    query,
    analytics,
    backtest,
    report,
    watch,
    incidents,
    ack,
    unack,
    alerts,
    silence,
    maintenance,
    routes,
    receivers,
    deliveries,
    heartbeats,
    slos,
    exporters,
    dashboards,
    pause,
    resume,
    breaker,
    fault,
    credentials,
    reload,
    webhooks,
    vendors,
    verify,
    new,
    local.token,
    local.version,
):
    main.add_command(command)
