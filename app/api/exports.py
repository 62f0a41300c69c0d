"""/v2/analytics/export: what happened as Parquet files, one for each table and UTC day."""

import datetime as dt
from collections.abc import Sequence
from functools import partial
from http import HTTPStatus
from typing import Annotated, BinaryIO

import anyio
import anyio.to_thread
import msgspec
from litestar import Router, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, QueryParameter
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from app.api.access import READ, CallerHeader, GivenParts, caller_of
from app.api.analytics import analytics_of
from app.api.answers import MEDIA_TYPES, iso, refusal
from app.api.leaving import ClientLeft, until_left, while_there
from app.api.problems import AnyRequest, ProblemError, not_found
from app.api.reading import refuse_unknown
from app.api.responses import problems
from app.api.sending import is_sent
from app.parts import Parts
from exporters.analytics.days.desk import OpenDay, UnknownDay
from exporters.analytics.settings import AnalyticsUnavailable
from exporters.analytics.sql.frames import Format

PATH = "/v2/analytics/export"
_CHUNK = 1 << 18

Table = Annotated[
    list[str] | None, QueryParameter(name="table", required=False, description="Only these tables.")
]


class ExportDay(msgspec.Struct, frozen=True, kw_only=True):
    """A table's rows of one UTC day. `sealed` says that they lie in one file, and late ones apart stay so."""

    table: str
    day: dt.date
    rows: int
    sealed: bool


class ExportList(msgspec.Struct, frozen=True, kw_only=True):
    """The days that there are. `today` is the UTC day by Dialtone's clock, whose rows still grow."""

    today: dt.date
    days: tuple[ExportDay, ...]


class FileStream(ASGIResponse):
    """Sends an open file piece by piece, and closes it whatever happens."""

    _should_set_content_length = False

    def __init__(self, opened: OpenDay, headers: dict[str, str]) -> None:
        super().__init__(
            media_type=MEDIA_TYPES[Format.PARQUET],
            headers=headers | {"content-length": str(opened.size)},
        )
        self._file = opened.file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send, and close."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(self._file.close)

    async def send_body(self, send: Send, receive: Receive) -> None:
        """Send the file. A client that is too slow gets no end, and so knows that it lacks some."""
        async with anyio.create_task_group() as group:
            group.start_soon(until_left, receive, group.cancel_scope)
            await self._send_file(send)
            group.cancel_scope.cancel()

    async def _send_file(self, send: Send) -> None:
        while chunk := await anyio.to_thread.run_sync(_read, self._file):
            if not await is_sent(chunk, send):
                return
        await send({"type": "http.response.body", "body": b"", "more_body": False})


@get(
    PATH,
    operation_id="list_export",
    summary="Days that can be exported",
    description="Each table's UTC days with their rows; docs/analytics.md describes the tables.",
    guards=READ,
    responses=problems(400, 401, 403, 404, 422, 503),
)
async def list_export(request: AnyRequest, *, parts: GivenParts, table: Table = None) -> ExportList:
    """The days that there are, in order."""
    refuse_unknown(request, ("table",))
    try:
        found = await analytics_of(parts).days.days(*_known(parts, table or ()))
    except AnalyticsUnavailable as error:
        raise refusal(error) from error
    return ExportList(
        today=dt.datetime.fromtimestamp(parts.clock.time(), dt.UTC).date(),
        days=tuple(
            ExportDay(table=one.table, day=one.day, rows=one.rows, sealed=one.part is not None)
            for one in found
        ),
    )


@get(
    f"{PATH}/{{table:str}}/{{day:str}}",
    operation_id="export_day",
    summary="A table's day as Parquet",
    description="All rows of one UTC day. dialtone-rows counts them, and dialtone-as-of says when they were "
    "looked at. A client that leaves while the file is made ends that.",
    guards=READ,
    responses=problems(400, 401, 403, 404, 409, 422, 503)
    | {
        200: ResponseSpec(
            data_container=bytes,
            description="A Parquet file.",
            media_type=MEDIA_TYPES[Format.PARQUET],
            generate_examples=False,
        )
    },
)
async def export_day(
    request: AnyRequest,
    *,
    parts: GivenParts,
    table: FromPath[str],
    day: FromPath[dt.date],
    caller: CallerHeader = "",
) -> ASGIResponse:
    """The file."""
    refuse_unknown(request, ())
    take = partial(analytics_of(parts).days.open, table, day, caller=caller_of(request, caller))
    try:
        opened = await while_there(request.receive, take)
    except UnknownDay as error:
        raise not_found("unknown-day", error) from error
    except (ClientLeft, AnalyticsUnavailable) as error:
        raise refusal(error) from error
    return FileStream(
        opened,
        {
            "dialtone-rows": str(opened.rows),
            "dialtone-as-of": iso(opened.as_of),
            "content-disposition": f'attachment; filename="{table}-{day}.parquet"',
        },
    )


def _read(file: BinaryIO) -> bytes:
    return file.read(_CHUNK)


def _known(parts: Parts, tables: Sequence[str]) -> Sequence[str]:
    known = analytics_of(parts).days.tables()
    for table in tables:
        if table not in known:
            raise ProblemError(
                "unknown-table",
                status=HTTPStatus.NOT_FOUND,
                detail=f"There is no table {table[:80]!r}; there are {', '.join(known)}.",
            )
    return tables


router = Router(path="/", tags=["Analytics"], route_handlers=[list_export, export_day])
