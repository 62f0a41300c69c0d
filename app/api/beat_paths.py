"""What the description says of the places where heartbeats arrive, which no handler of the API's answers."""

from litestar import Litestar
from litestar.openapi.spec import (
    OpenAPIHeader,
    OpenAPIMediaType,
    OpenAPIResponse,
    OpenAPIType,
    Operation,
    Parameter,
    PathItem,
    Reference,
    RequestBody,
    Schema,
)

PLACE = "/v2/heartbeats/{heartbeat_id}/{key}"

_SAID = (
    "For jobs: no API token is needed, the key in the URL is the proof. GET, HEAD and PUT do the same. What "
    "comes as body (100 KiB at most) is kept with the heartbeat, its first 1,024 characters."
)
_TEXTS = {
    "200": "Taken.",
    "400": "The exit status, the query or `rid` cannot be read.",
    "404": "There is no such heartbeat, or the key is wrong.",
    "405": "Use GET, HEAD, POST or PUT.",
    "408": "The body took over 10 s.",
    "413": "The body is over 100 KiB.",
    "415": "The key is not of a key's form.",
    "503": "Too many at once; come again.",
}
_EVENTS = (
    ("", "report_success", "Report a success"),
    ("/start", "report_start", "Report that a run begins"),
    ("/fail", "report_failure", "Report a failure"),
    ("/log", "report_text", "Keep a text; it changes nothing"),
    ("/{exit_status}", "report_exit_status", "Report an exit status: 0 is a success"),
)


def describe_beats(app: Litestar) -> None:
    """Add the places to the description; an ASGI layer in front of the application answers there."""
    paths = app.openapi_schema.paths
    if paths is not None:
        for suffix, operation_id, summary in _EVENTS:
            paths[PLACE + suffix] = _place(operation_id, summary, has_status="{" in suffix)


def _place(operation_id: str, summary: str, *, has_status: bool) -> PathItem:
    name = Schema(type=OpenAPIType.STRING, pattern="^[a-z0-9][a-z0-9-]{0,62}$")
    key = Schema(type=OpenAPIType.STRING, pattern="^[A-Za-z0-9_-]{43}$")
    status = Schema(type=OpenAPIType.INTEGER, minimum=0, maximum=255)
    run = Schema(type=OpenAPIType.STRING, pattern="^[A-Za-z0-9_-]{1,64}$")
    parameters: list[Parameter | Reference] = [
        Parameter(
            name="heartbeat_id",
            param_in="path",
            required=True,
            schema=name,
            description="The heartbeat's id.",
        ),
        Parameter(name="key", param_in="path", required=True, schema=key, description="The key of its URL."),
        Parameter(
            name="rid",
            param_in="query",
            required=False,
            schema=run,
            description="Tells runs that overlap apart.",
        ),
    ]
    if has_status:
        parameters.append(
            Parameter(
                name="exit_status", param_in="path", required=True, schema=status, description="Of the job."
            )
        )
    return PathItem(
        post=Operation(
            operation_id=operation_id,
            summary=summary,
            description=_SAID,
            tags=["Heartbeats"],
            security=[{}],
            parameters=parameters,
            request_body=RequestBody(description="Any text.", content={"*/*": OpenAPIMediaType()}),
            responses={code: _answer(code, said) for code, said in _TEXTS.items()},
        )
    )


def _answer(status: str, description: str) -> OpenAPIResponse:
    """Texts of one line; where the key is not of a key's form the answer is the API's, a problem."""
    headers: dict[str, OpenAPIHeader | Reference] = {}
    if status == "405":
        headers["Allow"] = OpenAPIHeader(description="The methods.", schema=Schema(type=OpenAPIType.STRING))
    if status == "503":
        headers["Retry-After"] = OpenAPIHeader(
            description="Seconds to wait.", schema=Schema(type=OpenAPIType.INTEGER)
        )
    return OpenAPIResponse(description=description, headers=headers or None)
