"""How long an exchange may take, for transports that keep the time themselves, and for those that do not."""

import asyncio
from collections.abc import Coroutine

import anyio
import msgspec

from integrations.deadlines import Cancellable
from integrations.execution.failure import OutOfTime, TransportFailure
from integrations.execution.transport import Reply

PATIENCE = "dialtone_patience"
"""The extension of an httpx.Request that holds a Patience; the exchange then ends as OutOfTime."""


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """So many seconds; what waits meanwhile stands in `under_way`, so that it can be cancelled."""

    seconds: float
    under_way: list[Cancellable]


async def in_time(patience: Patience | None, exchange: Coroutine[None, None, Reply]) -> Reply:
    """The reply, if it comes within the patience, where there is one; the time is the loop's, whatever the
    clock.

    Raises:
        OutOfTime: when it did not.
        TransportFailure: when there is no usable answer.
    """
    if patience is None:
        return await exchange
    scope = anyio.CancelScope(deadline=asyncio.get_running_loop().time() + patience.seconds)
    patience.under_way.append(scope)
    try:
        with scope:
            return await exchange
    except TransportFailure:
        # A cancellation that was turned into an error on its way is still a cancellation.
        if not scope.cancel_called:
            raise
    finally:
        patience.under_way.remove(scope)
    raise OutOfTime
