"""`dialtone backtest`: what another policy would have done to calls that were recorded."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import click
import msgspec
import yaml
from rich.text import Text

from app.api.backtest import BacktestList
from app.commands.looks import table
from app.commands.server import CALL_PATIENCE
from app.commands.session import Session, json_option
from app.web.backtest import lines, page, when
from app.web.words import number, span
from exporters.analytics.backtest.outcome import Backtest, Side
from exporters.analytics.backtest.tally import Bucket

_LEVELS = " ▁▂▃▄▅▆▇█"
_MOST_SPELLS = 10


@click.command()
@click.option(
    "--set", "given", multiple=True, metavar="KEY=VALUE", help="A key, as breaker.failure_ratio=0.3."
)
@click.option(
    "--policy",
    "file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="A YAML file with the keys that are to be other, under policy or by themselves.",
)
@click.option("--integration", "-i", "integrations", multiple=True, help="Only this one; may be repeated.")
@click.option("--since", default="24h", show_default=True, help="From how long ago, or a time.")
@click.option("--until", "end", default="now", show_default=True, help="Until how long ago, or a time.")
@click.option(
    "--html", type=click.Path(path_type=Path, dir_okay=False), help="Write a page that prints well."
)
@json_option
@click.pass_obj
def backtest(
    session: Session,
    *,
    given: tuple[str, ...],
    file: Path | None,
    integrations: tuple[str, ...],
    since: str,
    end: str,
    html: Path | None,
    as_json: bool,
) -> None:
    """Show what another policy would have done: dialtone backtest --set breaker.failure_ratio=0.3 --since 7d.

    Recorded calls and checks go through the breaker and the retry budget that run live, under today's policy
    and under the proposed one. Without a proposal today's policy is held against what happened.
    """
    asked = {
        "policy": {**_from_file(file), **dict(map(_pair, given))},
        "integrations": integrations,
        "from": _time(since),
        "to": _time(end),
    }
    with session.waiting("Replaying what was recorded …"):
        reply = session.server.post("/v2/analytics/backtest", asked, patience=CALL_PATIENCE)
    found = session.read(reply, BacktestList, as_json=as_json and html is None)
    if found is None:
        return
    if html is not None:
        html.write_text(page(found.backtests), encoding="utf-8")
        session.errors.print(f"Wrote {html}.", soft_wrap=True)
        return
    for one in found.backtests:
        _show(session, one)


def _pair(text: str) -> tuple[str, object]:
    key, separator, value = text.partition("=")
    if not separator or not key:
        raise click.UsageError(f"--set {text}: write KEY=VALUE, such as breaker.failure_ratio=0.3")
    try:
        return key, msgspec.json.decode(value)
    except msgspec.DecodeError:
        return key, value


def _from_file(file: Path | None) -> Mapping[str, object]:
    if file is None:
        return {}
    try:
        found = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise click.UsageError(
            f"--policy {file}: it cannot be read as YAML ({type(error).__name__})"
        ) from error
    if isinstance(found, dict) and isinstance(found.get("policy"), dict):
        found = found["policy"]
    if not isinstance(found, dict):
        raise click.UsageError(f"--policy {file}: it holds no keys of a policy, such as breaker or timeout")
    return {str(key): value for key, value in found.items()}


def _time(text: str) -> str:
    """A length of time means as long ago."""
    return f"-{text}" if text[:1].isdigit() and text[-1:] in "smhdw" else text


def _show(session: Session, one: Backtest) -> None:
    show = session.console.print
    show(Text(one.integration, style="bold"), Text(f"  {when(one.start)} to {when(one.end)} UTC"))
    for change in one.changes:
        show(f"  {change.key}: {change.today} → {change.proposed}")
    rows = table(session.console, "", "TODAY", "PROPOSED", "")
    for line in lines(one):
        rows.add_row(line.name, line.today, line.proposed, line.means)
    show(rows)
    for name, side in (("today", one.today), ("proposed", one.proposed)):
        for label, strip in _picture(side, one):
            show(f"{name:>9} {label:<8} {strip}", soft_wrap=True)
    for text in _sentences(one):
        show(text, soft_wrap=True)


def _picture(side: Side, one: Backtest) -> Iterator[tuple[str, str]]:
    """A character a stretch of time: how much failed and was refused, and where breakers were not closed."""
    buckets = side.buckets
    width = (one.end - one.start) / max(1, len(buckets))
    yield "failed", _strip(buckets, [each.failed for each in buckets])
    yield "refused", _strip(buckets, [each.rejected for each in buckets])
    yield (
        "breaker",
        "".join(
            "█" if _is_guarded(side, start=each.start, end=each.start + width) else "·" for each in buckets
        ),
    )


def _strip(buckets: Sequence[Bucket], counts: Sequence[int]) -> str:
    """Each stretch's share of its calls; anything at all is seen."""
    shares = (count / each.calls if each.calls else 0.0 for each, count in zip(buckets, counts, strict=True))
    return "".join(_LEVELS[max(int(bool(share)), round(share * (len(_LEVELS) - 1)))] for share in shares)


def _is_guarded(side: Side, *, start: float, end: float) -> bool:
    return any(
        spell.start < end and (spell.seconds is None or spell.start + spell.seconds > start)
        for spell in side.spells
    )


def _sentences(one: Backtest) -> Iterator[str]:
    for spell in one.proposed.spells[:_MOST_SPELLS]:
        length = "to the end" if spell.seconds is None else f"for {span(spell.seconds)}"
        yield f"{when(spell.start)}  {spell.capability} {spell.state.value} {length}: {spell.reason}"
    if len(one.proposed.spells) > _MOST_SPELLS:
        yield f"… and {len(one.proposed.spells) - _MOST_SPELLS} more; --html and --json tell all."
    fidelity = one.fidelity
    yield (
        f"{number(one.calls)} calls and {number(one.checks)} checks replayed. Today's policy gives back "
        f"{fidelity.given_back} of {fidelity.recorded} recorded changes of breakers"
        + (f", and {fidelity.invented} that were not recorded." if fidelity.invented else ".")
    )
    yield from one.notes
    if one.truncated:
        yield "There were more calls than are read: name a shorter time for all of them."
