"""What is being asked right now: each query with its id, by which it is listed and ended."""

import re
import secrets
from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio
import msgspec

T = TypeVar("T")
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class QueryCancelled(RuntimeError):  # noqa: N818 - the name says what became of it
    """Somebody has ended the query."""


class RunningQuery(msgspec.Struct, frozen=True, kw_only=True):
    """A query that runs or waits. `query` is its name, or `sql`; then `sql` is how its statement begins.

    `started_at` is UTC seconds, `progress` the share that is done, where that is known.
    """

    id: str
    caller: str
    query: str
    sql: str = ""
    started_at: float
    progress: float | None = None


class RunningQueries:
    """The queries of one desk that run or wait, the oldest first."""

    def __init__(self) -> None:
        self._running: dict[str, tuple[RunningQuery, anyio.CancelScope]] = {}

    def __len__(self) -> int:
        return len(self._running)

    def listed(self) -> tuple[RunningQuery, ...]:
        """Return them."""
        return tuple(query for query, _ in self._running.values())

    def cancel(self, query_id: str) -> None:
        """End one.

        Raises:
            LookupError: when none of this id runs or waits.
        """
        if query_id not in self._running:
            raise LookupError(f"no query {query_id!r} runs or waits; it may have ended")
        self._running[query_id][1].cancel()

    def cancel_all(self) -> None:
        """End all of them."""
        for _, scope in tuple(self._running.values()):
            scope.cancel()

    def named(self, query_id: str) -> str:
        """Return the id a query may have: its own, or a new one where it has none.

        Raises:
            ValueError: when it cannot have this one; the message says why.
        """
        if not query_id:
            return secrets.token_hex(8)
        if not _ID.fullmatch(query_id):
            raise ValueError("an id has 1 to 64 letters, digits, - and _")
        if query_id in self._running:
            raise ValueError(f"a query with the id {query_id!r} runs already")
        return query_id

    async def run(self, query: RunningQuery, work: Callable[[], Awaitable[T]]) -> T:
        """Do the work of a query that has a free id.

        Raises:
            QueryCancelled: when it was ended before its answer; and what the work raises.
        """
        with anyio.CancelScope() as scope:
            self._running[query.id] = query, scope
            try:
                return await work()
            finally:
                del self._running[query.id]
        raise QueryCancelled("the query was ended before its answer")
