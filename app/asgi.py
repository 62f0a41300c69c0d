"""What an ASGI server is given: the HTTP API and the pages over the parts of a running Dialtone."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager

from litestar import Litestar
from litestar.di import Provide
from litestar.types import ASGIApp

from app.api import (
    alertmanager,
    alerts,
    analytics,
    backtest,
    configuration,
    credentials,
    explanation,
    exporters,
    exports,
    faults,
    heartbeats,
    incidents,
    integrations,
    operators,
    probes,
    receivers,
    report,
    schema,
    silences,
    slos,
    sql,
    stream,
    vendors,
    webhooks,
)
from app.api.arrivals import Arrivals
from app.api.beats import Beats
from app.api.description import WholeDescription
from app.api.gate import Gate
from app.api.openapi import openapi_config
from app.api.problems import HANDLERS
from app.api.reading import JSONRequest
from app.api.served import NoSpans, RequestSpans, Served
from app.api.tokens import TokenTable
from app.operations import Operations
from app.parts import Parts
from app.unadorned import hidden
from app.web.pages import pages

MAX_BODY = 1024 * 1024

_ROUTERS = (
    integrations.router,
    explanation.router,
    operators.router,
    incidents.router,
    alerts.router,
    silences.router,
    heartbeats.router,
    slos.router,
    receivers.router,
    alertmanager.router,
    faults.router,
    configuration.router,
    credentials.router,
    vendors.router,
    analytics.router,
    backtest.router,
    report.router,
    schema.router,
    sql.router,
    exports.router,
    exporters.router,
    stream.router,
    webhooks.router,
    probes.router,
)

Lifespan = Callable[[Litestar], AbstractAsyncContextManager[object]]


def create_app(
    parts: Parts,
    *,
    lifespan: Sequence[Lifespan] = (),
    tokens: TokenTable | None = None,
    spans: RequestSpans | None = None,
) -> Litestar:
    """Return the application.

    `lifespan` starts and stops what the parts run on. `tokens` may be passed by whoever samples it; by
    default it is made from the parts. `spans` takes the spans of requests; by default none are made.
    """
    operations = _operations(parts)
    with hidden("attr", "attrs"):
        app = Litestar(
            route_handlers=[*_ROUTERS, pages(parts.version)],
            dependencies={
                "parts": Provide(lambda: parts, sync_to_thread=False),
                "operations": Provide(lambda: operations, sync_to_thread=False),
            },
            exception_handlers=HANDLERS,
            lifespan=list(lifespan),
            openapi_config=openapi_config(parts.version, WholeDescription()),
            request_class=JSONRequest,
            request_max_body_size=MAX_BODY,
            logging_config=None,
        )
    app.state["parts"] = parts
    gate = Gate(
        app.asgi_handler,
        tokens=tokens or TokenTable(parts.tokens, clock=parts.clock),
        clock=parts.clock,
        publish=parts.publish,
    )
    app.asgi_handler = Served(_open_places(gate, parts), clock=parts.clock, spans=spans or NoSpans())
    return app


def _open_places(gate: ASGIApp, parts: Parts) -> ASGIApp:
    """Put in front of the gate what asks for no token: the places where heartbeats and webhooks arrive."""
    watching = parts.alerting.watching
    beats = Beats(gate, keys=watching.keys, watch=watching.beats, turned_away=watching.turned_away)
    if (desk := parts.webhooks) is None:
        return beats
    return Arrivals(beats, door=desk.inbound, clock=parts.clock, turned_away=desk.turned_away)


def _operations(parts: Parts) -> Operations:
    return Operations(
        breakers=parts.breakers,
        pausing=parts.pausing,
        operators=parts.operators,
        clock=parts.clock,
        publish=parts.publish,
    )
