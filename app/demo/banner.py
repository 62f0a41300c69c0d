"""What the demo says when it is up: where to look and what to try."""

from rich.console import Console
from rich.table import Table

from app.demo.configuration import FILE, Origins
from app.settings import Settings
from integrations.simulator.control import CONTROL

USUAL = "http://127.0.0.1:4350"
"""Where the commands look when DIALTONE_URL says nothing else."""

_TRY = (
    ("dialtone status", "every integration, its health and why"),
    ("dialtone call github-prod repos.get owner=acme repo=shop", "a call through the executor"),
    ("dialtone query performance", "latency and errors, out of DuckDB"),
    ("dialtone incidents", "what is wrong, since when, and who works on it"),
    ("dialtone deliveries list", "who was told of it, and whether it arrived"),
    ("dialtone webhooks list github-prod", "what came in, proved genuine"),
    ("dialtone credentials", "how tokens stand, and what ends soon"),
    ("dialtone pause legacy-erp --reason lunch", "stop its checks; resume starts them"),
    ('dialtone fault jira-ops --error 503 --for 1m --reason "game day"', "make one misbehave on purpose"),
)
_FAULT = '{"kind": "reset", "vendor": "slack", "share": 0.5, "duration": 30}'


def show(console: Console, *, settings: Settings, origins: Origins, folder: str) -> None:
    """Print addresses and commands; `folder` is where the configuration lies."""
    page = f"http://{settings.listen.host}:{settings.listen.port}"
    addresses = Table.grid(padding=(0, 2))
    addresses.add_row("Page", f"[bold]{page}[/bold]")
    addresses.add_row("Metrics", f"{page}/metrics")
    addresses.add_row("Incidents", f"{page}/incidents")
    addresses.add_row("What was told", f"{origins.inbox}/")
    addresses.add_row("Configuration", f"{folder}/{FILE}")
    console.rule("Dialtone demo")
    console.print(addresses)
    console.print("\nTry, in another terminal:")
    if page != USUAL:
        _command(console, f"export DIALTONE_URL={page}", "the port is not the usual one")
    for command, meaning in _TRY:
        _command(console, command, meaning)
    _command(console, f"curl -d '{_FAULT}' {origins.plain}{CONTROL}/faults", "break Slack for half a minute")
    console.print("\nThe first fault comes within 20 s. Ctrl-C ends the demo.")


def _command(console: Console, command: str, meaning: str) -> None:
    # A command is never broken into lines, so that it can be copied.
    console.print(f"  # {meaning}", style="dim", markup=False)
    console.print(f"  {command}", soft_wrap=True, markup=False, highlight=False)
