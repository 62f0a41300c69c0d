"""Bodies of requests with an example, for the description and its page."""

from litestar.enums import RequestEncodingType
from litestar.openapi.spec import Example
from litestar.params import BodyKwarg


def example(summary: str, **value: object) -> BodyKwarg:
    """Return the marker of a JSON body with one example."""
    return BodyKwarg(media_type=RequestEncodingType.JSON, examples=[Example(summary=summary, value=value)])
