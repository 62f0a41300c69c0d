"""How `dialtone backtest` shows an answer on a terminal."""

from collections.abc import Iterator, Sequence

from rich.text import Text

from app.commands.looks import table
from app.commands.session import Session
from app.web.alert_backtest import alert_lines, is_open, is_told
from app.web.backtest import lines, when
from app.web.comparing import Line
from app.web.watched_backtest import watched_lines, what_is_given_back, what_was_heard
from app.web.words import number, span
from exporters.analytics.backtest.alerts.outcome import AlertBacktest
from exporters.analytics.backtest.outcome import Backtest, Side
from exporters.analytics.backtest.tally import Bucket
from exporters.analytics.backtest.watched.outcome import WatchedBacktest

_LEVELS = " ▁▂▃▄▅▆▇█"
_MOST_SPELLS = 10
_COLUMNS = 60


def show(session: Session, one: Backtest) -> None:
    """Print both sides, one beside the other, with a picture."""
    tell = session.console.print
    tell(Text(one.integration, style="bold"), Text(f"  {when(one.start)} to {when(one.end)} UTC"))
    for change in (*one.changes, *(one.alerts.changes if one.alerts else ())):
        tell(f"  {change.key}: {change.today} → {change.proposed}")
    rows = table(session.console, "", "TODAY", "PROPOSED", "")
    for line in lines(one):
        rows.add_row(line.name, line.today, line.proposed, line.means)
    tell(rows)
    for name, side in (("today", one.today), ("proposed", one.proposed)):
        for label, strip in _picture(side, one):
            tell(f"{name:>9} {label:<8} {strip}", soft_wrap=True)
    if one.alerts is not None:
        buckets = one.today.buckets
        width = (one.end - one.start) / max(1, len(buckets))
        starts = [each.start for each in buckets]
        _tell_alerts(session, one.alerts, alert_lines(one.alerts), starts=starts, width=width)
    for text in _sentences(one):
        tell(text, soft_wrap=True)


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
    if one.alerts is not None:
        yield from _of_alerts(one.alerts)
    yield from one.notes
    if one.truncated:
        yield "There were more calls than are read: name a shorter time for all of them."


def show_watched(session: Session, one: WatchedBacktest) -> None:
    """Print what an objective or a heartbeat would have told of, with a picture."""
    tell = session.console.print
    tell(Text(f"{one.kind} {one.name}", style="bold"), Text(f"  {when(one.start)} to {when(one.end)} UTC"))
    for change in one.alerts.changes:
        tell(f"  {change.key}: {change.today} → {change.proposed}")
    width = (one.end - one.start) / _COLUMNS
    starts = [one.start + place * width for place in range(_COLUMNS)]
    label = "incident" if one.kind == "heartbeat" else "alert"
    _tell_alerts(session, one.alerts, watched_lines(one), starts=starts, width=width, label=label)
    tell(f"{what_was_heard(one)} replayed.", soft_wrap=True)
    for text in _of_alerts(one.alerts, what_is_given_back(one)):
        tell(text, soft_wrap=True)
    if one.truncated:
        tell("There were more than are read: name a shorter time for all of them.", soft_wrap=True)


def _tell_alerts(
    session: Session,
    alerts: AlertBacktest,
    lines: Sequence[Line],
    *,
    starts: Sequence[float],
    width: float,
    label: str = "incident",
) -> None:
    """Alerting: a table, and a character a stretch of time for what was open and for who was told."""
    rows = table(session.console, "", "TODAY", "PROPOSED", "")
    for line in lines:
        rows.add_row(line.name, line.today, line.proposed, line.means)
    session.console.print(rows)
    spans = [(start, start + width) for start in starts]
    for name, side in (("today", alerts.today), ("proposed", alerts.proposed)):
        open_ = "".join("█" if is_open(side, start=start, end=end) else "·" for start, end in spans)
        told = "".join("▲" if is_told(side, start=start, end=end) else "·" for start, end in spans)
        for row, strip in ((label, open_), ("told", told)):
            session.console.print(f"{name:>9} {row:<8} {strip}", soft_wrap=True)


def _of_alerts(alerts: AlertBacktest, what: str = "openings and ends of incidents") -> Iterator[str]:
    for incident in alerts.unnoticed[:_MOST_SPELLS]:
        length = (
            "to the end"
            if incident.resolved_at is None
            else f"for {span(incident.resolved_at - incident.opened_at)}"
        )
        words = f"{incident.state.value} {length}: {incident.reason}"
        yield f"{when(incident.opened_at)}  not noticed any more: {words}"
    fidelity = alerts.fidelity
    yield (
        f"Today's rules give back {fidelity.given_back} of {fidelity.recorded} recorded {what}"
        + (f", and {fidelity.invented} that were not recorded." if fidelity.invented else ".")
    )
    yield from alerts.notes
