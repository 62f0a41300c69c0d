"""PagerDuty's double: incidents that change, maintenance windows that can be taken back, ratelimit headers.

Shapes: PagerDuty's OpenAPI descriptions. Quota: support.pagerduty.com/main/docs/rest-api-rate-limits.
"""

import datetime as dt
from collections.abc import Callable, Mapping

from integrations.execution.outcome import FailureKind
from integrations.simulator.accounts import Account, Quota
from integrations.simulator.messages import Response, json_response
from integrations.simulator.operations import Operation, body_of
from integrations.simulator.vendors.generic import Exchange, GenericVendor, Refusal

_SEEDED = "PT4KHLK"
_WORDS: Mapping[FailureKind, tuple[int, int, str]] = {
    FailureKind.UNAUTHORIZED: (401, 2006, "Authentication failed"),
    FailureKind.FORBIDDEN: (403, 2010, "Access Denied"),
    FailureKind.NOT_FOUND: (404, 2100, "Not Found"),
    FailureKind.CLIENT_ERROR: (400, 2001, "Invalid Input Provided"),
    FailureKind.THROTTLED: (429, 2020, "Rate Limit Exceeded"),
    FailureKind.VENDOR_ERROR: (402, 2012, "Account does not have the abilities to perform the action"),
}


class PagerDuty(GenericVendor):
    """PagerDuty, for a REST key or an integration key."""

    limits: Mapping[str, tuple[int, float]] = {"rest": (960, 60.0)}

    def settle(self, account: Account) -> None:
        """Put an incident and a window where the examples look for them."""
        account.keep("incident", _incident(_SEEDED, {"title": "Line 7 is down"}, "2026-01-01T00:00:00Z"))
        account.keep("maintenance_window", {"id": _SEEDED, "type": "maintenance_window", "services": []})

    def refuse(self, refusal: Refusal) -> Response:
        """Say no with the `error` object of the REST API."""
        status, code, message = _WORDS.get(refusal.kind, (500, 2000, "Internal Server Error"))
        errors = [f"{problem.field} is {problem.reason}" for problem in refusal.problems]
        body = {"error": {"code": code, "message": message, "errors": errors}}
        wait = {"ratelimit-reset": f"{refusal.retry_after:.0f}"} if refusal.retry_after else {}
        return json_response(body, status=refusal.status or status, headers=wait)

    def headers(self, operation: Operation | None, quota: Quota) -> Mapping[str, str]:
        """Return the ratelimit headers; the reset is in seconds from now."""
        if operation is not None and operation.name.startswith("events."):
            return {}
        return {
            "ratelimit-limit": str(quota.limit),
            "ratelimit-remaining": str(quota.remaining),
            "ratelimit-reset": f"{max(quota.reset_at - quota.now, 0.0):.0f}",
        }

    def answer(self, exchange: Exchange) -> Response:
        """Answer in the operation's shape; an operation without one of its own is answered generically."""
        build = _ANSWERS.get(exchange.operation.shape)
        return build(exchange) if build else super().answer(exchange)


def _sent(exchange: Exchange, name: str) -> dict[str, object]:
    body = body_of(exchange.request)
    part = body.get(name) if isinstance(body, dict) else None
    return dict(part) if isinstance(part, dict) else {}


def _abilities(exchange: Exchange) -> Response:
    del exchange
    return json_response({"abilities": ["teams", "urgencies", "sso"]})


def _event(exchange: Exchange) -> Response:
    key = exchange.text("dedup_key") or f"simulated-{exchange.account.number('event')}"
    body = {"status": "success", "message": "Event processed", "dedup_key": key}
    return json_response(body, status=202)


def _incident(name: str, sent: Mapping[str, object], now: str) -> dict[str, object]:
    return {
        "status": "triggered", "urgency": "high", **sent, "id": name, "type": "incident",
        "summary": sent.get("title"), "created_at": now, "updated_at": now, "html_url": f"https://simulated.pagerduty.com/incidents/{name}",
    }  # fmt: skip


