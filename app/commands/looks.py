"""How things look in a terminal: states by word, sign and colour; tables."""

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.web.words import NOTHING, STATES
from integrations.signals import Health

_STATES = {
    Health.UP: ("✓", "green"),
    Health.DEGRADED: ("▲", "yellow"),
    Health.DOWN: ("✗", "bold red"),
    Health.THROTTLED: ("⧖", "magenta"),
    Health.UNAUTHORIZED: ("⚷", "bold magenta"),
    Health.UNKNOWN: ("?", "dim"),
    Health.PAUSED: ("‖", "blue"),
}


def state_text(state: Health) -> Text:
    """Return a state as sign and word in its colour."""
    sign, style = _STATES[state]
    return Text(f"{sign} {STATES[state]}", style=style)


def table(console: Console, *columns: str) -> Table:
    """Return a table: quiet lines where a person looks, plain columns elsewhere."""
    made = Table(
        box=box.SIMPLE_HEAD if console.is_terminal else None,
        header_style="dim",
        pad_edge=False,
        show_edge=False,
    )
    for column in columns:
        made.add_column(column, overflow="fold")
    return made


def cell(value: object) -> str:
    """Return a value of a query's answer as text."""
    if value is None:
        return NOTHING
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1e15 else str(value)
    return str(value)
