"""What operators do to integrations: stored first, then done, then told to everyone."""

from collections.abc import Awaitable, Callable
from enum import StrEnum

import msgspec

from app.parts import BreakerControl, OperatorLog, Pausing
from integrations.clock import Clock
from integrations.execution.outcome import Outcome
from integrations.signals import OperatorAction, Signal


class BreakerOperation(StrEnum):
    """What an operator can do to a circuit breaker."""

    FORCE_OPEN = "force_open"
    DISABLE = "disable"
    SHADOW = "shadow"
    RESET = "reset"


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """Who wants something done to which integration, why, and for how many seconds (None: until undone).

    `capability` empty means all capabilities.
    """

    actor: str
    integration: str
    reason: str
    capability: str = ""
    expires_in: float | None = None


class Operations:
    """Carries out orders. Whoever calls has checked that the integration and its capability exist."""

    def __init__(
        self,
        *,
        breakers: BreakerControl,
        pausing: Pausing,
        operators: OperatorLog,
        clock: Clock,
        publish: Callable[[Signal], None],
    ) -> None:
        self._pausing = pausing
        self._operators = operators
        self._clock = clock
        self._publish = publish
        self._reset = breakers.reset
        self._lasting = {
            BreakerOperation.FORCE_OPEN: breakers.force_open,
            BreakerOperation.DISABLE: breakers.disable,
            BreakerOperation.SHADOW: breakers.shadow,
        }

    async def operate_breaker(self, operation: BreakerOperation, order: Order) -> None:
        """Force a breaker open, switch it off, let it only watch, or give it back to its own rules."""
        action = await self._record(operation.value, order)
        where = (order.integration, order.capability or None)
        if operation is BreakerOperation.RESET:
            self._reset(*where, actor=order.actor, reason=order.reason)
        else:
            lasting = self._lasting[operation]
            lasting(*where, actor=order.actor, reason=order.reason, expires_at=action.expires_at)
        self._publish(action)

    async def pause(self, order: Order) -> None:
        """Stop an integration's checks."""
        action = await self._record("pause", order)
        await self._pausing.pause(
            order.integration, actor=order.actor, reason=order.reason, expires_at=action.expires_at
        )
        self._publish(action)

    async def resume(self, order: Order) -> None:
        """Start an integration's checks again."""
        action = await self._record("resume", order)
        await self._pausing.resume(order.integration, actor=order.actor, reason=order.reason)
        self._publish(action)

    async def refresh_credential(self, order: Order, renew: Callable[[str], Awaitable[Outcome]]) -> Outcome:
        """Have an integration's credential renewed; return what became of it."""
        action = await self._record("refresh_credential", order)
        outcome = await renew(order.integration)
        self._publish(action)
        return outcome

    async def _record(self, action: str, order: Order) -> OperatorAction:
        now = self._clock.time()
        taken = OperatorAction(
            at=now,
            actor=order.actor,
            action=action,
            integration=order.integration,
            capability=order.capability,
            reason=order.reason,
            expires_at=None if order.expires_in is None else now + order.expires_in,
        )
        await self._operators.record(taken)
        return taken
