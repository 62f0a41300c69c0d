"""The errors that handlers declare to OpenAPI, so that a client knows what to expect."""

from litestar.openapi.datastructures import ResponseSpec

from app.api.problems import MEDIA_TYPE, Problem

_TEXTS = {
    400: "The request is malformed.",
    401: "No known API token was sent.",
    403: "The token lacks the scope, or the request comes from where it may not.",
    404: "There is no such thing; the detail names the nearest.",
    409: "It does not go with how things are; the detail says why.",
    413: "The body is larger than 1 MiB.",
    415: "The body is not JSON.",
    422: "A value is not accepted.",
    429: "The vendor asks for fewer calls; Retry-After says when.",
    502: "The vendor's answer is a failure, or none came.",
    503: "A local limit refused the call, or a part is not available; Retry-After says when.",
    504: "The vendor did not answer in time.",
}


def problems(*statuses: int) -> dict[int, ResponseSpec]:
    """Return the declaration of problem answers with these statuses."""
    return {
        status: ResponseSpec(
            data_container=Problem,
            description=_TEXTS[status],
            media_type=MEDIA_TYPE,
            generate_examples=False,
        )
        for status in statuses
    }


GUARDED = problems(400, 401, 403)
ONE = problems(400, 401, 403, 404)
CHANGING = problems(400, 401, 403, 404, 413, 415, 422)
CALLING = problems(400, 401, 403, 404, 413, 415, 422, 429, 502, 503, 504)
