"""The smaller sections of a report; None where there is nothing to tell."""

from app.web.report import charts
from app.web.report.document import SHOWN, Cell, Section, Table, heads, more
from app.web.report.wording import Times, count, length, listed, part
from app.web.words import NOTHING, latency, number
from exporters.analytics.report.outcome import Report
from exporters.analytics.report.sections import SOON_DAYS

_KINDS = {"credential": "credential", "certificate": "certificate", "api": "announced by the vendor"}


def quotas(report: Report, times: Times) -> Section | None:
    """Head room."""
    told = [line for line in report.quotas if line.share is not None or line.throttled]
    if not told:
        return None
    rows = tuple(
        (
            Cell(
                f"{line.integration} {line.bucket}",
                "warn" if (line.share or 0) < 0.1 or line.throttled else "plain",
            ),
            Cell(part(line.share)),
            Cell(f"{number(line.remaining)} of {number(line.limit)}"),
            Cell(NOTHING if line.at is None else times.moment(line.at)),
            Cell(length(line.throttled) if line.throttled else NOTHING),
            Cell("", chart=charts.share_bar(line)),
        )
        for line in told[:SHOWN]
    )
    table = Table(
        columns=heads("bucket", "#least left", "#in calls", "when", "#asked for quiet", "~left"),
        rows=rows,
        more=more(len(told)),
    )
    return Section(
        title="Quotas", words=("The least that vendors said was left of what they allow.",), tables=(table,)
    )


def endings(report: Report, times: Times) -> Section | None:
    """Credentials, certificates, and parts of APIs that end, and what happened to credentials."""
    tables = [table for table in (_ending(report, times), _notices(report, times)) if table is not None]
    if not tables:
        return None
    words = f"What ends within {SOON_DAYS} days, and what happened to credentials."
    return Section(title="Credentials and certificates", words=(words,), tables=tuple(tables))


def _ending(report: Report, times: Times) -> Table | None:
    rows = tuple(
        (
            Cell(one.name, "warn"),
            Cell(_KINDS[one.kind]),
            Cell(times.day(one.ends_at)),
            Cell(one.detail or NOTHING),
        )
        for one in report.endings[:SHOWN]
    )
    columns = heads("what ends", "kind", "on", "detail")
    return Table(columns=columns, rows=rows, more=more(len(report.endings))) if rows else None


def _notices(report: Report, times: Times) -> Table | None:
    rows = tuple(
        (
            Cell(f"{one.integration} {one.credential}".strip()),
            Cell(one.event.replace("_", " ")),
            Cell(number(one.count)),
            Cell(times.moment(one.last_at)),
            Cell(one.detail or NOTHING),
        )
        for one in report.credentials[:SHOWN]
    )
    columns = heads("credential", "what happened", "#times", "last", "detail")
    return Table(columns=columns, rows=rows, more=more(len(report.credentials))) if rows else None


def drift(report: Report, times: Times) -> Section | None:
    """Answers that no longer fit."""
    if not report.drifts:
        return None
    rows = tuple(
        (
            Cell(f"{line.vendor} {line.action}"),
            Cell(line.pointer),
            Cell(f"{line.expected} expected, {listed(list(line.found))} found"),
            Cell(number(line.seen)),
            Cell(f"{times.day(line.first_at)} to {times.day(line.last_at)}"),
        )
        for line in report.drifts[:SHOWN]
    )
    names = heads("action", "where", "what", "#answers", "seen")
    table = Table(columns=names, rows=rows, more=more(len(report.drifts)))
    return Section(
        title="Contract drift",
        words=("Answers that no longer fit the vendor's published contract.",),
        tables=(table,),
    )


def webhooks(report: Report) -> Section | None:
    """What vendors sent."""
    if not report.webhooks:
        return None
    rows = tuple(
        (
            Cell(line.integration, "warn" if line.silences or line.refused or line.missing else "plain"),
            Cell(number(line.accepted)),
            Cell(number(line.duplicates)),
            Cell(number(line.refused)),
            Cell(number(line.missing)),
            Cell(f"{count(line.silences, 'time')}, {length(line.silent)}" if line.silences else NOTHING),
        )
        for line in report.webhooks[:SHOWN]
    )
    names = heads("integration", "#accepted", "#sent twice", "#refused", "#never came", "#silent")
    return Section(
        title="Webhooks", tables=(Table(columns=names, rows=rows, more=more(len(report.webhooks))),)
    )


def receivers(report: Report) -> Section | None:
    """Whether those who should know were told, and who knew first."""
    tables = tuple(table for table in (_told(report), _announced(report)) if table is not None)
    return Section(title="Who was told", tables=tables) if tables else None


def _told(report: Report) -> Table | None:
    rows = tuple(
        (
            Cell(line.receiver, "bad" if line.dead else "plain"),
            Cell(number(line.messages)),
            Cell(number(line.delivered)),
            Cell(number(line.failed_tries)),
            Cell(number(line.dead)),
            Cell(latency(line.lag)),
        )
        for line in report.receivers[:SHOWN]
    )
    columns = heads("receiver", "#messages", "#delivered", "#failed tries", "#given up", "#median delay")
    return Table(columns=columns, rows=rows, more=more(len(report.receivers))) if rows else None


def _announced(report: Report) -> Table | None:
    rows = tuple(
        (Cell(line.vendor), Cell(number(line.notices)), Cell(_after(line.lag)))
        for line in report.status_pages[:SHOWN]
    )
    columns = heads("status page", "#notices of trouble", "in the median")
    return Table(columns=columns, rows=rows, more=more(len(report.status_pages))) if rows else None


def _after(lag: float | None) -> str:
    if lag is None:
        return NOTHING
    return f"{length(abs(lag))} {'after' if lag >= 0 else 'before'} we knew"
