"""Reads what a client sent as JSON; a body that is none is the client's fault, however odd it is."""

from http import HTTPStatus

from litestar import Request
from litestar.datastructures import State

from app.api.problems import ProblemError

_TOO_DEEP = "The body is nested too deeply."
_NO_UTF8 = "The body holds text that is no UTF-8."


class JSONRequest(Request[object, object, State]):
    """A request whose body may hold anything. Litestar itself answers 500 for text that is no UTF-8 and for
    nesting deeper than the stack.
    """

    async def json(self) -> object:
        """Return the body's value.

        Raises:
            ProblemError: 400, when it cannot be read.
        """
        try:
            return await super().json()
        except (RecursionError, UnicodeDecodeError) as error:
            raise ProblemError(
                "bad-request",
                status=HTTPStatus.BAD_REQUEST,
                title="Bad Request",
                detail=_TOO_DEEP if isinstance(error, RecursionError) else _NO_UTF8,
            ) from error
