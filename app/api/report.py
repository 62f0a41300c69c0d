"""/v2/analytics/report: what a month of recorded signals comes to."""

from functools import partial
from typing import Annotated

import anyio.to_thread
from litestar import Response, Router, get
from litestar.enums import MediaType
from litestar.params import QueryParameter

from app.api.access import READ, CallerHeader, GivenParts, caller_of
from app.api.answers import refusal
from app.api.leaving import ClientLeft, while_there
from app.api.problems import AnyRequest
from app.api.reading import refuse_unknown
from app.api.responses import problems
from app.parts import Parts
from app.web.report.page import page
from exporters.analytics.parameters import InvalidParams
from exporters.analytics.report.outcome import Report
from exporters.analytics.report.period import Period, read_period
from exporters.analytics.running import QueryCancelled
from exporters.analytics.settings import AnalyticsUnavailable

_PARAMETERS = ("month", "from", "to", "tz")

Month = Annotated[
    str | None,
    QueryParameter(
        name="month",
        required=False,
        description="YYYY-MM; the last month that is over when nothing else is given.",
    ),
]
Start = Annotated[
    str | None,
    QueryParameter(
        name="from",
        required=False,
        description="In place of month: a day (YYYY-MM-DD), a time, or relative such as -7d.",
    ),
]
End = Annotated[
    str | None, QueryParameter(name="to", required=False, description="As from; now when left out.")
]
Zone = Annotated[
    str | None,
    QueryParameter(
        name="tz", required=False, description="The time zone of days and times; UTC when left out."
    ),
]


@get(
    "/report",
    operation_id="get_report",
    summary="A month's report",
    description="Availability against objectives, incidents, use and its growth, cost, quotas, drift, "
    "credentials, webhooks and deliveries of a month, or of any other time. Shares are from 0 to 1.",
    guards=READ,
    responses=problems(400, 401, 403, 409, 422, 503),
)
async def get_report(
    request: AnyRequest,
    *,
    parts: GivenParts,
    month: Month = None,
    start: Start = None,
    end: End = None,
    zone: Zone = None,
    caller: CallerHeader = "",
) -> Report:
    """The report as data."""
    refuse_unknown(request, _PARAMETERS)
    period = _period(parts, month=month, start=start, end=end, zone=zone)
    return await _made(request, parts, period, caller=caller_of(request, caller))


@get(
    "/report/page",
    operation_id="draw_report",
    summary="A month's report, as a page",
    description="The same, as one HTML page without scripts that prints well.",
    guards=READ,
    responses=problems(400, 401, 403, 409, 422, 503),
    media_type=MediaType.HTML,
)
async def draw_report(
    request: AnyRequest,
    *,
    parts: GivenParts,
    month: Month = None,
    start: Start = None,
    end: End = None,
    zone: Zone = None,
    caller: CallerHeader = "",
) -> Response[str]:
    """The page."""
    refuse_unknown(request, _PARAMETERS)
    period = _period(parts, month=month, start=start, end=end, zone=zone)
    report = await _made(request, parts, period, caller=caller_of(request, caller))
    return Response(await anyio.to_thread.run_sync(page, report), media_type=MediaType.HTML)


def _period(
    parts: Parts, *, month: str | None, start: str | None, end: str | None, zone: str | None
) -> Period:
    now = parts.clock.time()
    try:
        return read_period(month=month, start=start, end=end, zone="UTC" if zone is None else zone, now=now)
    except InvalidParams as error:
        raise refusal(error) from error


async def _made(request: AnyRequest, parts: Parts, period: Period, *, caller: str) -> Report:
    if parts.reports is None:
        raise refusal(AnalyticsUnavailable("Analytics is off: set analytics.enabled in the configuration."))
    try:
        return await while_there(request.receive, partial(parts.reports.report, period, caller=caller))
    except (AnalyticsUnavailable, ClientLeft, QueryCancelled) as error:
        raise refusal(error) from error


router = Router(path="/v2/analytics", tags=["Analytics"], route_handlers=[get_report, draw_report])
