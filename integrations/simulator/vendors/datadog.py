"""Datadog's double: keys and metrics, and monitors, dashboards, downtimes and events that are kept.

Shapes are those of its OpenAPI descriptions; limits: docs.datadoghq.com/api/latest/rate-limits.
What a refused key is told was seen in issues of Datadog's own clients.
"""

from collections.abc import Callable, Mapping

from integrations.execution.outcome import FailureKind
from integrations.simulator.accounts import Account, Quota
from integrations.simulator.messages import Response, json_response
from integrations.simulator.operations import Operation, body_of
from integrations.simulator.vendors.generic import Exchange, GenericVendor, Refusal
from integrations.simulator.vendors.shelf import Shelf, Thing

_ERRORS: Mapping[FailureKind, tuple[int, tuple[str, ...]]] = {
    FailureKind.UNAUTHORIZED: (403, ("Forbidden",)),
    FailureKind.FORBIDDEN: (403, ("Forbidden", "Failed permission authorization checks")),
    FailureKind.NOT_FOUND: (404, ("Not Found",)),
    FailureKind.THROTTLED: (429, ("Too many requests",)),
    FailureKind.SERVER_ERROR: (500, ("Internal server error",)),
}
_DOWNTIME = "00000000-0000-1234-0000-000000000000"


class Datadog(GenericVendor):
    """Datadog, for one organisation: 1,000 requests an hour."""

    limits: Mapping[str, tuple[int, float]] = {"default": (1_000, 3_600.0)}

    def settle(self, account: Account) -> None:
        """Put a monitor, a dashboard, a downtime and an event there."""
        Shelf(account, "monitors").add(_monitor(666, {"query": "avg(last_5m):avg:system.cpu.user{*} > 90"}))
        Shelf(account, "dashboards").add(_dashboard("abc-def-ghi", {"title": "The shop"}))
        Shelf(account, "downtimes").add(_downtime(_DOWNTIME, {"scope": "env:prod"}))
        Shelf(account, "events").add({"id": 5, "id_str": "5", "title": "Deployed", "text": "", "tags": []})

    def headers(self, operation: Operation | None, quota: Quota) -> Mapping[str, str]:
        """Return the limit of the endpoint; the reset is in seconds from now."""
        bucket = operation.action.bucket if operation is not None else ""
        if not bucket:
            return {}
        return {
            "x-ratelimit-limit": str(quota.limit),
            "x-ratelimit-period": f"{quota.window:.0f}",
            "x-ratelimit-remaining": str(quota.remaining),
            "x-ratelimit-reset": f"{quota.window / 2:.0f}",
            "x-ratelimit-name": bucket,
        }

    def refuse(self, refusal: Refusal) -> Response:
        """Say no with a list of errors; a wrong key is told no more than `Forbidden`."""
        if refusal.kind is FailureKind.VENDOR_ERROR:
            return json_response({"status": "error", "error": refusal.code or "simulated"})
        if refusal.kind is FailureKind.CLIENT_ERROR:
            wrong = [f"{one.reason} field: {one.field}" for one in refusal.problems]
            return json_response({"errors": wrong or [refusal.code or "Bad Request"]}, status=400)
        status, errors = _ERRORS[refusal.kind]
        is_throttled = refusal.kind is FailureKind.THROTTLED
        headers = {"x-ratelimit-reset": f"{refusal.retry_after:.0f}"} if is_throttled else {}
        return json_response({"errors": list(errors)}, status=refusal.status or status, headers=headers)

    def answer(self, exchange: Exchange) -> Response:
        """Answer in the operation's shape; an operation without one of its own is answered generically."""
        build = _ANSWERS.get(exchange.operation.shape)
        return build(exchange) if build else super().answer(exchange)


def _missing() -> Response:
    return json_response({"errors": ["Not Found"]}, status=404)


def _found(thing: object) -> Response:
    return json_response(thing) if thing else _missing()


def _given(exchange: Exchange) -> Thing:
    body = body_of(exchange.request)
    return dict(body) if isinstance(body, dict) else {}


def _id(exchange: Exchange) -> str:
    return next(iter(exchange.operation.path_values.values()), "")


def _shelf(exchange: Exchange, kind: str) -> Shelf:
    return Shelf(exchange.account, kind)


def _monitor(number: int, given: Mapping[str, object]) -> Thing:
    plain = {
        "name": "CPU is high",
        "type": "query alert",
        "query": "",
        "message": "",
        "tags": [],
        "options": {},
    }
    return {**plain, "overall_state": "OK", "multi": False, **given, "id": number}


def _monitors(exchange: Exchange) -> Response:
    size, name = exchange.integer("page_size", 100), exchange.text("name")
    start = exchange.integer("page", 0) * size
    return json_response(
        _shelf(exchange, "monitors").page(start, size, fits=lambda one: name in str(one["name"]))
    )


def _search_monitors(exchange: Exchange) -> Response:
    found = _shelf(exchange, "monitors").all
    pages = {
        "page": 0,
        "page_count": 1,
        "per_page": exchange.integer("per_page", 30),
        "total_count": len(found),
    }
    return json_response({"counts": {"status": [], "type": []}, "metadata": pages, "monitors": found})


def _create_monitor(exchange: Exchange) -> Response:
    shelf = _shelf(exchange, "monitors")
    return json_response(shelf.add(_monitor(1_000 + shelf.number(), _given(exchange))))


def _change_monitor(exchange: Exchange) -> Response:
    return _found(_shelf(exchange, "monitors").change(_id(exchange), _given(exchange)))


def _delete_monitor(exchange: Exchange) -> Response:
    is_gone = _shelf(exchange, "monitors").remove(_id(exchange))
    return json_response({"deleted_monitor_id": int(_id(exchange))}) if is_gone else _missing()


