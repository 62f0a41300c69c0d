"""The header Dialtone-Priority: who goes first of those that must wait."""

from http import HTTPStatus
from typing import Annotated

from litestar.openapi.spec import OpenAPIType
from litestar.params import HeaderParameter

from app.api.problems import InvalidValue, ProblemError
from integrations.execution.fairness import Priority

HEADER = "Dialtone-Priority"
CHOICES = {one.name.lower(): one for one in Priority if one is not Priority.PAGE}
"""What callers may choose; the first priority is kept for the delivery of alerts."""

_NAMES = ", ".join(CHOICES)

PriorityHeader = Annotated[
    str,
    HeaderParameter(
        name=HEADER,
        description=f"How urgent the call is where calls must wait in line: {_NAMES}; without: normal.",
        schema_extra={"type": OpenAPIType.STRING, "enum": list(CHOICES)},
    ),
]


def priority_of(text: str) -> Priority | None:
    """Read the header; None when it was not sent.

    Raises:
        ProblemError: 400, naming the words that are known.
    """
    if not text:
        return None
    if (found := CHOICES.get(text.strip().lower())) is not None:
        return found
    message = f"must be one of {_NAMES}"
    raise ProblemError(
        "bad-request",
        status=HTTPStatus.BAD_REQUEST,
        title="Bad Request",
        detail=f"{HEADER} is {text[:40]!r}; it {message}.",
        errors=(InvalidValue(message=message, key=HEADER, source="header"),),
    )
