"""/v2/exporters: where metrics are pushed to, whether they arrive, a trial and a dry run."""

from http import HTTPStatus

import msgspec
from litestar import Router, get, post
from litestar.params import FromPath

from app.api.access import OPERATE, READ, GivenParts
from app.api.problems import ProblemError
from app.api.responses import GUARDED, ONE
from exporters.push.exporter import ExporterStatus
from exporters.push.trials import Preview, Trial
from exporters.pushing import UnknownExporterError


class ExporterList(msgspec.Struct, frozen=True, kw_only=True):
    """All push exporters."""

    exporters: tuple[ExporterStatus, ...]


class PreviewList(msgspec.Struct, frozen=True, kw_only=True):
    """The requests that would be sent."""

    requests: tuple[Preview, ...]


@get(
    "/exporters",
    operation_id="list_exporters",
    summary="Push exporters and how they do",
    description="What waits for each intake, how old it is, and data points that were given up. Events, "
    "traces and logs have exporters of their own, such as `newrelic-events`.",
    guards=READ,
    responses=GUARDED,
    sync_to_thread=False,
)
def list_exporters(parts: GivenParts) -> ExporterList:
    """All that are configured."""
    return ExporterList(exporters=tuple(parts.pushing.status()))


@get(
    "/exporters/{name:str}/preview",
    operation_id="preview_exporter",
    summary="What would be sent to an intake",
    description="Encodes all that the metrics hold now; nothing is sent, and nothing is missing from what is "
    "sent later. Bodies are shown as text, 100,000 characters of each.",
    guards=READ,
    responses=ONE,
)
async def preview_exporter(parts: GivenParts, name: FromPath[str]) -> PreviewList:
    """The requests, without keys."""
    try:
        return PreviewList(requests=tuple(await parts.pushing.preview(name)))
    except UnknownExporterError as error:
        raise _unknown(error) from error


@post(
    "/exporters/{name:str}/test",
    operation_id="test_exporter",
    summary="Send one value to an intake",
    description="At once and past the spool. The answer shows what the intake said, which tells whether the "
    "address and the key are right, and `advice` what to do about it. Datadog is asked about the key first, "
    "and sent nothing if it is refused.",
    guards=OPERATE,
    responses=ONE,
    status_code=HTTPStatus.OK,
)
async def try_exporter(parts: GivenParts, name: FromPath[str]) -> Trial:
    """Send it, and return what came of it."""
    try:
        return await parts.pushing.test(name)
    except UnknownExporterError as error:
        raise _unknown(error) from error


def _unknown(error: UnknownExporterError) -> ProblemError:
    return ProblemError("unknown-exporter", status=HTTPStatus.NOT_FOUND, detail=f"{error}.")


router = Router(path="/v2", tags=["Metrics"], route_handlers=[list_exporters, preview_exporter, try_exporter])
