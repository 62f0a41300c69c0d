"""What the demo says when it is up: where to look and what to try."""

from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from app.demo.configuration import FILE
from app.settings import Settings
from integrations.simulator.control import CONTROL

_TRY = (
    ("dialtone status", "every integration, its health and why"),
    ("dialtone call github-prod repos.get owner=acme repo=shop", "a call through the executor"),
    ("dialtone query performance", "latency and errors, out of DuckDB"),
    ("dialtone pause legacy-erp --reason lunch", "stop its checks, and resume them"),
)


def show(console: Console, *, settings: Settings, simulator: str, folder: str) -> None:
    """Print addresses and commands; `simulator` is its URL, `folder` where the configuration lies."""
    page = f"http://{settings.listen.host}:{settings.listen.port}"
    fault = '{"kind":"reset","vendor":"slack","share":0.5,"duration":30}'
    rows = Table.grid(padding=(0, 2))
    rows.add_row("Page", page)
    rows.add_row("Metrics", f"{page}/metrics")
    rows.add_row("Configuration", f"{folder}/{FILE}")
    rows.add_row("Faults", f"curl -d '{fault}' {simulator}{CONTROL}/faults")
    commands = Table.grid(padding=(0, 2))
    for command, meaning in _TRY:
        commands.add_row(command, f"[dim]{meaning}[/dim]")
    console.print(Panel(rows, title="Dialtone demo", expand=False))
    if page != "http://127.0.0.1:4350":
        console.print(f"export DIALTONE_URL={page}", markup=False)
    console.print(commands)
    console.print("[dim]Ctrl-C ends it.[/dim]")
