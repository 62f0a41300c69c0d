"""What `dialtone query` asks with: format and file of an answer; what is given up ends on the server too."""

import secrets
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import click

from app.commands import exits
from app.commands.rows import Rows
from app.commands.server import Download, Reply, segment
from app.commands.session import Session
from exporters.analytics.sql.frames import Format

ANALYTICS = "/v2/analytics"
PATIENCE = 3_600.0
"""Seconds; the server's own limit ends a query long before."""

_BINARY = frozenset({Format.ARROW, Format.PARQUET})


class Asking(NamedTuple):
    """How an answer is wanted: its format (none: a table), and its file (none: the screen)."""

    shape: str | None
    output: Path | None
    as_json: bool

    @property
    def format(self) -> Format:
        """The format to ask for.

        Raises:
            click.UsageError: when the file does not say it, or it is nothing for where it would go.
        """
        wanted = Format(self.shape or (_ending(self.output) if self.output else "json"))
        if wanted in _BINARY and self.output is None and sys.stdout.isatty():
            raise click.UsageError(f"{wanted} is nothing for a terminal: name a file with --output")
        return wanted


def _ending(output: Path) -> str:
    known = {shape.value for shape in Format}
    ending = output.suffix.removeprefix(".").lower()
    if ending not in known:
        raise click.UsageError(
            f"{output.name} does not say its format: end it in .csv, .parquet …, or give --format"
        )
    return ending


def keep(parts: Iterable[bytes], output: Path) -> None:
    """Write an answer to a file, which is there only once it is whole.

    Raises:
        exits.CommandError: when it cannot be written.
    """
    part = output.with_name(f".{output.name}.part")
    try:
        with part.open("wb") as file:
            file.writelines(parts)
        part.replace(output)
    except OSError as error:
        raise exits.CommandError(f"{output} cannot be written: {error.strerror}.") from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def show(parts: Iterable[bytes]) -> None:
    """Print an answer as it came."""
    for part in parts:
        click.echo(part, nl=False)


@contextmanager
def ended_with_us(session: Session) -> Iterator[str]:
    """Give a query its id; whoever gives up waiting (Ctrl-C) ends it on the server too."""
    name = secrets.token_hex(8)
    try:
        yield name
    except KeyboardInterrupt:
        # Closing the connection has ended it already, unless a proxy keeps it open.
        with suppress(exits.CommandError):
            session.server.delete(f"{ANALYTICS}/running/{segment(name)}")
        raise click.Abort from None


def downloaded(session: Session, found: Download | Reply, *, as_json: bool) -> Download:
    """Return data; a problem in its place ends the command."""
    if isinstance(found, Download):
        return found
    session.read(found, Rows, as_json=as_json)
    raise exits.CommandError("The server's answer is none.")
