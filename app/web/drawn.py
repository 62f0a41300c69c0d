"""What every page has: its drawing, its fragment, and how it is sent."""

import gzip
from collections.abc import Callable
from typing import Annotated

import anyio.to_thread
from litestar import MediaType, Response
from litestar.di import Dependency
from litestar.params import QueryParameter, SkipValidationMarker

from app.api.problems import AnyRequest
from app.web.drawing import Drawing

HTML = MediaType.HTML
GZIP_LEVEL = 4

Fragment = Annotated[bool, QueryParameter(name="fragment")]
GivenDrawing = Annotated[Drawing, Dependency(), SkipValidationMarker()]


async def drawn(request: AnyRequest, draw: Callable[[], str]) -> Response[bytes]:
    """Draw, and compress for those who take it, on a thread."""
    compress = "gzip" in request.headers.get("accept-encoding", "")

    def work() -> bytes:
        body = draw().encode()
        return gzip.compress(body, compresslevel=GZIP_LEVEL, mtime=0) if compress else body

    headers = {"vary": "Accept-Encoding"}
    if compress:
        headers["content-encoding"] = "gzip"
    return Response(await anyio.to_thread.run_sync(work), media_type=HTML, headers=headers)
