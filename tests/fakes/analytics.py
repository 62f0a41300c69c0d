"""Named queries page by page without DuckDB: answers, refuses and waits on command."""

import datetime as dt
import io
from collections.abc import Mapping
from typing import Protocol

import anyio
import msgspec

from exporters.analytics.days.desk import OpenDay, UnknownDay
from exporters.analytics.days.listed import TableDay
from exporters.analytics.paging import Page, PageRequest
from exporters.analytics.running import RunningQuery
from exporters.analytics.sql.frames import Format
from tests.fakes.sql import BODIES, FakeSQL

AS_OF = 1_795_000_000.0


class Answered(Protocol):
    """A whole answer."""

    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]


class FakeDays:
    """Days with as many bytes as asked for; raises `error` where there is one."""

    def __init__(self) -> None:
        self.told: dict[tuple[str, dt.date], int] = {("calls", dt.date(2027, 1, 14)): 3}
        self.content = b"PAR1 a table's day PAR1"
        self.error: Exception | None = None
        self.opened: list[tuple[str, dt.date, str]] = []
        self.files: list[io.BytesIO] = []

    def tables(self) -> tuple[str, ...]:
        return ("calls", "check_results")

    async def days(self, *tables: str) -> tuple[TableDay, ...]:
        if self.error is not None:
            raise self.error
        return tuple(
            TableDay(table=table, day=day, rows=rows)
            for (table, day), rows in self.told.items()
            if not tables or table in tables
        )

    async def open(self, table: str, day: dt.date, *, caller: str) -> OpenDay:
        self.opened.append((table, day, caller))
        if self.error is not None:
            raise self.error
        if (table, day) not in self.told:
            raise UnknownDay(f"{table} has no rows of {day}")
        self.files.append(io.BytesIO(self.content))
        return OpenDay(file=self.files[-1], size=len(self.content), rows=self.told[table, day], as_of=AS_OF)


class FakePages:
    """Answers with the same rows; `next_page` is the cursor it gives once, `hangs` lets it wait for ever."""

    def __init__(self) -> None:
        self.sql = FakeSQL()
        self.days = FakeDays()
        self.pages: list[tuple[PageRequest, str]] = []
        self.next_page = ""
        self.hangs = False
        self.left = 0

    async def query(self, name: str, params: Mapping[str, str], *, caller: str) -> Answered:
        raise NotImplementedError

    async def page(self, request: PageRequest, *, caller: str) -> Page:
        self.pages.append((request, caller))
        if self.hangs:
            try:
                await anyio.sleep_forever()
            finally:
                self.left += 1
        name = "performance" if request.name == "integrations" else request.name
        params = {key: text for key, text in request.params.items() if key != "vendor"}
        answer = await self.query(name, params, caller=caller)
        found, self.next_page = self.next_page, ""
        return Page(
            id=request.id or "q1",
            name=request.name,
            body=_body(answer, request.format, truncated=bool(found)),
            rows=len(answer.rows),
            next=found,
            as_of=AS_OF,
            duration=0.01,
        )

    def running(self) -> list[RunningQuery]:
        return self.sql.queries

    def cancel(self, query_id: str) -> None:
        self.sql.cancel(query_id)


def _body(answer: Answered, shape: Format, *, truncated: bool) -> bytes:
    if shape is Format.JSON:
        return msgspec.json.encode({"columns": answer.columns, "rows": answer.rows, "truncated": truncated})
    if shape is Format.RECORDS:
        return msgspec.json.encode([dict(zip(answer.columns, row, strict=True)) for row in answer.rows])
    return BODIES[shape]
