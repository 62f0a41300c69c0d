"""/v2/analytics/backtest: what another policy, or other rules of alerting, would have done."""

from functools import partial
from http import HTTPStatus
from typing import Annotated

import anyio.to_thread
import msgspec
from litestar import Response, Router, post
from litestar.enums import MediaType

from app.api.access import READ, CallerHeader, GivenParts, caller_of
from app.api.answers import refusal
from app.api.backtest_orders import BacktestRequest, orders
from app.api.examples import example
from app.api.leaving import ClientLeft, while_there
from app.api.problems import AnyRequest, InvalidValue, ProblemError, invalid
from app.api.reading import refuse_unknown
from app.api.responses import problems
from app.api.watch_orders import watch_order
from app.backtesting import Backtester
from app.parts import Parts
from app.web.backtest import page
from exporters.analytics.backtest.order import Order
from exporters.analytics.backtest.outcome import Backtest
from exporters.analytics.backtest.watched.order import WatchOrder
from exporters.analytics.backtest.watched.outcome import WatchedBacktest
from exporters.analytics.running import QueryCancelled
from exporters.analytics.settings import AnalyticsUnavailable


class BacktestList(msgspec.Struct, frozen=True, kw_only=True):
    """One answer an integration, and one an objective and a heartbeat."""

    backtests: tuple[Backtest, ...]
    watched: tuple[WatchedBacktest, ...] = ()


Asked = Annotated[
    BacktestRequest,
    example(
        "If breakers had opened earlier, and alerts waited",
        policy={"breaker": {"failure_ratio": 0.3}},
        alerts={"rules.IntegrationDown.for": 120},
        integrations=["github-prod"],
        **{"from": "-7d"},
    ),
]


@post(
    "/backtest",
    operation_id="run_backtest",
    summary="What another policy would have done",
    description="Replays recorded calls and checks through the breaker, the retry budget, the judgement of "
    "health and the alerting that run live, as they are configured today and as is proposed; so it does "
    "objectives, and with what jobs reported heartbeats. It ends when the client leaves; "
    "/v2/analytics/running shows how far it is.",
    guards=READ,
    responses=problems(400, 401, 403, 404, 409, 413, 415, 422, 503),
    status_code=HTTPStatus.OK,
)
async def run_backtest(
    request: AnyRequest, *, parts: GivenParts, data: Asked, caller: CallerHeader = ""
) -> Response[object]:
    """One replay an integration, one after another."""
    refuse_unknown(request, ())
    found = await _answers(request, parts, data, caller=caller)
    return Response(msgspec.to_builtins(found))


@post(
    "/backtest/page",
    operation_id="draw_backtest",
    summary="What another policy would have done, as a page",
    description="The same, as one HTML page without scripts that prints well.",
    guards=READ,
    responses=problems(400, 401, 403, 404, 409, 413, 415, 422, 503),
    status_code=HTTPStatus.OK,
    media_type=MediaType.HTML,
)
async def draw_backtest(
    request: AnyRequest, *, parts: GivenParts, data: Asked, caller: CallerHeader = ""
) -> Response[str]:
    """The page."""
    refuse_unknown(request, ())
    found = await _answers(request, parts, data, caller=caller)
    drawn = await anyio.to_thread.run_sync(page, found.backtests, found.watched)
    return Response(drawn, media_type=MediaType.HTML)


async def _answers(request: AnyRequest, parts: Parts, asked: BacktestRequest, *, caller: str) -> BacktestList:
    """The answers; when the client leaves, the work ends."""
    desk = parts.backtests
    if desk is None:
        raise refusal(AnalyticsUnavailable("Analytics is off: set analytics.enabled in the configuration."))
    wanted, watched = orders(parts, asked), watch_order(parts, asked)
    work = partial(_carried_out, desk, wanted, watched, caller=caller_of(request, caller), query_id=asked.id)
    try:
        return await while_there(request.receive, work)
    except (AnalyticsUnavailable, ClientLeft, QueryCancelled) as error:
        raise refusal(error) from error


async def _carried_out(
    desk: Backtester, wanted: list[Order], watched: WatchOrder | None, *, caller: str, query_id: str
) -> BacktestList:
    """One after another."""
    try:
        return BacktestList(
            backtests=tuple([await desk.backtest(each, caller=caller, query_id=query_id) for each in wanted]),
            watched=await desk.watched(watched, caller=caller, query_id=query_id) if watched else (),
        )
    except ValueError as error:
        raise _bad_id(error) from error


def _bad_id(error: ValueError) -> ProblemError:
    return invalid(f"id: {error}", InvalidValue(message=str(error), key="id", source="body"))


router = Router(path="/v2/analytics", tags=["Analytics"], route_handlers=[run_backtest, draw_backtest])
