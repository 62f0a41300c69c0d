"""Work that ends with its client: who has left waits for nothing."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio
from litestar.types import Receive

T = TypeVar("T")


class ClientLeft(RuntimeError):  # noqa: N818 - the name says what happened
    """The client has left; nobody reads what is answered."""


async def while_there(receive: Receive, work: Callable[[], Awaitable[T]]) -> T:
    """Return what the work gives; when the client leaves, it is cancelled.

    Raises:
        ClientLeft: then; and what the work raises.
    """
    results: list[T] = []
    errors: list[Exception] = []

    async def attempt() -> None:
        try:
            results.append(await work())
        except Exception as error:  # noqa: BLE001 - raised below, outside the group that would wrap it
            errors.append(error)
        group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        group.start_soon(until_left, receive, group.cancel_scope)
        group.start_soon(attempt)
    if errors:
        raise errors[0]
    if not results:
        raise ClientLeft("the client has left")
    return results[0]


async def until_left(receive: Receive, scope: anyio.CancelScope) -> None:
    """Cancel a scope once the client has left."""
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()
