"""/v2/alerts and /v2/routes: the alerts that stand, what keeps them quiet, and where labels would lead."""

from http import HTTPStatus
from typing import Annotated

from litestar import Router, get, post
from litestar.params import QueryParameter

from app.api.access import READ, GivenParts
from app.api.alert_bodies import (
    AlertList,
    RouteEnd,
    RouteReport,
    RouteRequest,
    RouteStep,
    alert_body,
)
from app.api.examples import example
from app.api.matching import matchers_of
from app.api.problems import AnyRequest
from app.api.reading import refuse_repeats, refuse_unknown
from app.api.responses import problems
from app.desks.alerts import SeenAlert
from monitors.alerts.matchers import all_match
from monitors.alerts.routing import Branch
from monitors.alerts.settings import AlertSettings

MatcherFilter = Annotated[
    list[str] | None,
    QueryParameter(
        name="matcher",
        required=False,
        description='Only alerts whose labels meet it, such as `vendor="github"`; may be repeated.',
    ),
]
Labels = Annotated[RouteRequest, example("A critical one", labels={"team": "shop", "severity": "critical"})]
_SEVERITIES = ("critical", "warning", "info")


@get(
    "/v2/alerts",
    operation_id="list_alerts",
    summary="The alerts that stand",
    description="Pending, firing and ending ones. `status` says what keeps one quiet: a silence, an alert or "
    "a root cause that explains it, maintenance, or who works on it.",
    guards=READ,
    responses=problems(400, 401, 403, 422),
    sync_to_thread=False,
)
def list_alerts(request: AnyRequest, *, parts: GivenParts, matcher: MatcherFilter = None) -> AlertList:
    """Alerts that meet all matchers."""
    refuse_unknown(request, ("matcher",))
    refuse_repeats(request, allowed=("matcher",))
    wanted = matchers_of(matcher or (), source="query")
    found = [one for one in parts.alerting.alerts.alerts() if all_match(wanted, one.alert.labels)]
    return AlertList(alerts=tuple(map(alert_body, sorted(found, key=_worst_first))))


@post(
    "/v2/routes/test",
    operation_id="test_route",
    summary="Where an alert with given labels would go",
    description="A dry run: nothing is sent.",
    guards=READ,
    responses=problems(400, 401, 403, 413, 415),
    status_code=HTTPStatus.OK,
    sync_to_thread=False,
)
def try_route(parts: GivenParts, data: Labels) -> RouteReport:
    """The receivers, and every route that was asked."""
    desk = parts.alerting.alerts
    branches, steps = desk.route(data.labels)
    return RouteReport(
        ends=tuple(_end(branch, data.labels, desk.settings) for branch in branches),
        steps=tuple(
            RouteStep(route=one.key, receiver=one.receiver, taken=one.taken, why=one.why) for one in steps
        ),
    )


def _end(branch: Branch, labels: dict[str, str], settings: AlertSettings) -> RouteEnd:
    is_critical = labels.get("severity") == "critical"
    usual = settings.group_wait_critical if is_critical else settings.group_wait
    return RouteEnd(
        route=branch.key,
        receiver=branch.receiver,
        group=branch.group_key(labels),
        group_wait=usual if branch.group_wait is None else branch.group_wait,
        group_interval=branch.group_interval,
        repeat_interval=branch.repeat_interval,
        escalation=branch.escalation,
    )


def _worst_first(seen: SeenAlert) -> tuple[bool, int, float]:
    severity = seen.alert.labels.get("severity", "")
    rank = _SEVERITIES.index(severity) if severity in _SEVERITIES else len(_SEVERITIES)
    return (not seen.fires, rank, seen.alert.starts_at)


router = Router(path="/", tags=["Alerts"], route_handlers=[list_alerts, try_route])
