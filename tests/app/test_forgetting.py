import pytest

from app.forgetting import LOG_DAYS, TRIM_EVERY, forget_signals
from tests.fakes.clock import FakeClock


class Signals:
    """Two rounds of trimming find something; the fourth asking ends the test."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, float]] = []

    async def trim(self, *, copied: int, before: float) -> int:
        self.asked.append((copied, before))
        if len(self.asked) == 4:
            raise EOFError
        return 5 if len(self.asked) < 3 else 0


async def test_old_signals_are_forgotten_every_hour_until_none_is_left() -> None:
    clock, signals = FakeClock(), Signals()
    began, numbers = clock.time() - LOG_DAYS * 86_400, iter((None, 7, 9))

    async def copied() -> int | None:
        return next(numbers)

    with pytest.raises(EOFError):
        await forget_signals(signals, copied=copied, clock=clock)

    assert signals.asked == [*[(7, began + TRIM_EVERY)] * 3, (9, began + 2 * TRIM_EVERY)]
