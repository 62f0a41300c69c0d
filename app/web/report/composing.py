"""Makes a document of a report."""

import datetime as dt
from zoneinfo import ZoneInfo

import msgspec

from app.web.report import sections, small_sections, use_sections
from app.web.report.document import Document, Section
from app.web.report.headlines import headlines
from app.web.report.wording import Times
from exporters.analytics.report.outcome import Report

_UNSEEN = dict.fromkeys(
    [
        *(code for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\t\n\r"),
        *(0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)),
    ]
)
"""Control characters, and those that say which way text runs."""


def compose(report: Report) -> Document:
    """The whole document. What nothing was recorded of has no section, but for what a reader looks for."""
    report = cleaned(report)
    times = Times(report.period)
    found = (
        sections.objectives(report),
        sections.vendors(report),
        sections.incidents(report, times),
        use_sections.use(report),
        use_sections.costs(report),
        small_sections.quotas(report, times),
        small_sections.endings(report, times),
        small_sections.drift(report, times),
        small_sections.webhooks(report),
        small_sections.receivers(report),
        sections.about(report, times),
    )
    return Document(
        title=f"Third parties, {report.period.name}",
        subtitle=_subtitle(report),
        headlines=headlines(report, times),
        sections=tuple(one for one in found if isinstance(one, Section)),
    )


def cleaned(report: Report) -> Report:
    """Return it without characters that turn round the text behind them, or mean something to a terminal."""
    return msgspec.convert(_walked(msgspec.to_builtins(report)), Report)


def _walked(value: object) -> object:
    match value:
        case str():
            return value.translate(_UNSEEN)
        case dict():
            return {key: _walked(each) for key, each in value.items()}
        case list() | tuple():
            return [_walked(each) for each in value]
    return value


def _subtitle(report: Report) -> str:
    period = report.period
    zone = ZoneInfo(period.zone)
    start, end, made = (
        dt.datetime.fromtimestamp(at, zone).strftime("%Y-%m-%d %H:%M")
        for at in (period.start, period.until, report.made_at)
    )
    return f"{start} to {end}, {period.zone}. Made by Dialtone on {made}."
