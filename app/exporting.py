"""What the API asks of days of tables."""

import datetime as dt
from collections.abc import Sequence
from typing import Protocol

from exporters.analytics.days.desk import OpenDay
from exporters.analytics.days.listed import TableDay


class Days(Protocol):
    """Days of tables, each as a file."""

    def tables(self) -> Sequence[str]:
        """The tables that have days."""
        ...

    async def days(self, *tables: str) -> Sequence[TableDay]:
        """The days that there are, of all tables unless some are named; AnalyticsUnavailable is raised."""
        ...

    async def open(self, table: str, day: dt.date, /, *, caller: str) -> OpenDay:
        """Open one; UnknownDay and AnalyticsUnavailable are raised."""
        ...
