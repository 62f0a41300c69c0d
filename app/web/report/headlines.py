"""What to know of a report in ten seconds: a few sentences, each with how grave it is."""

from collections.abc import Iterator

from app.web.report.document import Sentence, Tone
from app.web.report.wording import SAME, Times, availability, count, growth, length, listed, money, part
from app.web.words import number
from exporters.analytics.report.outcome import IncidentLine, Report

LOW_QUOTA = 0.1
"""Less left of a bucket than this share is told at the top."""

_MANY_LOST = 0.05


def headlines(report: Report, times: Times) -> tuple[Sentence, ...]:
    """The sentences, what is bad first; what there is nothing to say of is left out."""
    if not report.recorded.hours_seen:
        return (Sentence(_nothing(report, times), "bad"),)
    told = (
        *_objectives(report),
        *_incidents(report, times),
        *_use(report),
        *_costs(report),
        *_quotas(report, times),
        *_endings(report, times),
        *_deliveries(report),
        *_recorded(report, times),
    )
    return tuple(sorted(told, key=lambda one: one.tone != "bad"))


def _nothing(report: Report, times: Times) -> str:
    first = report.recorded.first_at
    if first is None:
        return "Nothing was recorded yet: there is no call and no check to tell of."
    if first >= report.period.until:
        return f"Nothing was recorded in this time: records begin on {times.moment(first)}."
    return "Nothing was recorded in this time: Dialtone did not run, or the records are no longer kept."


def _objectives(report: Report) -> Iterator[Sentence]:
    told = [one for one in report.objectives if one.met is not None]
    missed = [one for one in told if not one.met]
    if not report.objectives:
        yield Sentence("No objective is declared, so availability is told without a goal.")
    elif not told:
        yield Sentence("Nothing was counted for any objective.", "warn")
    elif missed:
        named = [
            f"{one.name} ({availability(one.ratio)} of {one.objective:g}\N{NO-BREAK SPACE}%)"
            for one in missed
        ]
        whole = f"{len(missed)} of {count(len(told), 'objective')}"
        was = "was" if len(missed) == 1 else "were"
        yield Sentence(f"{whole} {was} missed: {listed(named)}.", "bad")
    else:
        text = "The objective was met" if len(told) == 1 else f"All {len(told)} objectives were met"
        yield Sentence(f"{text}.", "good")


def _incidents(report: Report, times: Times) -> Iterator[Sentence]:
    found = report.incidents
    if not found.count:
        yield Sentence("There was no incident.", "good")
        return
    lasted = f", {length(found.seconds)} in all"
    open_now = f", {found.open} of them still open" if found.open else ""
    worst = found.lines[0]
    tone: Tone = "bad" if found.open or worst.failures + worst.rejected else "warn"
    yield Sentence(
        f"{count(found.count, 'incident')}{lasted}{open_now}. {_worst(worst, times)}{_taken_up(report)}", tone
    )


def _worst(worst: IncidentLine, times: Times) -> str:
    verb = "has been" if worst.resolved_at is None else "was"
    hit = worst.failures + worst.rejected
    cost = (
        f": {count(hit, 'run')} of {count(worst.caller_count, 'caller')} failed or were refused"
        if hit
        else ", and no caller was hit"
    )
    return (
        f"The worst: {worst.integration} {verb} {worst.state} for {length(worst.seconds)} "
        f"from {times.moment(worst.opened_at)}{cost}."
    )


def _taken_up(report: Report) -> str:
    found = report.incidents
    if not found.acknowledged:
        return " Nobody acknowledged any." if found.count > 1 else " Nobody acknowledged it."
    was = "was" if found.acknowledged == 1 else "were"
    return (
        f" {found.acknowledged} of {found.count} {was} acknowledged, "
        f"after {length(found.acknowledged_median)} in the median."
    )


