"""A unit: what is stored together or not at all."""

from collections.abc import Callable
from typing import Protocol, TypeVar

import sqlalchemy as sa

T = TypeVar("T")

Unit = Callable[[sa.Connection], T]
"""Runs statements on a connection inside a transaction. It may run more than once, so it changes nothing but
the database, and it never commits or rolls back itself.
"""


class Units(Protocol):
    """Runs units; what the repositories are made with."""

    async def run(self, unit: Unit[T]) -> T:
        """Return the unit's result after it is durably committed.

        Raises:
            StorageBusyError: when too many units wait already.
            StorageUnavailableError: when it could not be committed within the deadline.
            Exception: what the unit itself raised; nothing of it is stored.
        """
        ...
