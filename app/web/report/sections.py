"""The sections of a report, one function each; None where there is nothing to tell."""

from app.web.report import charts
from app.web.report.document import SHOWN, Cell, Section, Table, Tone, heads, more
from app.web.report.wording import Times, availability, count, length, listed, part
from app.web.words import NOTHING, latency, number
from exporters.analytics.report.outcome import (
    IncidentLine,
    IntegrationAvailability,
    ObjectiveResult,
    Report,
    VendorAvailability,
    VendorObjective,
)


def objectives(report: Report) -> Section:
    """What was promised, and what came of it."""
    if not report.objectives:
        words = (
            "None is declared: name what you promise under alerts.slos, and reports tell whether it was kept."
        )
        return Section(title="Objectives", words=(words,))
    table = Table(
        columns=heads("objective", "#asked", "#got", "#bad requests", "#budget left", "~days"),
        rows=tuple(_objective(one, report) for one in report.objectives[:SHOWN]),
        more=more(len(report.objectives)),
    )
    note = (
        "Live calls and checks count as for dialtone slos: not what the vendor cannot help, not what our own "
        "limits refuse, not injected faults, not planned maintenance. The budget is that of this time."
    )
    return Section(title="Objectives", tables=(table,), notes=(note,))


def _objective(one: ObjectiveResult, report: Report) -> tuple[Cell, ...]:
    within = f" within {one.latency_below:g} s" if one.latency_below is not None else ""
    drawn = charts.strip(one.days, report, objective=one.objective)
    return (
        Cell(one.name, _met(one.met)),
        Cell(f"{one.objective:g} %{within}"),
        Cell(availability(one.ratio)),
        Cell(f"{number(one.bad)} of {number(one.good + one.bad)}"),
        Cell(_left(one)),
        Cell(drawn.text, chart=drawn),
    )


def _left(one: ObjectiveResult) -> str:
    """What is left of the budget; of one that is overspent, how many times as much was spent."""
    if one.met is None:
        return NOTHING
    return part(one.budget_left) if one.budget_left >= 0 else f"spent {1 - one.budget_left:.1f} times"


def _met(met: bool | None) -> Tone:  # noqa: FBT001 - a verdict of three values
    return "plain" if met is None else "good" if met else "bad"


def vendors(report: Report) -> Section | None:
    """How available vendors were, worst first."""
    if not report.vendors:
        return None
    rows = [row for one in report.vendors[:SHOWN] for row in _vendor(one, report)]
    table = Table(
        columns=heads(
            "vendor, integration",
            "#available",
            "#requests",
            "#p95",
            "#down",
            "otherwise not up",
            "objectives",
            "~days",
        ),
        rows=tuple(rows),
        more=more(len(report.vendors)),
    )
    without = [one.vendor for one in report.vendors if not one.objectives]
    notes = (
        [f"No objective covers {listed(without, 8)}; their days are held against 99.9 %."] if without else []
    )
    return Section(title="Vendors", tables=(table,), notes=tuple(notes))


def _vendor(one: VendorAvailability, report: Report) -> list[tuple[Cell, ...]]:
    strictest = max((each.objective for each in one.objectives), default=None)
    drawn = charts.strip(one.days, report, objective=strictest)
    missed = any(each.met is False for each in one.objectives)
    tone: Tone = "bad" if missed else "good" if one.objectives else "plain"
    only = one.integrations[0] if len(one.integrations) == 1 else None
    name = (
        one.vendor if only is None or only.integration == one.vendor else f"{one.vendor}, {only.integration}"
    )
    head = (
        Cell(name, tone),
        Cell(availability(one.ratio)),
        Cell(number(one.good + one.bad)),
        Cell(latency(only.p95) if only else ""),
        Cell(_down(one.integrations)),
        Cell(_troubled(one.integrations)),
        Cell("; ".join(map(_against, one.objectives)) or NOTHING),
        Cell(drawn.text, chart=drawn),
    )
    return [head] if only else [head, *(_integration(each) for each in one.integrations[:SHOWN])]


def _against(one: VendorObjective) -> str:
    verdict = "missed" if one.met is False else "met"
    return f"{one.name} {verdict}: {availability(one.ratio)} of {one.objective:g}\N{NO-BREAK SPACE}%"


