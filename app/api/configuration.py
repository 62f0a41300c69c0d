"""/v2/configuration: taking up the configuration file as it is now."""

from http import HTTPStatus
from typing import Annotated

from litestar import Router, post
from litestar.enums import RequestEncodingType
from litestar.openapi.spec import Example
from litestar.params import BodyKwarg

from app.api.access import ADMIN, CallerHeader, GivenParts, caller_of
from app.api.bodies import ReloadRequest
from app.api.problems import AnyRequest, InvalidValue, ProblemError
from app.api.responses import problems
from app.configuration.difference import ReloadError, ReloadReport
from app.settings import SettingsError
from integrations.manifest.source import Problem

ReloadBody = Annotated[
    ReloadRequest,
    BodyKwarg(
        media_type=RequestEncodingType.JSON,
        examples=[Example(summary="Only compare", value={"mode": "dry_run"})],
    ),
]


@post(
    "/reload",
    operation_id="reload_configuration",
    summary="Reload the configuration file",
    description="Reads and checks the file whole, then applies what is different; a file with a problem "
    "changes nothing. The answer names keys, never values; `needs_restart` are keys that wait for the next "
    "start. With mode `dry_run` nothing is applied.",
    guards=ADMIN,
    responses=problems(400, 401, 403, 413, 415, 422, 503),
    status_code=HTTPStatus.OK,
)
async def reload_configuration(
    request: AnyRequest, *, parts: GivenParts, data: ReloadBody, caller: CallerHeader = ""
) -> ReloadReport:
    """Reload, and tell what is different."""
    try:
        return await parts.reloading.reload(actor=caller_of(request, caller), dry_run=data.mode == "dry_run")
    except SettingsError as error:
        raise _refusal(error) from error
    except ReloadError as error:
        raise ProblemError(
            "reload-failed",
            status=HTTPStatus.SERVICE_UNAVAILABLE,
            detail=f"Nothing has changed: {error}. What ran before still runs.",
        ) from error


def _refusal(error: SettingsError) -> ProblemError:
    count = len(error.problems)
    noun = "problem" if count == 1 else "problems"
    return ProblemError(
        "invalid-configuration",
        status=HTTPStatus.UNPROCESSABLE_ENTITY,
        detail=f"The file has {count} {noun}; nothing has changed, what ran before still runs.",
        errors=tuple(map(_invalid_value, error.problems)),
    )


def _invalid_value(problem: Problem) -> InvalidValue:
    what = f"found {problem.found}, expected {problem.expected}" if problem.found else problem.expected
    hint = f"; did you mean {problem.nearest}?" if problem.nearest else ""
    return InvalidValue(
        message=what + hint, key=problem.key, source="configuration", file=problem.file, line=problem.line
    )


router = Router(path="/v2/configuration", tags=["Configuration"], route_handlers=[reload_configuration])
