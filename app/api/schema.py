"""/v2/analytics/schema: the tables and views that can be asked, column by column."""

import anyio.to_thread
from litestar import Router, get

from app.api.access import READ, GivenParts
from app.api.analytics import analytics_of
from app.api.responses import GUARDED, problems
from exporters.analytics.described import Schema, bundled_schema


@get(
    "/schema",
    operation_id="get_analytics_schema",
    summary="Tables, views and columns",
    description="Every table and view that free SQL can use, with the type and the meaning of each column, "
    "and the functions that Dialtone adds to DuckDB's own.",
    guards=READ,
    responses=GUARDED | problems(503),
)
async def get_schema(parts: GivenParts) -> Schema:
    """What this Dialtone publishes."""
    analytics_of(parts)
    return await anyio.to_thread.run_sync(bundled_schema)


router = Router(path="/v2/analytics", tags=["Analytics"], route_handlers=[get_schema])
