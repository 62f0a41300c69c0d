"""The smaller sections: quotas, drift, credentials, what ends, webhooks, receivers, status pages."""

import itertools
from collections.abc import Iterable, Iterator
from typing import TypeVar

import msgspec

from exporters.analytics.report.asking import Asking, moment
from exporters.analytics.report.outcome import (
    CredentialLine,
    DriftLine,
    Ending,
    Gap,
    QuotaLine,
    ReceiverLine,
    Recorded,
    StatusPage,
    WebhookLine,
)
from exporters.analytics.report.period import DAY, Period

HOUR = 3_600.0
MOST = 200
"""Lines of a section."""

SOON_DAYS = 45
"""What ends within so many days after the period is told."""

KNOWN_DAYS = 400
"""Notices are read from so many days before the period on."""

MOST_GAPS = 10

T = TypeVar("T", bound=msgspec.Struct)


def _lines(shape: type[T], rows: Iterable[tuple[object, ...]]) -> tuple[T, ...]:
    """Columns stand in the order of the fields."""
    fields = shape.__struct_fields__
    return tuple(msgspec.convert(dict(zip(fields, row, strict=True)), shape) for row in rows)


def quotas_of(asking: Asking) -> tuple[QuotaLine, ...]:
    """Head room, the least first."""
    return _lines(QuotaLine, asking.rows("quotas"))


def drifts_of(asking: Asking) -> tuple[DriftLine, ...]:
    """Drift, the most seen first."""
    return _lines(DriftLine, asking.rows("drifts"))


def credentials_of(asking: Asking) -> tuple[CredentialLine, ...]:
    """What happened to credentials."""
    return _lines(CredentialLine, asking.rows("credentials"))


def endings_of(asking: Asking, period: Period) -> tuple[Ending, ...]:
    """What ends soon after the period, the first first."""
    rows = asking.rows(
        "endings",
        horizon=moment(period.until + SOON_DAYS * DAY),
        known_from=moment(max(0.0, period.start - KNOWN_DAYS * DAY)),
    )
    return _lines(Ending, rows)


def webhooks_of(asking: Asking) -> tuple[WebhookLine, ...]:
    """What came in, the most silent first."""
    return _lines(WebhookLine, asking.rows("webhooks"))


def receivers_of(asking: Asking) -> tuple[ReceiverLine, ...]:
    """What went out, the most given up first."""
    return _lines(ReceiverLine, asking.rows("receivers"))


def status_pages_of(asking: Asking) -> tuple[StatusPage, ...]:
    """What vendors said of themselves."""
    return _lines(StatusPage, asking.rows("status_pages"))


def recorded_of(asking: Asking, period: Period) -> Recorded:
    """How much of the period was recorded, by the hour."""
    ((first, counts_until),) = asking.rows("first")
    seen = {int(float(str(at)) // HOUR) for (at,) in asking.rows("hours")}
    wanted = range(int(period.start // HOUR), -int(-period.until // HOUR))
    missing = [hour for hour in wanted if hour not in seen]
    gaps = [
        Gap(start=max(start, period.start), end=min(end, period.until)) for start, end in _stretches(missing)
    ]
    longest = sorted(gaps, key=lambda gap: gap.start - gap.end)[:MOST_GAPS]
    return Recorded(
        first_at=None if first is None else float(str(first)),
        counts_until=None if counts_until is None else float(str(counts_until)),
        hours=len(wanted),
        hours_seen=len(wanted) - len(missing),
        gaps=tuple(sorted(longest, key=lambda gap: gap.start)),
    )


def _stretches(hours: list[int]) -> Iterator[tuple[float, float]]:
    """Hours on end, as times: those in a row are equally far from their places."""
    for _, group in itertools.groupby(enumerate(hours), lambda placed: placed[1] - placed[0]):
        row = [hour for _, hour in group]
        yield row[0] * HOUR, (row[-1] + 1) * HOUR
