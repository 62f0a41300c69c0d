"""Puts what operators did on record, and tells everyone."""

from collections.abc import Callable
from typing import Protocol

from integrations.clock import Clock
from integrations.signals import OperatorAction, Signal


class Log(Protocol):
    """Where operators' actions are stored."""

    async def record(self, action: OperatorAction, /) -> None:
        """Store an action; returns after the commit."""
        ...


class Record:
    """Stores an operator's action, then publishes it."""

    def __init__(self, operators: Log, *, clock: Clock, publish: Callable[[Signal], None]) -> None:
        self._operators = operators
        self._clock = clock
        self._publish = publish

    async def __call__(
        self,
        actor: str,
        action: str,
        *,
        reason: str,
        integration: str = "",
        expires_at: float | None = None,
    ) -> None:
        """Return after the commit; `expires_at` is UTC seconds.

        Raises:
            StorageUnavailableError: when it could not be stored.
        """
        taken = OperatorAction(
            at=self._clock.time(),
            actor=actor,
            action=action,
            integration=integration,
            reason=reason,
            expires_at=expires_at,
        )
        await self._operators.record(taken)
        self._publish(taken)
