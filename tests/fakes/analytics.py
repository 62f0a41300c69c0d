"""Named queries page by page without DuckDB: answers, refuses and waits on command."""

from collections.abc import Mapping
from typing import Protocol

import anyio
import msgspec

from exporters.analytics.paging import Page, PageRequest
from exporters.analytics.running import RunningQuery
from exporters.analytics.sql.frames import Format
from tests.fakes.sql import BODIES, FakeSQL

AS_OF = 1_795_000_000.0


class Answered(Protocol):
    """A whole answer."""

    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]


class FakePages:
    """Answers with the same rows; `next_page` is the cursor it gives once, `hangs` lets it wait for ever."""

    def __init__(self) -> None:
        self.sql = FakeSQL()
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
