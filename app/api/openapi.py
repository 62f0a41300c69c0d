"""The description of the API: OpenAPI 3.1 at /schema/openapi.json."""

from typing import get_args

from litestar import Litestar
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import OpenAPIRenderPlugin
from litestar.openapi.spec import Components, License, SecurityScheme, Server, Tag

from app.api.alert_bodies import ExpireRequest, PreviewRequest, RouteRequest, SilenceRequest
from app.api.bodies import (
    ActionRequest,
    BreakerRequest,
    FaultRequest,
    PauseRequest,
    ReloadRequest,
    ResumeRequest,
)
from app.api.heartbeats import HeartbeatOrder
from app.api.incident_bodies import AcknowledgeRequest, IncidentOrder, NoteRequest
from app.api.receiver_bodies import EnableRequest, ReplayRequest
from app.api.sql import SQLBody
from app.api.webhook_bodies import WebhookOrder
from integrations.execution.injection import Fault

_CLOSED = (
    ActionRequest,
    BreakerRequest,
    FaultRequest,
    PauseRequest,
    ReloadRequest,
    ResumeRequest,
    WebhookOrder,
    AcknowledgeRequest,
    IncidentOrder,
    NoteRequest,
    SilenceRequest,
    ExpireRequest,
    PreviewRequest,
    RouteRequest,
    ReplayRequest,
    EnableRequest,
    HeartbeatOrder,
    SQLBody,
)
"""The bodies of requests."""

DESCRIPTION = """
Dialtone calls third parties through one circuit-breaking executor, checks them, and says what it means.

Times are UTC seconds since 1970, durations are seconds. Every error is a problem (RFC 9457,
application/problem+json).

A failed call is a problem too, and holds the outcome: 503 a local limit refused it, 429 the vendor
throttles, 504 no answer in time, 502 any other failure at the vendor.
"""


def openapi_config(version: str, answers: OpenAPIRenderPlugin) -> OpenAPIConfig:
    """Return what Litestar needs to describe the API; `answers` serves the description."""
    return OpenAPIConfig(
        title="Dialtone",
        version=version,
        description=DESCRIPTION.strip(),
        license=License(name="Apache-2.0", identifier="Apache-2.0"),
        servers=[Server(url="/", description="This server")],
        tags=[
            Tag(name="Integrations", description="Which there are, how they are, and calls through them."),
            Tag(name="Operations", description="Breakers, pause and resume; each with actor and reason."),
            Tag(name="Incidents", description="What is wrong, since when and why; who works on it."),
            Tag(name="Alerts", description="What people are told, silences, maintenance, routes."),
            Tag(name="Receivers", description="Who is told, whether it arrives, sending again."),
            Tag(
                name="Alertmanager",
                description="Alertmanager's API (version 2), for amtool and others; errors are plain texts.",
            ),
            Tag(name="Heartbeats", description="Jobs and events that must be heard of."),
            Tag(name="Objectives", description="Service level objectives, budgets and burn rates."),
            Tag(name="Configuration", description="Taking up the configuration file as it is now."),
            Tag(name="Webhooks", description="What vendors send: read, and handed to its handler again."),
            Tag(name="Analytics", description="Named queries and SQL over everything that happened."),
            Tag(name="Signals", description="What happens, as it happens."),
            Tag(name="Catalogue", description="The vendors and what they can do."),
            Tag(name="Running", description="For orchestrators and Prometheus."),
        ],
        components=Components(
            security_schemes={
                "token": SecurityScheme(type="http", scheme="bearer", description="An API token."),
                "password": SecurityScheme(
                    type="http", scheme="basic", description="Any user name, the API token as password."
                ),
            }
        ),
        security=[{"token": []}, {"password": []}],
        use_handler_docstrings=True,
        path="/schema",
        render_plugins=[answers],
    )


def close_requests(app: Litestar) -> None:
    """Say in the description that request bodies take no further fields, which Litestar leaves out."""
    schemas = app.openapi_schema.components.schemas
    for body in (*_CLOSED, *get_args(Fault)):
        schemas[body.__name__].additional_properties = False
