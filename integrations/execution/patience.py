"""How long an exchange may take, for transports that keep the time themselves, and for those that do not."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager

import anyio
import msgspec

from integrations.deadlines import Cancellable
from integrations.execution.failure import OutOfTime, TransportFailure
from integrations.execution.transport import Reply

UnderWay = dict[Cancellable, object]
"""All that waits and can be cancelled, and whose it is."""

PATIENCE = "dialtone_patience"
"""The extension of an httpx.Request that holds a Patience; the exchange then ends as OutOfTime."""


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """So many seconds; what waits meanwhile stands in `under_way` as its `owner`'s, so that it can be
    cancelled.
    """

    seconds: float
    under_way: UnderWay
    owner: object


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
    patience.under_way[scope] = patience.owner
    try:
        with scope:
            return await exchange
    except TransportFailure:
        # A cancellation that was turned into an error on its way is still a cancellation.
        if not scope.cancel_called:
            raise
    finally:
        del patience.under_way[scope]
    raise OutOfTime


@contextmanager
def cuttable(under_way: UnderWay, owner: object, within: float) -> Iterator[anyio.CancelScope]:
    """A wait of at most so many seconds, which can be cancelled as its owner's."""
    scope = anyio.CancelScope(deadline=asyncio.get_running_loop().time() + within)
    under_way[scope] = owner
    try:
        with scope:
            yield scope
    finally:
        del under_way[scope]