def _use(report: Report) -> Iterator[Sentence]:
    use = report.use
    if not use.runs:
        yield Sentence("No caller used Dialtone.")
        return
    grown = growth(use.runs, use.before)
    name = report.period.before_name
    against = (
        "" if not use.before else f", as many as in {name}" if grown == SAME else f", {grown} against {name}"
    )
    top = use.by_caller[0]
    most = f"; most by {top.name or 'callers without a name'} ({part(top.runs / use.runs)})"
    lost = [
        f"{part(each / use.runs)} {word}"
        for each, word in ((use.failed, "failed"), (use.refused, "were refused"))
        if each
    ]
    told = f" {' and '.join(lost)}." if lost else " None of them failed."
    tone: Tone = "warn" if (use.failed + use.refused) / use.runs > _MANY_LOST else "plain"
    yield Sentence(f"{count(use.runs, 'run')} by {count(use.callers, 'caller')}{against}{most}.{told}", tone)


def _costs(report: Report) -> Iterator[Sentence]:
    for total in report.costs.totals:
        grown = growth(total.cost, total.before if report.use.before is not None else None)
        against = f" ({grown})" if report.use.before is not None and total.before else ""
        lines = [line for line in report.costs.by_integration if line.currency == total.currency]
        most = f"; most at {lines[0].name}, {money(lines[0].cost, total.currency)}" if len(lines) > 1 else ""
        yield Sentence(f"Calls cost {money(total.cost, total.currency)}{against}{most}.")


def _quotas(report: Report, times: Times) -> Iterator[Sentence]:
    low = [line for line in report.quotas if line.share is not None and line.share < LOW_QUOTA]
    asked = sum(line.throttled for line in report.quotas)
    quiet = f"Vendors asked for quiet for {length(asked)}." if asked else ""
    if low:
        worst = low[0]
        when = f" on {times.day(worst.at)}" if worst.at is not None else ""
        others = f", and {count(len(low) - 1, 'other bucket')} below {part(LOW_QUOTA)}" if low[1:] else ""
        left = f"{worst.integration} had {part(worst.share)} of {worst.bucket} left{when}{others}"
        yield Sentence(f"Quota was short: {left}. {quiet}".strip(), "warn")
    elif quiet:
        yield Sentence(quiet, "warn")


def _endings(report: Report, times: Times) -> Iterator[Sentence]:
    if report.endings:
        named = [f"{_ENDS[one.kind]} {one.name} on {times.day(one.ends_at)}" for one in report.endings]
        yield Sentence(f"Ending soon: {listed(named)}.", "warn")


_ENDS = {"credential": "the credential of", "certificate": "the certificate of", "api": "the API"}


def _deliveries(report: Report) -> Iterator[Sentence]:
    dead = [one for one in report.receivers if one.dead]
    if dead:
        named = [f"{one.receiver} ({number(one.dead)})" for one in dead]
        yield Sentence(f"Messages were given up for {listed(named)}.", "bad")
    silent = [one for one in report.webhooks if one.silent]
    if silent:
        named = [f"{one.integration} ({length(one.silent)})" for one in silent]
        yield Sentence(f"Webhooks stayed away: {listed(named)}.", "warn")
    if report.drifts:
        vendors = list(dict.fromkeys(line.vendor for line in report.drifts))
        yield Sentence(f"Answers no longer fit the contract: {listed(vendors)}.", "warn")


def _recorded(report: Report, times: Times) -> Iterator[Sentence]:
    period, seen = report.period, report.recorded
    if not period.is_over:
        yield Sentence(f"This time is not over: the report goes to {times.moment(period.until)}.")
    missing = seen.hours - seen.hours_seen
    if missing:
        begins = (
            f"; records begin on {times.moment(seen.first_at)}"
            if seen.first_at is not None and seen.first_at > period.start
            else ""
        )
        have = "has" if missing == 1 else "have"
        yield Sentence(
            f"{number(missing)} of {count(seen.hours, 'hour')} {have} no record{begins}.",
            "warn" if missing > seen.hours * 0.02 else "plain",
        )
