"""What a change leads to, as rows: stored in one unit with the change itself."""

from collections.abc import Callable, Hashable, Sequence
from itertools import chain
from typing import TypeVar

import msgspec

from integrations.signals import IncidentChange
from monitors.alerts.alert import Alert
from monitors.alerts.group import Group
from monitors.alerts.standing import Standing
from monitors.incident import Incident

T = TypeVar("T")


class Consequences(msgspec.Struct, frozen=True, kw_only=True):
    """Incidents, standing alerts and groups as they are now (each in the place of its older self), the
    signals that are new, and the alerts that were handed to grouping. Empty for nothing.
    """

    incidents: tuple[Incident, ...] = ()
    signals: tuple[IncidentChange, ...] = ()
    standing: tuple[Standing, ...] = ()
    alerts: tuple[Alert, ...] = ()
    groups: tuple[Group, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is anything to store."""
        return bool(self.incidents or self.signals or self.standing or self.groups)

    def newest(self) -> "Consequences":
        """The same with each row once, as it is now."""
        return Consequences(
            incidents=_newest(self.incidents, key=lambda row: row.id),
            signals=self.signals,
            standing=_newest(self.standing, key=lambda row: row.alert.fingerprint),
            alerts=self.alerts,
            groups=_newest(self.groups, key=lambda row: row.id),
        )


NOTHING = Consequences()


def merged(parts: Sequence[Consequences]) -> Consequences:
    """Several as one, the later of two versions of a row winning."""
    if len(parts) == 1:
        return parts[0]
    return Consequences(
        incidents=tuple(chain.from_iterable(part.incidents for part in parts)),
        signals=tuple(chain.from_iterable(part.signals for part in parts)),
        standing=tuple(chain.from_iterable(part.standing for part in parts)),
        alerts=tuple(chain.from_iterable(part.alerts for part in parts)),
        groups=tuple(chain.from_iterable(part.groups for part in parts)),
    ).newest()


def _newest(rows: Sequence[T], *, key: Callable[[T], Hashable]) -> tuple[T, ...]:
    return tuple({key(row): row for row in rows}.values())
