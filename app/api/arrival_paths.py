"""What the description says of the places where webhooks arrive, which no handler of the API's answers."""

from litestar import Litestar
from litestar.openapi.spec import (
    OpenAPIHeader,
    OpenAPIMediaType,
    OpenAPIResponse,
    OpenAPIType,
    Operation,
    Parameter,
    PathItem,
    RequestBody,
    Schema,
)

PLACE = "/v2/webhooks/{integration_id}"

_SAID = (
    "For vendors: no API token is needed, the vendor's own proof is, over the raw body. A delivery is stored "
    "before it is answered. Errors have no body. Handshakes of some vendors are GET, HEAD or OPTIONS here."
)

_TEXTS = {
    "200": "A handshake, in the words that the vendor asks for.",
    "202": "Stored, or known already.",
    "204": "A handshake that has no words.",
    "2XX": "Stored, where the vendor wants another answer than 202.",
    "400": "The delivery cannot be read.",
    "401": "The delivery is not proved, or too old.",
    "404": "No webhooks arrive here, or the key is wrong.",
    "405": "The vendor has no such handshake.",
    "408": "The body took over 10 s.",
    "413": "The body is over the vendor's cap.",
    "503": "Our own storage failed, the vendor's keys cannot be fetched, or too much came at once.",
}

_OF_KEYS = {"415": "The key is not of a key's form, so that no webhooks arrive here."}


def describe_arrivals(app: Litestar) -> None:
    """Add the places to the description; an ASGI layer in front of the application answers there."""
    integration = _in_path("integration_id", "The integration's id.")
    key = _in_path("key", "The key of the URL, where the scheme is `key`.", pattern="^[A-Za-z0-9_-]{43}$")
    paths = app.openapi_schema.paths
    if paths is not None:
        paths[PLACE] = _place("receive_webhook", "Take a vendor's webhook", integration)
        paths[PLACE + "/{key}"] = _place(
            "receive_webhook_by_key", "Take a vendor's webhook at a URL with a key", integration, key
        )


def _place(operation_id: str, summary: str, *parameters: Parameter) -> PathItem:
    texts = _TEXTS | (_OF_KEYS if len(parameters) > 1 else {})
    return PathItem(
        post=Operation(
            operation_id=operation_id,
            summary=summary,
            description=_SAID,
            tags=["Webhooks"],
            security=[{}],
            parameters=list(parameters),
            request_body=RequestBody(
                description="The bytes as the vendor sends and signs them.",
                content={"*/*": OpenAPIMediaType()},
            ),
            responses={status: _answer(status, text) for status, text in texts.items()},
        )
    )


def _in_path(name: str, description: str, *, pattern: str | None = None) -> Parameter:
    schema = Schema(type=OpenAPIType.STRING, pattern=pattern)
    return Parameter(name=name, param_in="path", required=True, description=description, schema=schema)


def _answer(status: str, description: str) -> OpenAPIResponse:
    if status != "503":
        return OpenAPIResponse(description=description)
    later = OpenAPIHeader(description="Seconds to wait.", schema=Schema(type=OpenAPIType.INTEGER))
    return OpenAPIResponse(description=description, headers={"Retry-After": later})
