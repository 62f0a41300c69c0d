"""Live traffic: several callers, each with a mix of actions, at rates that rise and fall like a short day."""

import math
import random
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import anyio

from integrations.clock import Clock
from integrations.execution.outcome import Outcome

DAY = 600.0
"""Seconds of a simulated day."""

_WOBBLE = 0.4
_IN_FLIGHT = 64


class Framework(Protocol):
    """What makes the calls."""

    async def execute_integration(
        self, integration_id: str, action: str, params: Mapping[str, object], *, caller: str = ""
    ) -> Outcome:
        """Carry out one action."""
        ...


class Habit(NamedTuple):
    """One thing that a caller does again and again: `rate` is calls a second, params are chosen in turn."""

    caller: str
    integration: str
    action: str
    params: tuple[Mapping[str, object], ...]
    rate: float


def rate_factor(elapsed: float) -> float:
    """Return by how much the rates are multiplied at a moment: between 0.6 and 1.4, one wave a DAY."""
    return 1.0 + _WOBBLE * math.sin(2 * math.pi * elapsed / DAY)


class Traffic:
    """Makes calls until cancelled, as a Poisson process; a seed gives the same calls in the same order.

    At most 64 are in flight; what comes on top is dropped and counted in `dropped`.
    """

    def __init__(self, framework: Framework, *, clock: Clock, habits: Sequence[Habit], seed: int) -> None:
        self.dropped = 0
        self.made = 0
        self._framework = framework
        self._clock = clock
        self._habits = habits
        self._weights = [habit.rate for habit in habits]
        self._random = random.Random(seed)  # noqa: S311 - the demo's dice
        self._room = anyio.CapacityLimiter(_IN_FLIGHT)

    async def run(self) -> None:
        """Make calls until cancelled; a call in flight is cancelled with it."""
        began = self._clock.monotonic()
        total = sum(self._weights)
        async with anyio.create_task_group() as calls:
            while True:
                factor = rate_factor(self._clock.monotonic() - began)
                await self._clock.sleep(self._random.expovariate(total * factor))
                habit = self._random.choices(self._habits, self._weights)[0]
                params = self._random.choice(habit.params)
                if self._room.available_tokens < 1:
                    self.dropped += 1
                else:
                    calls.start_soon(self._call, habit, params)

    async def _call(self, habit: Habit, params: Mapping[str, object]) -> None:
        async with self._room:
            self.made += 1
            await self._framework.execute_integration(
                habit.integration, habit.action, params, caller=habit.caller
            )
