"""/v2/analytics/backtest: what another policy would have done."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated

import msgspec
from litestar import Response, Router, post
from litestar.enums import MediaType

from app.api.access import READ, CallerHeader, GivenParts, caller_of
from app.api.examples import example
from app.api.problems import AnyRequest, InvalidValue, ProblemError, invalid, not_found
from app.api.reading import refuse_unknown
from app.api.responses import problems
from app.backtesting import Backtester
from app.parts import Parts
from app.web.backtest import page
from exporters.analytics.backtest.keys import InvalidProposal
from exporters.analytics.backtest.order import Order, proposed, read_window
from exporters.analytics.backtest.outcome import Backtest
from exporters.analytics.parameters import InvalidParams
from exporters.analytics.settings import AnalyticsUnavailable
from integrations.errors import UnknownIntegration

MOST = 20
"""Integrations of one backtest."""

_RETRY_SECONDS = "5"


class BacktestRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to try. `policy` holds the keys that are to be other than today's, as under `policy` in the
    configuration or dotted (`breaker.failure_ratio`); without any, today's policy is held against what it
    did. `integrations` are all there are where none is named. `from` and `to` are as for named queries.
    """

    policy: Mapping[str, object] = {}
    integrations: tuple[str, ...] = ()
    start: str = msgspec.field(default="-24h", name="from")
    end: str = msgspec.field(default="now", name="to")


class BacktestList(msgspec.Struct, frozen=True, kw_only=True):
    """One answer an integration."""

    backtests: tuple[Backtest, ...]


Asked = Annotated[
    BacktestRequest,
    example(
        "If breakers had opened earlier",
        policy={"breaker": {"failure_ratio": 0.3}},
        integrations=["github-prod"],
        **{"from": "-7d"},
    ),
]


@post(
    "/backtest",
    operation_id="run_backtest",
    summary="What another policy would have done",
    description="Replays recorded calls and checks through the breaker and the retry budget that run live, "
    "under today's policy and under the proposed one.",
    guards=READ,
    responses=problems(400, 401, 403, 404, 413, 415, 422, 503),
    status_code=HTTPStatus.OK,
)
async def run_backtest(
    request: AnyRequest, *, parts: GivenParts, data: Asked, caller: CallerHeader = ""
) -> Response[object]:
    """One replay an integration, one after another."""
    refuse_unknown(request, ())
    found = await _answers(parts, data, caller=caller_of(request, caller))
    return Response(msgspec.to_builtins(BacktestList(backtests=found)))


@post(
    "/backtest/page",
    operation_id="draw_backtest",
    summary="What another policy would have done, as a page",
    description="The same, as one HTML page without scripts that prints well.",
    guards=READ,
    responses=problems(400, 401, 403, 404, 413, 415, 422, 503),
    status_code=HTTPStatus.OK,
    media_type=MediaType.HTML,
)
async def draw_backtest(
    request: AnyRequest, *, parts: GivenParts, data: Asked, caller: CallerHeader = ""
) -> Response[str]:
    """The page."""
    refuse_unknown(request, ())
    found = await _answers(parts, data, caller=caller_of(request, caller))
    return Response(page(found), media_type=MediaType.HTML)


async def _answers(parts: Parts, asked: BacktestRequest, *, caller: str) -> tuple[Backtest, ...]:
    desk = parts.backtests
    if desk is None:
        raise _unavailable("Analytics is off: set analytics.enabled in the configuration.")
    orders = [_order(parts, one, asked) for one in _named(parts, asked)]
    return tuple([await _carried_out(desk, order, caller=caller) for order in orders])


async def _carried_out(desk: Backtester, order: Order, *, caller: str) -> Backtest:
    try:
        return await desk.backtest(order, caller=caller)
    except AnalyticsUnavailable as error:
        raise _unavailable(str(error)) from error


def _named(parts: Parts, asked: BacktestRequest) -> tuple[str, ...]:
    named = tuple(dict.fromkeys(asked.integrations))
    named = named or tuple(one.connection.id for one in parts.framework.integrations())
    if not 1 <= len(named) <= MOST:
        sentence = f"A backtest takes 1 to {MOST} integrations, not {len(named)}; name those to replay."
        message = f"expected 1 to {MOST} integrations"
        raise invalid(sentence, InvalidValue(message=message, key="integrations", source="body"))
    return named


def _order(parts: Parts, integration: str, asked: BacktestRequest) -> Order:
    try:
        today = parts.framework.integration(integration).connection.policy
    except UnknownIntegration as error:
        raise not_found("unknown-integration", error) from error
    start, end = _window(asked, now=parts.clock.time())
    try:
        other = proposed(today, asked.policy)
    except InvalidProposal as error:
        key = f"policy.{error.key}"
        raise invalid(f"{key}: {error}", InvalidValue(message=str(error), key=key, source="body")) from error
    return Order(integration=integration, today=today, proposed=other, start=start, end=end)


def _window(asked: BacktestRequest, *, now: float) -> tuple[float, float]:
    try:
        return read_window(asked.start, asked.end, now=now)
    except InvalidParams as error:
        wrong = InvalidValue(message=f"expected {error.expected}", key=error.parameter, source="body")
        raise invalid(str(error), wrong) from error


def _unavailable(reason: str) -> ProblemError:
    return ProblemError(
        "analytics-unavailable",
        status=HTTPStatus.SERVICE_UNAVAILABLE,
        detail=reason,
        headers={"retry-after": _RETRY_SECONDS},
    )


router = Router(path="/v2/analytics", tags=["Analytics"], route_handlers=[run_backtest, draw_backtest])
