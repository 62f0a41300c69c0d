"""A call's outcome as an HTTP answer: success is 200, a failure a problem with the status that tells it."""

import math
from http import HTTPStatus

from litestar import Response

from app.api.problems import MEDIA_TYPE, Problem, urn
from integrations.execution.outcome import FailureKind, Outcome

_STATUS = {
    FailureKind.REJECTED: HTTPStatus.SERVICE_UNAVAILABLE,
    FailureKind.THROTTLED: HTTPStatus.TOO_MANY_REQUESTS,
    FailureKind.TIMEOUT: HTTPStatus.GATEWAY_TIMEOUT,
}
_DEFAULT_RETRY = 1.0

_TITLES = {
    FailureKind.REJECTED: "Refused by a local limit",
    FailureKind.THROTTLED: "The vendor asks for fewer calls",
    FailureKind.TIMEOUT: "The vendor did not answer in time",
    FailureKind.UNAUTHORIZED: "The vendor refused our credential",
    FailureKind.FORBIDDEN: "The vendor forbids this to our credential",
    FailureKind.CANCELLED: "The call was cancelled",
}


def status_of(kind: FailureKind) -> HTTPStatus:
    """Return the HTTP status that tells a failure."""
    return _STATUS.get(kind, HTTPStatus.BAD_GATEWAY)


def answer(outcome: Outcome, *, instance: str, trace_id: str = "") -> Response[Outcome] | Response[Problem]:
    """Return the HTTP answer for what became of a call; `instance` is the path that was asked for,
    `trace_id` the request's.
    """
    if outcome.kind is None:
        return Response(outcome, status_code=HTTPStatus.OK, headers=source_headers(outcome))
    status = status_of(outcome.kind)
    problem = Problem(
        type=urn(outcome.kind.value.replace("_", "-")),
        title=_TITLES.get(outcome.kind, "The vendor's answer is a failure"),
        status=status,
        detail=outcome.detail or outcome.kind.value.replace("_", " "),
        instance=instance,
        outcome=outcome,
        trace_id=trace_id,
    )
    headers = source_headers(outcome) | _retry_after(outcome, status)
    return Response(problem, status_code=status, media_type=MEDIA_TYPE, headers=headers)


def source_headers(outcome: Outcome) -> dict[str, str]:
    """Where the answer came from; of a stale one its age too (RFC 9111, 5.1)."""
    age = {} if outcome.age is None else {"age": str(round(outcome.age))}
    return {"dialtone-source": outcome.source.value} | age


def _retry_after(outcome: Outcome, status: HTTPStatus) -> dict[str, str]:
    """503 always says when to come back; 429 does when the vendor did."""
    seconds = outcome.retry_after
    if seconds is None and status == HTTPStatus.SERVICE_UNAVAILABLE:
        seconds = _DEFAULT_RETRY
    return {} if seconds is None else {"retry-after": str(max(1, math.ceil(seconds)))}
