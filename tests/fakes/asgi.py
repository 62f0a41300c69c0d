"""The application over fake parts."""

from litestar import Litestar

from app import asgi
from app.api.served import RequestSpans
from app.parts import Parts
from tests.untraced import untraced


def create_app(parts: Parts, *, spans: RequestSpans | None = None) -> Litestar:
    """Make it untraced: hundreds of tests do, nearly all of it is Litestar's, and it takes half as long."""
    with untraced():
        return asgi.create_app(parts, spans=spans)
