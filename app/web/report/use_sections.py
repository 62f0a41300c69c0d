"""The sections of a report on use and cost."""

from app.web.report import charts
from app.web.report.document import SHOWN, Cell, Section, Table, heads, more
from app.web.report.wording import growth, money, part
from app.web.words import NOTHING, number
from exporters.analytics.report.outcome import CostLine, Growth, Report


def use(report: Report) -> Section | None:
    """Who used what."""
    found = report.use
    if not found.runs and not found.before:
        return None
    words = "A run is one action that a caller asked for, however many requests it took."
    if found.before is None:
        words += f" {_since(report)}"
    elif not report.period.is_over:
        words += f" It is compared with as many days of {report.period.before_name}."
    tables = [
        _growths("caller", found.by_caller, report),
        _growths("integration", found.by_integration, report),
    ]
    if any(one.name for one in found.by_team):
        tables.insert(0, _growths("team", found.by_team, report))
    return Section(title="Use", words=(words,), charts=(charts.use(report),), tables=tuple(tables))


def _since(report: Report) -> str:
    name = report.period.before_name
    return f"{name[:1].upper()}{name[1:]} was not recorded from its start, so growth cannot be told."


def _growths(what: str, found: tuple[Growth, ...], report: Report) -> Table:
    is_known = report.use.before is not None
    most = max([1, *(one.runs for one in found), *(one.before for one in found if is_known)])
    with_team = what == "caller" and any(one.team for one in found)
    columns = heads(
        what,
        *(["team"] if with_team else []),
        "#runs",
        "#failed",
        "#refused",
        "#before",
        "#growth",
        "~now, before",
    )
    rows = [_growth(one, most, is_known=is_known, with_team=with_team) for one in found[:SHOWN]]
    return Table(columns=columns, rows=tuple(rows), more=more(len(found)))


def _growth(one: Growth, most: int, *, is_known: bool, with_team: bool) -> tuple[Cell, ...]:
    before = one.before if is_known else None
    return (
        Cell(one.name or "(not named)"),
        *([Cell(one.team or NOTHING)] if with_team else []),
        Cell(number(one.runs)),
        Cell(_lost(one.failed, one.runs)),
        Cell(_lost(one.refused, one.runs)),
        Cell(number(before)),
        Cell(growth(one.runs, before)),
        Cell("", chart=charts.pair(one.runs, before, most)),
    )


def _lost(lost: int, runs: int) -> str:
    return f"{number(lost)} ({part(lost / runs)})" if lost and runs else number(lost)


def costs(report: Report) -> Section | None:
    """What calls cost, where that is declared."""
    found = report.costs
    if not found.totals:
        return None
    is_known = report.use.before is not None
    tables = [
        _spent(name, lines, is_known=is_known)
        for name, lines in (("integration", found.by_integration), ("team", found.by_team))
        if any(line.name for line in lines)
    ]
    words = "By the prices that integrations declared when the calls were made."
    return Section(title="Cost", words=(words,), tables=tuple(tables))


def _spent(what: str, lines: tuple[CostLine, ...], *, is_known: bool) -> Table:
    rows = tuple(
        (
            Cell(line.name or "(no team)"),
            Cell(money(line.cost, line.currency)),
            Cell(money(line.before, line.currency) if is_known else NOTHING),
            Cell(growth(line.cost, line.before if is_known else None)),
        )
        for line in lines[:SHOWN]
    )
    names = heads(what, "#cost", "#before", "#growth")
    return Table(columns=names, rows=rows, more=more(len(lines)))
