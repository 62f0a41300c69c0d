"""`dialtone new integration`: a folder for a vendor that does not come with Dialtone yet."""

import datetime as dt
import hashlib
import re
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

import click
import yaml

from app.commands import exits
from app.commands.verify import facts_of
from integrations.clock import SystemClock
from integrations.manifest.described import UnknownOperationError
from integrations.manifest.loading import LOCK, MANIFEST, load_lock, load_manifest
from integrations.manifest.scaffold import Origin, files
from integrations.manifest.source import SourceError

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_LARGEST = 64 * 1024 * 1024


@click.group()
def new() -> None:
    """Begin something: an integration."""


@new.command()
@click.argument("name")
@click.option(
    "--from-openapi",
    "source",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The vendor's OpenAPI or Swagger description, JSON or YAML.",
)
@click.option(
    "--operation", "operations", multiple=True, help="An operationId or `METHOD /path`; may be repeated."
)
@click.option(
    "--into",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Where the folder goes (default: the catalogue of this installation).",
)
def integration(name: str, *, source: Path | None, operations: tuple[str, ...], into: Path | None) -> None:
    """Write the folder of a new vendor: manifest, lock and README that pass the contract suite."""
    if not _NAME.fullmatch(name):
        raise exits.WrongUsageError(
            f"{name!r} is no vendor's id: small letters, digits and _, first a letter, such as acme_cloud."
        )
    if operations and source is None:
        raise exits.WrongUsageError("--operation names operations of a description: give --from-openapi too.")
    folder = (into or Path(str(resources.files("integrations") / "catalog"))) / name
    if folder.exists():
        raise exits.WrongUsageError(f"{folder} is there already; choose another name, or remove it.")
    made = _made(name, source, operations)
    _check(made, name)
    folder.mkdir()
    for file, text in made.items():
        (folder / file).write_text(text, "utf-8")
    click.echo(f"Wrote {', '.join(made)} to {folder}.")
    click.echo("Next: complete what says TODO, `make docs`, `pytest tests/integrations/catalog`.", err=True)


def _made(name: str, source: Path | None, operations: tuple[str, ...]) -> dict[str, str]:
    today = dt.datetime.fromtimestamp(SystemClock().time(), dt.UTC).date().isoformat()
    if source is None:
        return files(name, spec=None, wanted=(), origin=Origin(f"https://{name}.example/docs", today))
    spec, digest = _read(source)
    try:
        origin = Origin(f"{source.name} (sha256 {digest})", today)
        return files(name, spec=spec, wanted=operations, origin=origin)
    except UnknownOperationError as error:
        raise exits.WrongUsageError(f"{source}: {error}.") from error


def _read(source: Path) -> tuple[Mapping[str, object], str]:
    if source.stat().st_size > _LARGEST:
        raise exits.WrongUsageError(f"{source} is larger than {_LARGEST // 1024 // 1024} MiB.")
    raw = source.read_bytes()
    try:
        spec = yaml.load(raw, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - safe both
    except yaml.YAMLError as error:
        raise exits.WrongUsageError(f"{source} is neither JSON nor YAML.") from error
    if not isinstance(spec, dict) or "paths" not in spec:
        raise exits.WrongUsageError(f"{source} is no OpenAPI description: it has no paths.")
    return spec, hashlib.sha256(raw).hexdigest()


def _check(made: Mapping[str, str], name: str) -> None:
    """What was made loads and agrees; where the description does not allow it, say what to leave out."""
    try:
        manifest = load_manifest(made[MANIFEST], name=f"{name}/{MANIFEST}")
        lock = load_lock(made[LOCK], name=f"{name}/{LOCK}")
    except SourceError as error:
        raise exits.WrongUsageError(
            f"No manifest can be made of these operations; name others with --operation:\n{error}"
        ) from error
    if differences := facts_of(manifest, lock).differences:
        raise exits.CommandError("The manifest would not agree:\n" + "\n".join(differences))
