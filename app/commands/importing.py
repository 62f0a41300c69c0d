"""`dialtone import`: the configuration of another monitor as ours."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click
import msgspec

from app.commands import exits
from app.importing.blackbox import read_blackbox
from app.importing.gatus import read_gatus
from app.importing.imported import Imported
from app.importing.reading import MAX_JSON_CHARACTERS, wrong
from app.importing.uptime_kuma import read_uptime_kuma
from app.importing.writing import write
from integrations.manifest.source import SourceError

F = TypeVar("F", bound=Callable[..., object])

_FILE = click.Path(path_type=Path)


class UnfitFileError(exits.WrongUsageError):
    """The file cannot be read, is none of the peer's, or would be overwritten."""


@click.group("import")
def import_() -> None:
    """Turn another monitor's configuration into ours.

    The result goes to stdout or --output; what could not be carried over, and the variables that take the
    place of secrets, are told on stderr. Exit codes: 0 all was carried over, 1 something was left out, 2
    wrong usage or a file that is not the peer's.
    """


def _options(command: F) -> F:
    """Add what every peer has: FILE, --output, --force, --json."""
    for add in (
        click.option("--json", "as_json", is_flag=True, help="Print all of it as JSON, for programs."),
        click.option("--force", is_flag=True, help="Overwrite the output."),
        click.option("--output", "-o", type=_FILE, help="Write to this file."),
        click.argument("file", type=_FILE),
    ):
        command = add(command)
    return command


@import_.command()
@_options
def gatus(file: Path, *, output: Path | None, force: bool, as_json: bool) -> None:
    """Import a configuration file of Gatus."""
    imported = _imported(lambda: read_gatus(_text(file), name=str(file)))
    _Result(imported, command="dialtone import gatus", source=file).hand_over(
        output, is_forced=force, as_json=as_json
    )


@import_.command()
@_options
@click.option(
    "--targets",
    type=_FILE,
    help="What is probed: a Prometheus configuration, a file of target groups, or a URL (and module) a line.",
)
def blackbox(file: Path, *, output: Path | None, force: bool, as_json: bool, targets: Path | None) -> None:
    """Import the modules of blackbox_exporter with the targets that Prometheus probes."""

    def read() -> Imported:
        listed = None if targets is None else _text(targets)
        return read_blackbox(_text(file), name=str(file), targets=listed, targets_name=str(targets))

    _Result(_imported(read), command="dialtone import blackbox", source=file).hand_over(
        output, is_forced=force, as_json=as_json
    )


@import_.command("uptime-kuma")
@_options
def uptime_kuma(file: Path, *, output: Path | None, force: bool, as_json: bool) -> None:
    """Import a backup of Uptime Kuma (JSON)."""
    imported = _imported(lambda: read_uptime_kuma(_text(file), name=str(file)))
    _Result(imported, command="dialtone import uptime-kuma", source=file).hand_over(
        output, is_forced=force, as_json=as_json
    )


def _imported(read: Callable[[], Imported]) -> Imported:
    try:
        return read()
    except SourceError as error:
        raise UnfitFileError(str(error)) from error


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(4 * MAX_JSON_CHARACTERS + 1)
        return content.decode("utf-8-sig")
    except OSError as error:
        found = f"no file that can be read ({error.strerror})"
        raise wrong(str(path), 1, found=found, expected="one configuration file") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise wrong(str(path), line, found="bytes that are no UTF-8", expected="text") from error


class _Result:
    """What was imported, on its way to file and terminal."""

    def __init__(self, imported: Imported, *, command: str, source: Path) -> None:
        self._imported = imported
        self._text = write(imported, command=command, source=source.name)

    def hand_over(self, output: Path | None, *, is_forced: bool, as_json: bool) -> None:
        """Write and print, and end with 1 where something was left out."""
        if output is not None:
            self._save(output, is_forced=is_forced)
        if as_json:
            answer = msgspec.structs.asdict(self._imported) | {"yaml": self._text}
            click.echo(msgspec.json.encode(answer).decode())
        else:
            if output is None:
                click.echo(self._text, nl=False)
            self._tell(output)
        if self._imported.left_out:
            raise exits.Ended(exits.FAILED)

    def _save(self, output: Path, *, is_forced: bool) -> None:
        try:
            with output.open("w" if is_forced else "x", encoding="utf-8") as file:
                file.write(self._text)
        except FileExistsError as error:
            raise UnfitFileError(f"{output} is already there; --force overwrites it.") from error
        except OSError as error:
            raise exits.CommandError(f"{output} cannot be written: {error.strerror}.") from error

    def _tell(self, output: Path | None) -> None:
        imported = self._imported
        where = f" into {output}" if output is not None else ""
        click.echo(f"{_counted(len(imported.integrations), 'integration')} imported{where}.", err=True)
        if imported.variables:
            click.echo("\nSet in the environment before the start:", err=True)
            for variable in imported.variables:
                click.echo(f"  {variable.name}: {variable.holds}", err=True)
        for note in imported.notes:
            click.echo(f"\n{note}", err=True)
        if imported.left_out:
            click.echo(f"\n{_counted(len(imported.left_out), 'thing')} left out:", err=True)
            for each in imported.left_out:
                click.echo(f"  {each}", err=True)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
