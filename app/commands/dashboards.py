"""`dialtone dashboards`: the boards that Dialtone ships, on disk or in a running Grafana."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click
import httpx
from rich.text import Text

from app.boards import Board, shipped_boards, shipped_files
from app.commands import exits
from app.commands.lines import plain
from app.commands.looks import table
from app.commands.session import Session
from app.grafana import DataSource, Grafana, GrafanaError

FOLDER_UID = "dialtone"
INFINITY = "yesoreyeram-infinity-datasource"
SCRAPED = "count(dialtone_build_info)"
RECORDED = "count(fleet:dialtone_calls:rate5m)"

_url = click.argument("url", envvar="GRAFANA_URL")
_token = click.option(
    "--token",
    envvar="GRAFANA_TOKEN",
    default="",
    help="The token of a service account of Grafana's; better in GRAFANA_TOKEN.",
)
_token_file = click.option(
    "--token-file",
    type=click.Path(path_type=Path),
    help="A file that holds the token; it goes before the other.",
)


class Finding(NamedTuple):
    """One thing that was looked at: how it is, and what to do about it."""

    what: str
    is_good: bool
    text: str


@click.group()
def dashboards() -> None:
    """Grafana boards: write them to a folder, push them into a Grafana, or look at what it lacks."""


@dashboards.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--force", is_flag=True, help="Overwrite files that say something else.")
def export(folder: Path, *, force: bool) -> None:
    """Write boards, Prometheus rules and provisioning files into FOLDER."""
    files = shipped_files()
    other = [path for path, content in files.items() if _differs(folder / path, content)]
    if other and not force:
        raise exits.WrongUsageError(
            f"{folder} has other files of these names: {', '.join(other)}. --force overwrites them."
        )
    try:
        for path, content in files.items():
            place = folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
    except OSError as error:
        raise exits.CommandError(f"{error.filename} cannot be written: {error.strerror}.") from error
    for path in files:
        click.echo(folder / path)


@dashboards.command()
@_url
@_token
@_token_file
@click.option(
    "--folder", "title", default="Dialtone", show_default=True, help="Title of a folder that is made."
)
@click.option("--folder-uid", default=FOLDER_UID, show_default=True, help="The folder they go into.")
@click.pass_obj
def push(
    session: Session, url: str, *, token: str, token_file: Path | None, title: str, folder_uid: str
) -> None:
    """Save the boards in the Grafana at URL (or GRAFANA_URL); what they were before is replaced.

    Its service account needs the role Editor. The boards find Prometheus by themselves.
    """
    grafana = _grafana(session, url, _given(token, token_file))
    try:
        if grafana.ensure_folder(folder_uid, title=title):
            click.echo(f"made the folder {title}")
        for uid, board in shipped_boards().items():
            click.echo(f"{_saved(grafana, board, folder_uid)} {uid}: {board['title']}")
    except GrafanaError as error:
        raise exits.CommandError(plain(str(error))) from error


@dashboards.command()
@_url
@_token
@_token_file
@click.pass_obj
def check(session: Session, url: str, *, token: str, token_file: Path | None) -> None:
    """Tell what the boards lack in the Grafana at URL (or GRAFANA_URL): boards, data sources, data, rules."""
    grafana = _grafana(session, url, _given(token, token_file))
    try:
        findings = list(_findings(grafana))
    except GrafanaError as error:
        raise exits.CommandError(plain(str(error))) from error
    rows = table(session.console, "WHAT", "STATE", "")
    for one in findings:
        state = Text("✓ ok", style="green") if one.is_good else Text("✗ lacks", style="bold red")
        rows.add_row(plain(one.what), state, plain(one.text))
    session.console.print(rows)
    if not all(one.is_good for one in findings):
        raise exits.Ended(exits.FAILED)


def _findings(grafana: Grafana) -> Iterator[Finding]:
    version = grafana.version()
    yield Finding(
        "Grafana", is_good=True, text=f"version {version}" if version else "it does not tell its version"
    )
    for uid, board in shipped_boards().items():
        yield _compared(uid, board, grafana.board(uid))
    sources = grafana.data_sources()
    yield from _prometheus(grafana, [one for one in sources if one.type == "prometheus"])
    infinity = [one.name for one in sources if one.type == INFINITY]
    yield Finding(
        "data source Infinity",
        is_good=bool(infinity),
        text=", ".join(infinity)
        or f"the board on usage stays empty: install the plugin {INFINITY} and add a data source "
        "with Dialtone's URL and an API token",
    )


def _prometheus(grafana: Grafana, sources: list[DataSource]) -> Iterator[Finding]:
    if not sources:
        yield Finding(
            "data source Prometheus",
            is_good=False,
            text="add a data source for the Prometheus that scrapes Dialtone",
        )
        return
    scraping = [one for one in sources if grafana.has_series(one, SCRAPED)]
    names = ", ".join(one.name for one in scraping or sources)
    text = names if scraping else f"{names}: none has metrics of Dialtone; let one scrape its /metrics"
    yield Finding("data source Prometheus", is_good=bool(scraping), text=text)
    for one in scraping:
        has_rules = grafana.has_series(one, RECORDED)
        advice = (
            ""
            if has_rules
            else "some panels stay empty: load rules/recording.yml (`dialtone dashboards export`)"
        )
        yield Finding(f"recording rules in {one.name}", is_good=has_rules, text=advice)


def _compared(uid: str, ours: Board, theirs: Board | None) -> Finding:
    if theirs is None:
        return Finding(f"board {uid}", is_good=False, text="it is not there: `dialtone dashboards push`")
    is_same = _holds(theirs, ours)
    text = "" if is_same else "it is another than this version of Dialtone ships: `dialtone dashboards push`"
    return Finding(f"board {uid}", is_good=is_same, text=text)


def _saved(grafana: Grafana, board: Board, folder: str) -> str:
    before = grafana.board(str(board["uid"]))
    if before is not None and _holds(before, board):
        return "unchanged"
    grafana.save(board, folder=folder, message="dialtone dashboards push")
    return "made     " if before is None else "replaced "


def _holds(theirs: object, ours: object) -> bool:
    """Whether all of ours is in theirs; what Grafana adds to a board that it keeps makes no difference."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return all(key in theirs and _holds(theirs[key], value) for key, value in ours.items())
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(theirs) == len(ours) and all(map(_holds, theirs, ours))
    return theirs == ours


def _given(token: str, token_file: Path | None) -> str:
    if token_file is None:
        return token.strip()
    try:
        return token_file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise exits.WrongUsageError(
            f"{token_file} does not give a token: no text file that can be read."
        ) from error


def _grafana(session: Session, url: str, token: str) -> Grafana:
    return Grafana(url, token=token, open_client=session.open_client or _open_client)


def _open_client(_: str) -> httpx.Client:
    """With the environment's proxies and authorities, because Grafana may stand anywhere."""
    return httpx.Client()


def _differs(place: Path, content: bytes) -> bool:
    try:
        return place.exists() and place.read_bytes() != content
    except OSError:
        return True