def _integration(one: IntegrationAvailability) -> tuple[Cell, ...]:
    return (
        Cell(f"\N{NO-BREAK SPACE}\N{NO-BREAK SPACE}{one.integration}"),
        Cell(availability(one.ratio)),
        Cell(number(one.good + one.bad)),
        Cell(latency(one.p95)),
        Cell(_down((one,))),
        Cell(_troubled((one,))),
        Cell(""),
        Cell(""),
    )


def _down(found: tuple[IntegrationAvailability, ...]) -> str:
    seconds = sum(one.seconds.get("down", 0.0) for one in found)
    return length(seconds) if seconds else NOTHING


_TROUBLE = ("degraded", "throttled", "unauthorized")


def _troubled(found: tuple[IntegrationAvailability, ...]) -> str:
    sums = {state: sum(one.seconds.get(state, 0.0) for one in found) for state in _TROUBLE}
    return ", ".join(f"{state} {length(seconds)}" for state, seconds in sums.items() if seconds) or NOTHING


def incidents(report: Report, times: Times) -> Section:
    """What broke, worst first."""
    found = report.incidents
    if not found.count:
        return Section(title="Incidents", words=("None.",))
    against = f"{found.opened} began in this time, {found.before} in {report.period.before_name}."
    solved = (
        f"Over after {length(found.resolved_median)} in the median."
        if found.resolved_median is not None
        else ""
    )
    explained = (
        f"{count(found.explained, 'more incident')} had one of these as their cause."
        if found.explained
        else ""
    )
    table = Table(
        columns=heads("integration", "from", "#for", "runs hit", "callers", "cause", "acknowledged"),
        rows=tuple(_incident(line, times) for line in found.lines[:SHOWN]),
        more=more(found.count),
    )
    words = tuple(text for text in (against, solved, explained) if text)
    return Section(
        title="Incidents",
        words=(" ".join(words),),
        charts=(charts.incidents(report, times),),
        tables=(table,),
    )


def _incident(line: IncidentLine, times: Times) -> tuple[Cell, ...]:
    lasted = length(line.seconds) + (", still open" if line.resolved_at is None else "")
    again = f"; began again {count(line.reopened, 'time')}" if line.reopened else ""
    others = f" It explains {line.explained} more." if line.explained else ""
    hit = line.failures + line.rejected
    who = listed(list(line.callers[: line.caller_count]), 2) if line.callers else NOTHING
    if line.caller_count > len(line.callers):
        who = f"{line.callers[0]} and {line.caller_count - 1} more"
    taken = (
        NOTHING
        if line.acknowledged_after is None
        else f"{line.acknowledged_by or 'somebody'} after {length(line.acknowledged_after)}"
    )
    refused = f", {number(line.rejected)} of them refused" if line.rejected else ""
    return (
        Cell(f"{line.integration} {line.state}", "bad" if line.state == "down" else "warn"),
        Cell(times.moment(line.opened_at)),
        Cell(lasted),
        Cell(f"{number(hit)}{refused}" if hit else "none"),
        Cell(who),
        Cell(f"{line.reason}{again}{others}"),
        Cell(taken),
    )


def about(report: Report, times: Times) -> Section:
    """How much there is behind the numbers."""
    seen = report.recorded
    words = f"{number(seen.hours_seen)} of {count(seen.hours, 'hour')} have a record of a call or a check."
    if seen.first_at is not None:
        words += f" Records begin on {times.moment(seen.first_at)}."
    gaps = tuple(
        f"Nothing from {times.moment(gap.start)} to {times.moment(gap.end)} ({length(gap.end - gap.start)})."
        for gap in seen.gaps
    )
    if seen.counts_until is not None and seen.counts_until > report.period.start:
        words += (
            f" Before {times.moment(seen.counts_until)} only counts by the hour are kept of calls or "
            "checks: there, objectives know no maintenance, and their limits of latency hold to 2.5 %."
        )
    if not report.use.is_exact:
        words += " Use and cost of days whose calls are no longer kept are those of days of UTC."
    whose = (
        "Objectives, labels and maintenance plans are those configured now; an integration that is no longer "
        "configured counts for no objective."
    )
    notes = (
        whose,
        f"Days and times are those of {report.period.zone}.",
    )
    return Section(title="About these numbers", words=(words, *gaps), notes=notes)
