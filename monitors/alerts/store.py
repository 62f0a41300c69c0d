"""What alerting needs from storage."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from monitors.alerts.decisions import Flush
from monitors.alerts.group import Group
from monitors.alerts.silences import Silence


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """What notifying begins with after a start."""

    groups: tuple[Group, ...] = ()
    silences: tuple[Silence, ...] = ()


class AlertStore(Protocol):
    """Keeps groups, the notification log and silences; each call is one atomic unit and returns after its
    commit. What is due is stored by HealthStore, with the change that made it due.
    """

    async def load(self) -> Loaded:
        """Return all that is stored."""
        ...

    async def save_flush(self, flush: Flush) -> None:
        """Store what was decided: groups, messages into the outbox, decisions and incidents. Storing the same
        twice does no harm.
        """
        ...

    async def save_silences(self, silences: Sequence[Silence], *, forgotten: Sequence[str]) -> None:
        """Insert or replace silences by id, and delete those forgotten."""
        ...