def _list_incidents(exchange: Exchange) -> Response:
    wanted = [value for name, value in exchange.request.query if name == "statuses[]"]
    things = [
        one for one in reversed(exchange.account.kept("incident")) if not wanted or one["status"] in wanted
    ]
    return _page(exchange, "incidents", things)


def _create_incident(exchange: Exchange) -> Response:
    sent = _sent(exchange, "incident")
    key = sent.get("incident_key")
    held = exchange.account.kept("incident")
    if key and any(one.get("incident_key") == key and one["status"] != "resolved" for one in held):
        errors = ["Open incident already exists with the same incident key on that service."]
        error = {"code": 2002, "message": "Arguments Caused Error", "errors": errors}
        return json_response({"error": error}, status=400)
    made = _incident(f"Q{exchange.account.number('incident'):06d}", sent, _iso(exchange.now))
    return json_response({"incident": exchange.account.keep("incident", made)}, status=201)


def _wanted(exchange: Exchange, kind: str) -> dict[str, object] | None:
    return next((one for one in exchange.account.kept(kind) if one["id"] == exchange.text("id")), None)


def _got(kind: str) -> Callable[[Exchange], Response]:
    def get(exchange: Exchange) -> Response:
        found = _wanted(exchange, kind)
        return json_response({kind: found}) if found else _nothing()

    return get


def _update_incident(exchange: Exchange) -> Response:
    found = _wanted(exchange, "incident")
    if found is None:
        return _nothing()
    found.update({**_sent(exchange, "incident"), "type": "incident", "updated_at": _iso(exchange.now)})
    return json_response({"incident": found})


def _snooze(exchange: Exchange) -> Response:
    found = _wanted(exchange, "incident")
    return (
        json_response({"incident": {**found, "status": "acknowledged"}}, status=201) if found else _nothing()
    )


def _list_windows(exchange: Exchange) -> Response:
    return _page(exchange, "maintenance_windows", exchange.account.kept("maintenance_window"))


def _create_window(exchange: Exchange) -> Response:
    name = f"W{exchange.account.number('window'):06d}"
    made = exchange.account.keep("maintenance_window", {**_sent(exchange, "maintenance_window"), "id": name})
    return json_response({"maintenance_window": made}, status=201)


def _delete_window(exchange: Exchange) -> Response:
    found = _wanted(exchange, "maintenance_window")
    if found is None:
        return _nothing()
    exchange.account.kept("maintenance_window").remove(found)
    return Response(status=204)


def _nothing() -> Response:
    status, code, message = _WORDS[FailureKind.NOT_FOUND]
    return json_response({"error": {"code": code, "message": message}}, status=status)


def _page(exchange: Exchange, name: str, things: list[dict[str, object]]) -> Response:
    limit, offset = min(exchange.integer("limit", 25), 100), exchange.integer("offset", 0)
    more = offset + limit < len(things)
    body = {
        name: things[offset : offset + limit],
        "limit": limit,
        "offset": offset,
        "more": more,
        "total": None,
    }
    return json_response(body)


def _iso(now: float) -> str:
    return dt.datetime.fromtimestamp(int(now), dt.UTC).isoformat().replace("+00:00", "Z")


_ANSWERS: Mapping[str, Callable[[Exchange], Response]] = {
    "GET /abilities": _abilities,
    "POST /v2/enqueue": _event,
    "POST /v2/change/enqueue": _event,
    "GET /incidents": _list_incidents,
    "POST /incidents": _create_incident,
    "GET /incidents/{}": _got("incident"),
    "PUT /incidents/{}": _update_incident,
    "POST /incidents/{}/snooze": _snooze,
    "GET /maintenance_windows": _list_windows,
    "POST /maintenance_windows": _create_window,
    "GET /maintenance_windows/{}": _got("maintenance_window"),
    "DELETE /maintenance_windows/{}": _delete_window,
}
