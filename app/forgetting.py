"""Stored signals are forgotten once they are old and DuckDB has them, or will never ask for them."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from integrations.clock import Clock

LOG_DAYS = 90
TRIM_EVERY = 3600.0


class SignalLog(Protocol):
    """Where signals are stored, by rising numbers."""

    async def trim(self, *, copied: int, before: float) -> int:
        """Delete some that are numbered up to `copied` and older than `before`; return how many."""
        ...


async def forget_signals(
    signals: SignalLog, *, copied: Callable[[], Awaitable[int | None]], clock: Clock
) -> None:
    """Forget every hour what is older than 90 days, up to the number that `copied` gives (None: nothing)."""
    while True:
        number = await copied()
        before = clock.time() - LOG_DAYS * 86_400
        while number is not None and await signals.trim(copied=number, before=before):
            pass
        await clock.sleep(TRIM_EVERY)
