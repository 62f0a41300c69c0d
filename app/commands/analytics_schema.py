"""`dialtone analytics schema`: what can be asked, table by table and column by column."""

from difflib import get_close_matches

import click
import msgspec
from rich.text import Text

from app.commands.looks import table
from app.commands.options import json_option
from app.commands.session import Session
from exporters.analytics.described import Relation, Schema


@click.command()
@click.argument("name", metavar="[TABLE]", required=False)
@json_option
@click.pass_obj
def schema(session: Session, *, name: str | None, as_json: bool) -> None:
    """Show the tables and views that can be asked, or the columns of one: dialtone analytics schema calls."""
    found = session.read(session.server.get("/v2/analytics/schema"), Schema, as_json=as_json and name is None)
    if found is None:
        return
    if name is None:
        _show_all(session, found)
        return
    relation = _named(found, name)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(relation), indent=2).decode())
    else:
        _show_one(session, relation)


def _named(found: Schema, name: str) -> Relation:
    relations = {relation.name: relation for relation in found.relations}
    if name in relations:
        return relations[name]
    near = get_close_matches(name, relations, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(relations))}"
    raise click.UsageError(f"there is no table or view {name!r}; {hint}")


def _show_all(session: Session, found: Schema) -> None:
    rows = table(session.console, "NAME", "KIND", "COLUMNS", "A ROW IS")
    for relation in sorted(found.relations, key=lambda one: (one.kind != "view", one.name)):
        rows.add_row(relation.name, relation.kind, str(len(relation.columns)), Text(_first(relation.doc)))
    for function in found.functions:
        call = f"{function.name}({', '.join(function.parameters)})"
        rows.add_row(Text(call), "function", "", Text(_first(function.doc)))
    session.console.print(rows)


def _show_one(session: Session, relation: Relation) -> None:
    session.console.print(Text(relation.doc))
    session.console.print()
    rows = table(session.console, "COLUMN", "TYPE", "MEANING")
    for column in relation.columns:
        rows.add_row(Text(column.name), Text(column.type), Text(column.doc))
    session.console.print(rows)


def _first(text: str) -> str:
    """The first sentence."""
    return text.partition(". ")[0].removesuffix(".")
