"""The commands that need no server: serve, demo, check-config, verify, token, version."""

import hashlib
import secrets
from collections.abc import Callable, Iterable
from importlib.metadata import version as installed_version
from pathlib import Path

import anyio
import click
import msgspec

from app.commands import exits
from app.commands.looks import table
from app.commands.session import Session, json_option
from app.settings import Settings, SettingsError, load_settings
from integrations.connection import Connection
from integrations.errors import ConfigurationError
from integrations.manifest.contract import Evidence, evidence
from integrations.manifest.contract import verify as find_differences
from integrations.manifest.loading import Catalog

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


class VendorFacts(msgspec.Struct, frozen=True, kw_only=True):
    """How a vendor's manifest stands to its contract."""

    vendor: str
    actions: int
    evidence: tuple[str, ...]
    differences: tuple[str, ...]


@click.command()
@_config_option
def serve(config: Path) -> None:
    """Run Dialtone until it is told to stop (Ctrl-C, SIGTERM)."""
    settings = _load(config)
    for warning in settings.warnings:
        click.echo(f"Warning: {warning}", err=True)
    from app.server import ListenError
    from app.storage.errors import StorageError
    from app.wiring import serve as run

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
    from app.demo.run import run_demo

    code = run_demo(listen=listen, state_dir=state_dir, **({} if seed is None else {"seed": seed}))
    if code:
        raise exits.Ended(code)


@click.command("check-config")
@click.argument("config", type=click.Path(path_type=Path, dir_okay=False), default=DEFAULT_CONFIG)
def check_config(config: Path) -> None:
    """Check a configuration file whole, and say everything that is wrong with it."""
    settings = _load(config)
    for warning in settings.warnings:
        click.echo(f"Warning: {warning}", err=True)
    click.echo(
        f"{config} is good: {len(settings.integrations)} integration(s), {len(settings.tokens)} token(s)."
    )


@click.command()
@click.argument("vendor", required=False)
@json_option
@click.pass_obj
def verify(session: Session, vendor: str | None, *, as_json: bool) -> None:
    """Hold every vendor's manifest against its locked contract."""
    catalog = Catalog.bundled()
    known = sorted(catalog.vendors())
    if vendor is not None and vendor not in known:
        raise exits.CommandError(f"There is no vendor {vendor!r}; there are {', '.join(known)}.")
    facts = [_facts(catalog, one) for one in known if vendor in {None, one}]
    if as_json:
        click.echo(msgspec.json.encode({"vendors": facts}).decode())
    else:
        _show_facts(session, facts)
    if any(one.differences for one in facts):
        raise exits.Ended(exits.FAILED)


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


def _load(config: Path) -> Settings:
    try:
        return load_settings(config, validate=vendor_rules())
    except SettingsError as error:
        count = len(error.problems)
        noun = "problem" if count == 1 else "problems"
        raise exits.CommandError(f"{config} has {count} {noun}:\n{error}") from error


def vendor_rules() -> Callable[[Connection], Iterable[ConfigurationError]]:
    """Return what holds a connection against the manifest of its vendor in the bundled catalogue."""
    from app.configuration.vendors import rules_of

    return rules_of(Catalog.bundled())


def _facts(catalog: Catalog, vendor: str) -> VendorFacts:
    manifest, lock = catalog.manifest(vendor), catalog.lock(vendor)
    return VendorFacts(
        vendor=vendor,
        actions=len(manifest.actions),
        evidence=tuple(map(_told, evidence(manifest, lock))),
        differences=tuple(
            f"{one.action}: {one.text}" if one.action else one.text
            for one in find_differences(manifest, lock)
        ),
    )


def _told(one: Evidence) -> str:
    """Facts of a documentation page are as old as their entering; a description has a day of its own."""
    entered = "entered " if one.kind == "vendor docs" else ""
    return f"{one.kind} {entered}{one.date} ({one.actions})".replace("  ", " ")


def _show_facts(session: Session, facts: list[VendorFacts]) -> None:
    rows = table(session.console, "VENDOR", "ACTIONS", "EVIDENCE", "AGREES")
    for one in facts:
        differences = "\n".join(("no", *one.differences))
        rows.add_row(
            one.vendor, str(one.actions), "\n".join(one.evidence), differences if one.differences else "yes"
        )
    session.console.print(rows)
