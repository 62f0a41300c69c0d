"""OPTIONS for paths with several methods, which Litestar answers with those of the first handler only."""

from http import HTTPStatus

from litestar import Response, route
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler


def telling_methods(path: str, *methods: str) -> HTTPRouteHandler:
    """Return a handler that says what a path takes."""
    allowed = ", ".join(sorted((*methods, "OPTIONS")))

    @route(path, http_method=[HttpMethod.OPTIONS], include_in_schema=False, sync_to_thread=False)
    def tell() -> Response[None]:
        """Name the methods."""
        return Response(None, status_code=HTTPStatus.NO_CONTENT, headers={"allow": allowed})

    return tell
