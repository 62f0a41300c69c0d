"""What the API asks of free SQL."""

from collections.abc import Iterable
from typing import Protocol

from exporters.analytics.running import RunningQuery
from exporters.analytics.sql.desk import SQLAnswer, SQLRequest


class FreeSQL(Protocol):
    """SELECT over everything that happened, in processes of its own."""

    async def ask(self, request: SQLRequest, /, *, caller: str) -> SQLAnswer:
        """Answer one.

        SQLRefused, SQLFailed, AnswerTooLarge, QueryCancelled or AnalyticsUnavailable is raised.
        """
        ...

    def running(self) -> Iterable[RunningQuery]:
        """What runs or waits."""
        ...

    def cancel(self, query_id: str, /) -> None:
        """End one; LookupError when there is none."""
        ...
