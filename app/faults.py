"""Game days: operators' orders to inject faults, each on record, as is its end.

A beginning is stored before it takes effect. An end takes effect first, because it must not hang on a store
that is down; it is stored as soon as that works again.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

import anyio
import structlog

from app.parts import OperatorLog
from app.web.words import fault_words
from integrations.clock import Clock
from integrations.execution.injection import Fault, Injection
from integrations.signals import OperatorAction, Signal

BEGUN = "fault_injected"
ENDED = "fault_ended"
DIALTONE = "dialtone"
"""The actor of an end that nobody ordered."""

TICK = 0.5
LAST_WORDS = 5.0
"""Seconds that ends may take to be stored when Dialtone stops."""

MOST_UNSTORED = 1_000

log = structlog.get_logger("dialtone.faults")


class FaultsForbiddenError(Exception):
    """The configuration does not allow faults."""


class FaultControl(Protocol):
    """Who carries faults out: the executor's `faults`."""

    def begin(self, integration: str, injection: Injection, /, *, seconds: float) -> None:
        """Inject; LookupError when there is no such integration."""
        ...

    def end(self, integration: str, /) -> None:
        """Inject nothing any longer."""
        ...

    def current(self, integration: str, /) -> Injection | None:
        """Return what is injected now."""
        ...


class _Running(NamedTuple):
    """An injection, and when its time is up by the monotonic clock."""

    injection: Injection
    until: float


class FaultOrders:
    """Begins and ends injections. `is_allowed` is asked at each order, and ends all when it turns false."""

    def __init__(
        self,
        *,
        faults: FaultControl,
        operators: OperatorLog,
        clock: Clock,
        publish: Callable[[Signal], None],
        is_allowed: Callable[[], bool],
    ) -> None:
        self._faults = faults
        self._operators = operators
        self._clock = clock
        self._publish = publish
        self._is_allowed = is_allowed
        self._running: dict[str, _Running] = {}
        self._unstored: deque[OperatorAction] = deque(maxlen=MOST_UNSTORED)
        self._lock = anyio.Lock()
        self._is_failing = False

    @property
    def is_allowed(self) -> bool:
        """Whether the configuration allows faults."""
        return self._is_allowed()

    def current(self, integration: str) -> Injection | None:
        """Return what is injected into an integration now, or None."""
        return self._faults.current(integration)

    def standing(self) -> Mapping[str, Injection]:
        """Return what is injected now, by integration, in the order of their ids."""
        return {
            integration: injection
            for integration in sorted(self._running)
            if (injection := self._faults.current(integration)) is not None
        }

    async def begin(
        self, integration: str, faults: Sequence[Fault], *, actor: str, reason: str, seconds: float
    ) -> None:
        """Inject faults into an integration for some seconds; what was injected before ends.

        Raises:
            FaultsForbiddenError: by the configuration.
            StorageUnavailableError: when it could not go on record; nothing has changed.
            LookupError: when the integration has gone meanwhile.
        """
        if not self.is_allowed:
            raise FaultsForbiddenError
        async with self._lock:
            now = self._clock.time()
            injection = Injection(
                actor=actor, reason=reason, since=now, expires_at=now + seconds, faults=tuple(faults)
            )
            action = _beginning(integration, injection)
            await self._operators.record(action)
            if integration in self._running:
                self._end(integration, actor=actor, reason="replaced by another")
            self._running[integration] = _Running(injection, self._clock.monotonic() + seconds)
            self._publish(action)
            try:
                self._faults.begin(integration, injection, seconds=seconds)
            except LookupError:
                # It is on record already, so its end has to be there as well.
                self._end(integration, actor=DIALTONE, reason="the integration is gone")
                raise

    async def end(self, integration: str, *, actor: str, reason: str) -> bool:
        """Inject nothing any longer; whether there was something."""
        if integration not in self._running:
            return False
        self._end(integration, actor=actor, reason=reason)
        await self._store_ends()
        return True

    async def run(self) -> None:
        """Record injections that end by themselves, until cancelled; then end those that are left."""
        try:
            while True:
                self._end_over()
                await self._store_ends()
                await self._clock.sleep(TICK)
        finally:
            for integration in tuple(self._running):
                self._end(integration, actor=DIALTONE, reason="Dialtone stopped")
            with anyio.move_on_after(LAST_WORDS, shield=True):
                await self._store_ends()

    def _end_over(self) -> None:
        """Note what has ended, and end what is no longer allowed."""
        now, is_allowed = self._clock.monotonic(), self.is_allowed
        for integration, running in tuple(self._running.items()):
            if now >= running.until:
                self._end(integration, actor=DIALTONE, reason="its time is up")
            elif self._faults.current(integration) is not running.injection:
                self._end(integration, actor=DIALTONE, reason="the integration is gone, or of another vendor")
            elif not is_allowed:
                self._end(integration, actor=DIALTONE, reason="the configuration no longer allows faults")

    def _end(self, integration: str, *, actor: str, reason: str) -> None:
        """End an injection at once, and note it."""
        injection = self._running.pop(integration).injection
        self._faults.end(integration)
        self._unstored.append(
            OperatorAction(
                at=self._clock.time(),
                actor=actor,
                action=ENDED,
                integration=integration,
                reason=f"{reason} ({_joined(injection)}; by {injection.actor}: {injection.reason})",
            )
        )

    async def _store_ends(self) -> None:
        """Store and publish what has ended, in order; what cannot be stored waits for the next time."""
        async with self._lock:
            while self._unstored:
                try:
                    await self._operators.record(self._unstored[0])
                except Exception as error:  # noqa: BLE001 - the fault has ended; only its record is tried again
                    self._tell_failure(error)
                    return
                self._is_failing = False
                self._publish(self._unstored.popleft())

    def _tell_failure(self, error: Exception) -> None:
        if not self._is_failing:
            log.error("the end of a fault is not on record yet; it is tried again", error=repr(error))
        self._is_failing = True


def _beginning(integration: str, injection: Injection) -> OperatorAction:
    return OperatorAction(
        at=injection.since,
        actor=injection.actor,
        action=BEGUN,
        integration=integration,
        reason=f"{injection.reason} ({_joined(injection)})",
        expires_at=injection.expires_at,
    )


def _joined(injection: Injection) -> str:
    words = ", ".join(fault_words(fault) for fault in injection.faults)
    return words.replace("\N{NO-BREAK SPACE}", " ")
