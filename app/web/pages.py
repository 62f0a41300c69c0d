"""The pages: all integrations, one integration, and the API's documentation."""

from typing import Annotated

import msgspec
from litestar import Response, Router, get
from litestar.di import Dependency, Provide
from litestar.params import FromPath, QueryParameter, SkipValidationMarker

from app.api.access import READ, GivenParts, find
from app.api.description import described
from app.api.problems import AnyRequest
from app.web.assets import Assets
from app.web.drawing import Drawing
from app.web.drawn import HTML, Fragment, GivenDrawing, drawn
from app.web.incidents import incident_page, incidents_page
from app.web.reference import sections_of
from app.web.view import card, observe, overview

RECENT = 20
OPERATIONS_READ = 1000

Query = Annotated[str, QueryParameter(name="q", max_length=200)]
GivenAssets = Annotated[Assets, Dependency(), SkipValidationMarker()]


@get("/", media_type=HTML, guards=READ, include_in_schema=False)
async def overview_page(
    request: AnyRequest,
    *,
    parts: GivenParts,
    drawing: GivenDrawing,
    q: Query = "",
    fragment: Fragment = False,
) -> Response[bytes]:
    """Every integration, worst first; with `fragment` only the part that changes."""
    now = parts.clock.time()
    observed = [observe(parts, one) for one in parts.framework.integrations()]

    def draw() -> str:
        page = overview(observed, now=now, query=q)
        template = "_overview.html" if fragment else "overview.html"
        return drawing.draw(template, page=page, query=q, now=now)

    return await drawn(request, draw)


@get("/integrations/{integration_id:str}", media_type=HTML, guards=READ, include_in_schema=False)
async def integration_page(
    request: AnyRequest,
    *,
    parts: GivenParts,
    drawing: GivenDrawing,
    integration_id: FromPath[str],
    fragment: Fragment = False,
) -> Response[bytes]:
    """One integration in full; with `fragment` only the part that changes."""
    now = parts.clock.time()
    integration = find(parts, integration_id)
    observed = observe(parts, integration)
    state = parts.framework.get_integration_status(integration_id)
    incident = parts.alerting.incidents.of(integration_id)
    changes = await parts.history.recent_changes(integration_id, RECENT)
    done = [one for one in await parts.operators.recent(OPERATIONS_READ) if one.integration == integration_id]

    def draw() -> str:
        return drawing.draw(
            "_detail.html" if fragment else "detail.html",
            card=card(observed, now),
            incident=incident,
            explained=parts.explaining.explain(integration_id),
            manifest=integration.manifest,
            granted=state.granted,
            missing=state.missing_scopes,
            policy=integration.connection.policy,
            changes=changes,
            done=done[:RECENT],
            now=now,
        )

    return await drawn(request, draw)


@get("/docs", media_type=HTML, include_in_schema=False)
async def docs_page(request: AnyRequest, drawing: GivenDrawing) -> Response[bytes]:
    """The API's operations with a form to try each, drawn from the OpenAPI description."""
    description = described(request.app)

    def draw() -> str:
        schema = msgspec.json.decode(description)
        return drawing.draw("docs.html", sections=sections_of(schema), about=schema["info"]["description"])

    return await drawn(request, draw)


@get("/static/{name:str}", include_in_schema=False, sync_to_thread=False)
def static_file(request: AnyRequest, assets: GivenAssets, name: FromPath[str]) -> Response[bytes]:
    """A file of the pages."""
    return assets.answer(name, request.headers.get("if-none-match", ""))


def pages(version: str) -> Router:
    """Return the routes of all pages."""
    drawing = Drawing(version=version)
    assets = Assets()
    return Router(
        path="/",
        route_handlers=[
            overview_page,
            integration_page,
            incidents_page,
            incident_page,
            docs_page,
            static_file,
        ],
        dependencies={
            "drawing": Provide(lambda: drawing, sync_to_thread=False),
            "assets": Provide(lambda: assets, sync_to_thread=False),
        },
    )
