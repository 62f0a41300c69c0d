"""`dialtone vendors`: whom Dialtone can call, and what each can do."""

import click
import msgspec
from rich.text import Text

from app.api.bodies import VendorBody, VendorInput
from app.commands import exits
from app.commands.looks import table
from app.commands.options import json_option
from app.commands.session import Session
from integrations.manifest.loading import Catalog
from integrations.manifest.source import nearest


@click.command()
@click.argument("vendor", required=False)
@json_option
@click.pass_obj
def vendors(session: Session, vendor: str | None, *, as_json: bool) -> None:
    """Show the vendors that can be configured, or one's actions with their params."""
    from app.api.vendors import describe

    catalog = Catalog.bundled()
    known = sorted(catalog.vendors())
    if vendor is not None and vendor not in known:
        near = nearest(vendor, known)
        hint = f"did you mean {near}?" if near else f"there are {', '.join(known)}"
        raise exits.WrongUsageError(f"there is no vendor {vendor!r}; {hint}")
    found = [describe(catalog.manifest(one)) for one in known if vendor in {None, one}]
    if as_json:
        click.echo(msgspec.json.encode({"vendors": found}).decode())
    elif vendor is None:
        _show_all(session, found)
    else:
        _show_one(session, found[0])


def _show_all(session: Session, found: list[VendorBody]) -> None:
    rows = table(session.console, "VENDOR", "NAME", "AUTH", "CONFIG", "ACTIONS")
    for one in found:
        rows.add_row(one.id, one.name, ", ".join(one.auth), ", ".join(one.config), str(len(one.actions)))
    session.console.print(rows)


def _show_one(session: Session, vendor: VendorBody) -> None:
    rows = table(session.console, "ACTION", "EFFECT", "PARAMS (* REQUIRED)", "WHAT IT DOES")
    for one in vendor.actions:
        rows.add_row(one.name, one.effect, Text(", ".join(map(_param, one.inputs))), one.title)
    session.console.print(rows)


def _param(given: VendorInput) -> str:
    return f"{given.name}*" if given.required else given.name
