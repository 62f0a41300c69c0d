"""Cron expressions in a time zone, by the library cronsim: times as Debian's cron has them, also on the days
on which clocks are changed.
"""

import datetime as dt
from collections.abc import Iterator
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

FIELDS = 5
MAX_TEXT = 255


class CronError(ValueError):
    """An expression or a zone cannot be used; the message says what was expected."""


class CronSchedule:
    """When a job is due: five fields, `0 3 * * MON-FRI`, in an IANA zone.

    A time that the clock skips comes as soon as the clock goes on; one that it shows twice comes once, unless
    the hour or the minute is a `*`.

    Raises:
        CronError: for an expression or zone that cannot be read, or one that is never due.
    """

    def __init__(self, expression: str, zone: str = "UTC") -> None:
        self.expression = expression
        self.zone = zone
        self._zone = _zone(zone)
        if len(expression) > MAX_TEXT or len(expression.split()) != FIELDS:
            raise CronError(f"cron: found {expression[:80]!r}, expected five fields, such as 0 3 * * MON-FRI")
        try:
            next(CronSim(expression, dt.datetime(2024, 1, 1, tzinfo=dt.UTC)))
        except CronSimError as error:
            raise CronError(f"cron: {expression!r}: {str(error).lower()}") from error
        except StopIteration as error:
            raise CronError(f"cron: {expression!r} is never due") from error

    def after(self, at: float) -> float:
        """The first due time after a moment; UTC seconds."""
        # In an hour that the clock shows twice the library may begin with the first showing.
        return next(due for due in self._due(at, is_reverse=False) if due > at)

    def before(self, at: float) -> float:
        """The last due time before a moment; UTC seconds."""
        return next(due for due in self._due(at, is_reverse=True) if due < at)

    def _due(self, at: float, *, is_reverse: bool) -> Iterator[float]:
        local = dt.datetime.fromtimestamp(at, self._zone)
        for due in CronSim(self.expression, local, reverse=is_reverse):
            yield due.timestamp()


def _zone(name: str) -> dt.tzinfo:
    if name == "UTC":
        return dt.UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise CronError(f"zone: found {name!r}, expected an IANA zone such as Europe/Paris") from error
