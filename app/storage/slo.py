"""Counts of service level objectives: fulfils monitors.slo.SLOStore."""

from collections.abc import Mapping, Sequence

import msgspec
import sqlalchemy as sa

from app.storage.tables import replace, slo_hour
from app.storage.units import Units
from monitors.slo_counts import SavedHour

_Minutes = dict[int, tuple[int, int]]


class SLORows:
    """Keeps one row an objective and hour in `slo_hour`."""

    def __init__(self, units: Units) -> None:
        self._units = units

    async def save_hours(self, hours: Sequence[SavedHour], /, *, before: Mapping[str, int]) -> None:
        """Replace these hours, and delete what is too old or belongs to no objective, in one transaction."""
        rows = [_row(hour) for hour in hours]

        def unit(connection: sa.Connection) -> None:
            replace(connection, slo_hour, rows)
            connection.execute(sa.delete(slo_hour).where(slo_hour.c.key.not_in(list(before))))
            for key, oldest in before.items():
                is_old = (slo_hour.c.key == key) & (slo_hour.c.hour < oldest)
                connection.execute(sa.delete(slo_hour).where(is_old))

        await self._units.run(unit)

    async def load_hours(self) -> Sequence[SavedHour]:
        """Return all that is stored."""
        query = sa.select(slo_hour).order_by(slo_hour.c.key, slo_hour.c.hour)
        rows = await self._units.run(lambda connection: connection.execute(query).all())
        return [
            SavedHour(
                key=row.key,
                hour=row.hour,
                good=row.good,
                bad=row.bad,
                minutes=msgspec.json.decode(row.minutes, type=_Minutes),
            )
            for row in rows
        ]


def _row(hour: SavedHour) -> dict[str, object]:
    return {
        "key": hour.key,
        "hour": hour.hour,
        "good": hour.good,
        "bad": hour.bad,
        "minutes": msgspec.json.encode(hour.minutes),
    }
