"""The whole description of the API: what Litestar knows of it, and what it leaves out."""

from typing import Any

import msgspec
from litestar import Litestar, Request
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components

from app.api import sql
from app.api.arrival_paths import describe_arrivals
from app.api.beat_paths import describe_beats
from app.api.openapi import close_requests


def described(app: Litestar) -> bytes:
    """Return the description as an OpenAPI document in JSON. It is made once, when it is first asked for:
    that takes longer than all the rest of an application's making.
    """
    if "description" not in app.state:
        close_requests(app)
        sql.describe_formats(app)
        describe_arrivals(app)
        describe_beats(app)
        app.state["description"] = msgspec.json.encode(app.openapi_schema.to_schema())
        _let_go(app)
    made: bytes = app.state["description"]
    return made


def _let_go(app: Litestar) -> None:
    """Empty what the description was made from, 4 MiB that nobody reads again."""
    app.openapi_schema.paths = {}
    app.openapi_schema.components = Components()


class WholeDescription(JsonRenderPlugin):
    """Answers with the whole description in place of the one that Litestar made."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:  # noqa: ARG002 - Litestar's signature
        """Return it as JSON."""
        return described(request.app)
