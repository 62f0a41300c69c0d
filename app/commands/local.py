"""The commands that need no server: serve, demo, check-config, token, version."""

import hashlib
import secrets
from collections.abc import Callable, Iterable
from importlib.metadata import version as installed_version
from pathlib import Path

import anyio
import click
import msgspec

from app.commands import exits
from app.commands.options import json_option
from app.configuration.checks import parse_listen
from app.settings import Settings, SettingsError, load_settings
from integrations.connection import Connection
from integrations.errors import ConfigurationError
from integrations.manifest.loading import Catalog
from integrations.manifest.source import Problem

DEFAULT_CONFIG = Path("dialtone.yaml")

_config_option = click.option(
    "--config",
    "-c",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="DIALTONE_CONFIG",
    default=DEFAULT_CONFIG,
    show_default=True,
    help="The configuration file (or DIALTONE_CONFIG).",
)


@click.command()
@_config_option
def serve(config: Path) -> None:
    """Run Dialtone until it is told to stop (Ctrl-C, SIGTERM)."""
    settings = _load(config)
    for warning in settings.warnings:
        click.echo(f"Warning: {warning}", err=True)
    from app.server import ListenError
    from app.serving import serve as run
    from app.storage.errors import StorageError

    address = f"http://{settings.listen.host}:{settings.listen.port}"
    try:
        anyio.run(
            lambda: run(settings, ready=lambda _: click.echo(f"Dialtone answers at {address}", err=True))
        )
    except (ListenError, StorageError, ConfigurationError) as error:
        raise exits.CommandError(f"Dialtone cannot start: {error}") from error


@click.command()
@click.option("--listen", default="127.0.0.1:4350", show_default=True, help="Where to answer.")
@click.option("--state-dir", type=click.Path(path_type=Path), help="Keep its data here; without: nowhere.")
@click.option("--seed", type=int, help="The same seed gives the same faults and traffic.")
def demo(listen: str, state_dir: Path | None, seed: int | None) -> None:
    """Run Dialtone with simulated vendors, live traffic, and faults now and then."""
    if parse_listen(listen) is None:
        raise click.UsageError(f"--listen {listen!r}: write HOST:PORT or [IPv6]:PORT, such as 127.0.0.1:4350")
    from app.demo.run import run_demo

    code = run_demo(listen=listen, state_dir=state_dir, **({} if seed is None else {"seed": seed}))
    if code:
        raise exits.Ended(code)


@click.command("check-config")
@click.argument("config", type=click.Path(path_type=Path, dir_okay=False), default=DEFAULT_CONFIG)
@click.option(
    "--config", "-c", "named", type=click.Path(path_type=Path, dir_okay=False), help="The same as CONFIG."
)
@json_option
def check_config(config: Path, *, named: Path | None, as_json: bool) -> None:
    """Check a configuration file whole, and say everything that is wrong with it."""
    config = named or config
    if as_json:
        _check_for_programs(config)
        return
    settings = _load(config)
    for warning in settings.warnings:
        click.echo(f"Warning: {warning}", err=True)
    click.echo(
        f"{config} is good: {len(settings.integrations)} integration(s), {len(settings.tokens)} token(s)."
    )


@click.command()
@click.option("--name", default="oncall", show_default=True, help="Whose token it is.")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice(["read", "operate", "admin"]),
    multiple=True,
    default=("read",),
    show_default=True,
    help="What it may do; each includes those before it.",
)
@json_option
def token(name: str, scopes: tuple[str, ...], *, as_json: bool) -> None:
    """Make a random API token, and the line for the configuration file that holds only its hash."""
    text = f"dt_{secrets.token_urlsafe(32)}"
    digest = hashlib.sha256(text.encode()).hexdigest()
    if as_json:
        made = {"token": text, "name": name, "sha256": digest, "scopes": scopes}
        click.echo(msgspec.json.encode(made).decode())
        return
    click.echo("The token; it is shown only now, keep it safe:", err=True)
    click.echo(text)
    click.echo("\nFor the configuration file, under tokens:", err=True)
    click.echo(f"  - {{name: {name}, sha256: {digest}, scopes: [{', '.join(scopes)}]}}")


@click.command()
@json_option
def version(*, as_json: bool) -> None:
    """Print the version."""
    text = installed_version("dialtone")
    click.echo(msgspec.json.encode({"version": text}).decode() if as_json else f"dialtone {text}")


class ConfigReport(msgspec.Struct, frozen=True, kw_only=True):
    """What `check-config --json` prints."""

    config: str
    ok: bool
    integrations: int = 0
    problems: tuple[Problem, ...] = ()
    warnings: tuple[str, ...] = ()


def _check_for_programs(config: Path) -> None:
    try:
        settings = load_settings(config, validate=vendor_rules())
    except SettingsError as error:
        report = ConfigReport(config=str(config), ok=False, problems=error.problems)
    else:
        count = len(settings.integrations)
        report = ConfigReport(config=str(config), ok=True, integrations=count, warnings=settings.warnings)
    click.echo(msgspec.json.encode(report).decode())
    if not report.ok:
        raise exits.Ended(_code(config))


def _load(config: Path) -> Settings:
    try:
        return load_settings(config, validate=vendor_rules())
    except SettingsError as error:
        count = len(error.problems)
        noun = "problem" if count == 1 else "problems"
        failed = exits.CommandError if _code(config) == exits.FAILED else exits.WrongUsageError
        raise failed(f"{config} has {count} {noun}:\n{error}") from error


def _code(config: Path) -> int:
    """How a command ends whose file has problems: that it is not there at all is a wrong name."""
    return exits.FAILED if config.is_file() else exits.USAGE


def vendor_rules() -> Callable[[Connection], Iterable[ConfigurationError]]:
    """Return what holds a connection against the manifest of its vendor in the bundled catalogue."""
    from app.configuration.vendors import rules_of

    return rules_of(Catalog.bundled())
