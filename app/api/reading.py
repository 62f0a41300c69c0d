"""Reads what a client sent: a body that is no JSON, or a parameter that nobody knows, is its own fault."""

from collections.abc import Collection
from http import HTTPStatus

from litestar import Request
from litestar.datastructures import State

from app.api.problems import AnyRequest, InvalidValue, ProblemError, invalid
from integrations.manifest.source import nearest

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


def refuse_unknown(request: AnyRequest, known: Collection[str]) -> None:
    """Refuse a query with a parameter that does not exist, which a slip of the pen would otherwise ignore.

    Raises:
        ProblemError: 422, naming the nearest.
    """
    for name in request.query_params:
        if name not in known:
            near = nearest(name, known)
            hint = f"; did you mean {near}?" if near else ""
            raise _refused(
                name, f"There is no parameter {name[:80]!r}{hint}", f"expected one of {', '.join(known)}"
            )


def refuse_repeats(request: AnyRequest, *, allowed: Collection[str] = ()) -> None:
    """Refuse a query that gives a parameter more than once, except those that may be.

    Raises:
        ProblemError: 422, naming it.
    """
    names = [name for name, _ in request.query_params.multi_items() if name not in allowed]
    for name in names:
        if names.count(name) > 1:
            sentence = f"The parameter {name} is given more than once; give it once."
            raise _refused(name, sentence, "given more than once")


def _refused(name: str, sentence: str, message: str) -> ProblemError:
    return invalid(sentence, InvalidValue(message=message, key=name, source="query"))
