"""The rollups there are: which table each is made of, by hour or day, and where it is kept."""

from datetime import datetime, timedelta
from typing import NamedTuple

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - columns are naive UTC


class Rollup(NamedTuple):
    """One rollup: rows of `source` counted by `unit` with the macro `counting`, kept in `table`.

    `start` is the column that says which hour or day, `rows` the one that says of how many rows.
    """

    name: str
    source: str
    table: str
    counting: str
    unit: str
    start: str
    rows: str

    @property
    def width(self) -> timedelta:
        """How long its unit is."""
        return timedelta(**{f"{self.unit}s": 1})

    def begun(self, moment: datetime) -> datetime:
        """Return when the unit began that a moment lies in."""
        return moment - (moment - _EPOCH) % self.width


ROLLUPS = (
    Rollup("calls", "calls", "rollup_calls", "calls_by_hour", "hour", "hour", "calls"),
    Rollup("checks", "check_results", "rollup_checks", "checks_by_hour", "hour", "hour", "checks"),
    Rollup("usage", "calls", "rollup_usage", "usage_by_day", "day", "day", "records"),
)