def _dashboard(name: str, given: Mapping[str, object]) -> Thing:
    plain: Thing = {"title": "", "layout_type": "ordered", "widgets": [], "description": ""}
    return {
        **plain,
        **given,
        "id": name,
        "url": f"/dashboard/{name}",
        "author_handle": "dialtone@example.com",
    }


def _dashboards(exchange: Exchange) -> Response:
    start, size = exchange.integer("start", 0), exchange.integer("count", 100)
    return json_response({"dashboards": _shelf(exchange, "dashboards").page(start, size)})


def _create_dashboard(exchange: Exchange) -> Response:
    shelf = _shelf(exchange, "dashboards")
    return json_response(shelf.add(_dashboard(f"sim-ula-{shelf.number():03d}", _given(exchange))))


def _change_dashboard(exchange: Exchange) -> Response:
    return _found(_shelf(exchange, "dashboards").change(_id(exchange), _given(exchange)))


def _delete_dashboard(exchange: Exchange) -> Response:
    is_gone = _shelf(exchange, "dashboards").remove(_id(exchange))
    return json_response({"deleted_dashboard_id": _id(exchange)}) if is_gone else _missing()


def _downtime(name: str, attributes: Mapping[str, object]) -> Thing:
    plain = {"scope": "", "message": "", "status": "active"}
    return {"id": name, "type": "downtime", "attributes": {**plain, **attributes}}


def _attributes(exchange: Exchange) -> Thing:
    data = _given(exchange).get("data")
    given = data.get("attributes") if isinstance(data, dict) else None
    return dict(given) if isinstance(given, dict) else {}


def _downtimes(exchange: Exchange) -> Response:
    start, size = exchange.integer("page[offset]", 0), exchange.integer("page[limit]", 30)
    return json_response({"data": _shelf(exchange, "downtimes").page(start, size)})


def _create_downtime(exchange: Exchange) -> Response:
    shelf = _shelf(exchange, "downtimes")
    name = f"00000000-0000-0000-0000-{shelf.number():012d}"
    return json_response({"data": shelf.add(_downtime(name, _attributes(exchange)))})


def _get_downtime(exchange: Exchange) -> Response:
    found = _shelf(exchange, "downtimes").find(_id(exchange))
    return _found(found and {"data": found})


def _change_downtime(exchange: Exchange) -> Response:
    found = _shelf(exchange, "downtimes").find(_id(exchange))
    before = found.get("attributes") if found else None
    if isinstance(before, dict):
        before.update(_attributes(exchange))
    return _found(found and {"data": found})


def _cancel_downtime(exchange: Exchange) -> Response:
    return Response(status=204) if _shelf(exchange, "downtimes").remove(_id(exchange)) else _missing()


def _create_event(exchange: Exchange) -> Response:
    shelf = _shelf(exchange, "events")
    number = 1_000 + shelf.number()
    event = {"tags": [], "priority": "normal", **_given(exchange), "id": number, "id_str": str(number)}
    return json_response({"status": "ok", "event": shelf.add(event)}, status=202)


def _get_event(exchange: Exchange) -> Response:
    found = _shelf(exchange, "events").find(_id(exchange))
    return _found(found and {"event": found})


def _query(exchange: Exchange) -> Response:
    begin, end = exchange.integer("from", 0) * 1_000, exchange.integer("to", 0) * 1_000
    if end < begin:
        return json_response({"errors": ["to is before from"]}, status=400)
    points = [[float(begin), 12.5], [float(end), 13.5]]
    query = exchange.text("query")
    series = {"metric": query.partition(":")[2].partition("{")[0], "pointlist": points, "scope": "*"}
    told: Thing = {"query": query, "from_date": begin, "to_date": end, "res_type": "time_series"}
    return json_response({"status": "ok", **told, "series": [series], "group_by": [], "message": ""})


_ANSWERS: Mapping[str, Callable[[Exchange], Response]] = {
    "GET /api/v1/validate": lambda _: json_response({"valid": True}),
    "GET /api/v2/validate_keys": lambda _: json_response({"status": "ok"}),
    "GET /api/v1/query": _query,
    "POST /api/v1/check_run": lambda _: json_response({"status": "ok"}, status=202),
    "POST /api/v2/series": lambda _: json_response({"errors": []}, status=202),
    "POST /api/v2/logs": lambda _: json_response({}, status=202),
    "POST /api/v1/events": _create_event,
    "GET /api/v1/events/{}": _get_event,
    "GET /api/v1/monitor": _monitors,
    "GET /api/v1/monitor/search": _search_monitors,
    "GET /api/v1/monitor/{}": lambda one: _found(_shelf(one, "monitors").find(_id(one))),
    "POST /api/v1/monitor/validate": lambda _: json_response({}),
    "POST /api/v1/monitor": _create_monitor,
    "PUT /api/v1/monitor/{}": _change_monitor,
    "DELETE /api/v1/monitor/{}": _delete_monitor,
    "GET /api/v1/dashboard": _dashboards,
    "GET /api/v1/dashboard/{}": lambda one: _found(_shelf(one, "dashboards").find(_id(one))),
    "POST /api/v1/dashboard": _create_dashboard,
    "PUT /api/v1/dashboard/{}": _change_dashboard,
    "DELETE /api/v1/dashboard/{}": _delete_dashboard,
    "GET /api/v2/downtime": _downtimes,
    "GET /api/v2/downtime/{}": _get_downtime,
    "POST /api/v2/downtime": _create_downtime,
    "PATCH /api/v2/downtime/{}": _change_downtime,
    "DELETE /api/v2/downtime/{}": _cancel_downtime,
}
