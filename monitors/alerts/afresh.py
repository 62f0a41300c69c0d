"""One fresh check of what still seems to fail when maintenance ends, before anybody is told of it."""

from collections.abc import Awaitable, Callable
from random import Random

import anyio
import structlog

from integrations.clock import Clock

SPREAD_SECONDS = 30.0
"""The checks of one moment are spread over so long, so that a vendor is not asked by all at once."""
CHECK_SECONDS = 30.0
AT_ONCE = 20

log = structlog.get_logger("dialtone.alerts")


class FreshChecks:
    """Checks integrations when asked; `done` is called after each. `check` returns when its result counts."""

    def __init__(
        self,
        *,
        check: Callable[[str], Awaitable[object]],
        done: Callable[[], None],
        clock: Clock,
        random: Random,
    ) -> None:
        self._check = check
        self._done = done
        self._clock = clock
        self._random = random
        self._asked: dict[str, bool] = {}
        self._wake = anyio.Event()

    def ask(self, integration: str) -> None:
        """Have an integration checked soon; one that waits already is checked once."""
        self._asked.setdefault(integration, False)
        self._wake.set()

    def is_waiting(self, integration: str) -> bool:
        """Whether it was asked for and is not done."""
        return integration in self._asked

    async def run(self) -> None:
        """Check what is asked for, until cancelled."""
        slots = anyio.CapacityLimiter(AT_ONCE)
        async with anyio.create_task_group() as group:
            while True:
                for integration in [each for each, has_begun in self._asked.items() if not has_begun]:
                    self._asked[integration] = True
                    group.start_soon(self._check_one, integration, slots)
                await self._wake.wait()
                self._wake = anyio.Event()

    async def _check_one(self, integration: str, slots: anyio.CapacityLimiter) -> None:
        try:
            await self._clock.sleep(self._random.uniform(0.0, SPREAD_SECONDS))
            async with slots:
                with anyio.move_on_after(CHECK_SECONDS):
                    await self._check(integration)
        except LookupError:
            log.debug("an integration that was to be checked is gone", integration=integration)
        except Exception:
            log.exception("a fresh check failed", integration=integration)
        finally:
            self._asked.pop(integration, None)
        self._done()
