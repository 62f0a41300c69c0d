"""Free SQL without DuckDB: answers, refuses and waits on command."""

import anyio

from exporters.analytics.running import RunningQuery
from exporters.analytics.sql.desk import SQLAnswer, SQLRequest
from exporters.analytics.sql.frames import Format

BODIES = {
    Format.JSON: b'{"columns":["integration","calls"],"rows":[["github-prod",3]],"truncated":false}',
    Format.RECORDS: b'[{"integration":"github-prod","calls":3}]',
    Format.NDJSON: b'{"integration":"github-prod","calls":3}\n',
    Format.CSV: b"integration,calls\r\ngithub-prod,3\r\n",
    Format.ARROW: b"\xff\xff\xff\xffarrow",
    Format.PARQUET: b"PAR1...PAR1",
}


class FakeSQL:
    """Raises `error` where there is one, else answers; with `hangs` it waits until it is cancelled."""

    def __init__(self) -> None:
        self.asked: list[tuple[SQLRequest, str]] = []
        self.queries: list[RunningQuery] = []
        self.cancelled: list[str] = []
        self.error: Exception | None = None
        self.hangs = False
        self.left = 0
        self.truncated = False
        self.bodies = dict(BODIES)

    async def ask(self, request: SQLRequest, *, caller: str) -> SQLAnswer:
        self.asked.append((request, caller))
        if self.error is not None:
            raise self.error
        if self.hangs:
            try:
                await anyio.sleep_forever()
            finally:
                self.left += 1
        return SQLAnswer(
            id=request.id or "q1",
            body=self.bodies[request.format],
            rows=1,
            truncated=self.truncated,
            as_of=1_795_000_000.0,
            duration=0.01,
            cpu=0.004,
        )

    def running(self) -> list[RunningQuery]:
        return self.queries

    def cancel(self, query_id: str) -> None:
        if query_id not in {one.id for one in self.queries}:
            raise LookupError(f"no query {query_id!r} runs or waits; it may have ended")
        self.cancelled.append(query_id)
