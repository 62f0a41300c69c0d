"""Reports over signals of a test: loaded as the store loads them, and compiled."""

from collections.abc import Iterable
from pathlib import Path

from msgspec.structs import replace

from exporters.analytics.report.compiling import compile_report
from exporters.analytics.report.order import Order
from exporters.analytics.report.outcome import Report
from exporters.analytics.report.period import read_period
from integrations.signals import Signal
from tests.exporters.analytics.generated import started


def reported(
    directory: Path, signals: Iterable[Signal], *orders: Order, sql: Iterable[str] = ()
) -> list[Report]:
    """Make a report for each order; `sql` is carried out before."""
    pair = started(directory)
    try:
        pair.load([replace(signal, seq=number) for number, signal in enumerate(signals, 1)])
        assert pair.writer.database is not None
        for statement in sql:
            pair.writer.database.connection.execute(statement)
        with pair.writer.database.reading() as cursor:
            return [
                compile_report(cursor, order, made_at=order.period.until, breathe=lambda: None)
                for order in orders
            ]
    finally:
        pair.close()


def order(start: str, end: str, *, zone: str = "UTC", **fields: object) -> Order:
    """An order for a time that is long over."""
    period = read_period(start=start, end=end, zone=zone, now=4e9)
    return Order(period=period, **fields)  # type: ignore[arg-type] # fields by name
