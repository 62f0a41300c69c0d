"""A wait that is ended from outside without a cancel scope: measured, one with a deadline takes 7 µs, and
this by Deadlines 1.5.
"""

import asyncio
from collections.abc import Coroutine, Generator
from typing import Generic, TypeVar

Result = TypeVar("Result")
Awaited = asyncio.Future[object] | None
"""What a coroutine under asyncio waits for; None is one turn of the loop."""


class Ending(Generic[Result]):
    """Awaits a coroutine, until `cancel` ends what that waits for; then it raises TimeoutError.

    Who cancels the task is served first: his CancelledError is never turned into a TimeoutError. What the
    coroutine still waits for on its way out is not ended again.
    """

    __slots__ = ("_awaited", "_coroutine", "_is_due", "is_ended")

    def __init__(self, coroutine: Coroutine[Awaited, None, Result]) -> None:
        self.is_ended = False
        self._coroutine = coroutine
        self._awaited: Awaited = None
        self._is_due = False

    def cancel(self) -> None:
        """End the wait, or the next one if there is none."""
        if not self.is_ended:
            self.is_ended = self._is_due = True
            self._end()

    def __await__(self) -> Generator[Awaited, None, Result]:
        """Wait for the coroutine's result."""
        task = asyncio.current_task()
        cancelled = 0 if task is None else task.cancelling()
        try:
            return (yield from self._driven())
        except asyncio.CancelledError:
            if not self.is_ended or (task is not None and task.cancelling() > cancelled):
                raise
            raise TimeoutError from None

    def _driven(self) -> Generator[Awaited, None, Result]:
        """What `yield from` does, and knows what is waited for."""
        coroutine = self._coroutine
        try:
            self._awaited = coroutine.send(None)
            while True:
                if self._is_due:
                    self._end()
                try:
                    yield self._awaited
                except BaseException as error:  # noqa: BLE001 - a cancellation too is the coroutine's to see
                    self._awaited = coroutine.throw(error)
                else:
                    self._awaited = coroutine.send(None)
        except StopIteration as end:
            result: Result = end.value
            return result
        finally:
            self._awaited = None

    def _end(self) -> None:
        awaited = self._awaited
        if awaited is not None:
            # One that is cancelled already, who cancelled the task has ended.
            self._is_due = not (awaited.cancel() or awaited.cancelled())
