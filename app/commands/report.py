"""`dialtone report`: what a month of recorded signals comes to."""

from pathlib import Path

import click

from app.commands.asking import keep
from app.commands.options import json_option
from app.commands.server import CALL_PATIENCE
from app.commands.session import Session
from app.web.report.markdown import markdown
from app.web.report.page import page
from exporters.analytics.report.outcome import Report

PATH = "/v2/analytics/report"

_FORMATS = {".html": "html", ".htm": "html", ".md": "markdown", ".markdown": "markdown"}


@click.command()
@click.option("--month", metavar="YYYY-MM", help="Which month; the last one that is over by default.")
@click.option("--from", "start", help="In place of a month: a day, a time, or relative such as -7d.")
@click.option("--to", "end", help="As --from; now by default.")
@click.option("--tz", "zone", metavar="ZONE", help="The time zone of days and times; UTC by default.")
@click.option(
    "--format",
    "shape",
    type=click.Choice(["html", "markdown"]),
    help="By default as --output ends, or markdown.",
)
@click.option(
    "--output", "-o", type=click.Path(path_type=Path, dir_okay=False), help="Write it to this file."
)
@json_option
@click.pass_obj
def report(
    session: Session,
    *,
    month: str | None,
    start: str | None,
    end: str | None,
    zone: str | None,
    shape: str | None,
    output: Path | None,
    as_json: bool,
) -> None:
    """Tell how third parties did in a month: dialtone report --month 2026-11 --output november.html.

    Availability against objectives, incidents, use and its growth, cost, quotas, drift, credentials, webhooks
    and deliveries. The HTML page stands on its own and prints well.
    """
    if as_json and output is not None:
        raise click.UsageError("--json prints the data: send it to a file with > in place of --output")
    shape = shape or _by_name(output)
    given = {"month": month, "from": _relative(start), "to": _relative(end), "tz": zone}
    params = {name: value for name, value in given.items() if value is not None}
    with session.waiting("Reading what was recorded …"):
        reply = session.server.get(PATH, params, patience=CALL_PATIENCE)
    found = session.read(reply, Report, as_json=as_json)
    if found is None:
        return
    draw = page if shape == "html" else markdown
    if output is None:
        click.echo(draw(found), nl=False)
        return
    keep([draw(found).encode()], output)
    session.errors.print(f"Wrote {output}.", soft_wrap=True)


def _relative(text: str | None) -> str | None:
    """A length of time means as long ago."""
    is_length = text is not None and text[:1].isdigit() and text[-1:] in "smhdw"
    return f"-{text}" if is_length else text


def _by_name(output: Path | None) -> str:
    if output is None:
        return "markdown"
    shape = _FORMATS.get(output.suffix.lower())
    if shape is None:
        raise click.UsageError(
            f"{output.name} does not say its format: end it in .html or .md, or give --format"
        )
    return shape
