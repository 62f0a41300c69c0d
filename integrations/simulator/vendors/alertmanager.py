"""Alertmanager's double: alerts and silences that can be read back, errors as a JSON text or an object.

Shapes: Alertmanager's API v2 description. What a real one (0.25) answers was seen in tests/real.
"""

import datetime as dt
import hashlib
from collections.abc import Callable, Mapping

from integrations.execution.outcome import FailureKind
from integrations.simulator.accounts import Account
from integrations.simulator.messages import Request, Response, json_response, text_response
from integrations.simulator.operations import body_of
from integrations.simulator.vendors.generic import Exchange, GenericVendor, Refusal

_SEEDED = "01a80ab5-83ad-4dbf-92e6-b56b5f3dfd8b"
_RECEIVER = {"name": "dialtone"}
_LONG_AGO = "2026-01-01T00:00:00.000Z"
_STATUS = {
    FailureKind.UNAUTHORIZED: 401, FailureKind.FORBIDDEN: 403, FailureKind.NOT_FOUND: 404,
    FailureKind.CLIENT_ERROR: 400, FailureKind.THROTTLED: 429, FailureKind.VENDOR_ERROR: 500,
}  # fmt: skip


class Alertmanager(GenericVendor):
    """An Alertmanager with one receiver. It throttles nobody by itself."""

    def settle(self, account: Account) -> None:
        """Put a silence where the examples look for one."""
        account.keep("silence", _silence(_SEEDED, {"matchers": [], "comment": "seeded"}, _LONG_AGO))

    def refuse(self, refusal: Refusal) -> Response:
        """Say no: what its validator refuses with `code` and `message`, all else with a text in quotes."""
        status = refusal.status or _STATUS.get(refusal.kind, 500)
        if refusal.problems:
            first = refusal.problems[0]
            return json_response({"code": 602, "message": f"{first.field} in body is required"}, status=422)
        if refusal.kind in (FailureKind.UNAUTHORIZED, FailureKind.FORBIDDEN):
            return text_response(refusal.kind.value, status=status)
        wait = {"retry-after": f"{refusal.retry_after:.0f}"} if refusal.retry_after else {}
        return json_response(refusal.code or refusal.kind.value, status=status, headers=wait)

    def unknown(self, request: Request) -> Response:
        """Refuse a path or method that it does not have."""
        body = {"code": 404, "message": f"path {request.path} was not found"}
        return json_response(body, status=404)

    def answer(self, exchange: Exchange) -> Response:
        """Answer a good request."""
        return _ANSWERS[exchange.operation.shape](exchange)


def _status(exchange: Exchange) -> Response:
    version = dict.fromkeys(("revision", "branch", "buildUser", "buildDate", "goVersion"), "simulated")
    body = {
        "cluster": {"name": "simulated", "status": "ready", "peers": []},
        "versionInfo": {"version": "0.25.0", **version},
        "config": {"original": "route: {receiver: dialtone}\n"},
        "uptime": _LONG_AGO,
    }
    del exchange
    return json_response(body)


def _receivers(exchange: Exchange) -> Response:
    del exchange
    return json_response([_RECEIVER])


def _post_alerts(exchange: Exchange) -> Response:
    body = body_of(exchange.request)
    for sent in body if isinstance(body, list) else ():
        labels = sent.get("labels") if isinstance(sent, dict) else None
        if not isinstance(labels, dict) or not labels:
            return json_response("at least one label pair required", status=400)
        _keep_alert(exchange, {**sent, "labels": labels})
    return Response(status=200)


def _keep_alert(exchange: Exchange, sent: dict[str, object]) -> None:
    now = _iso(exchange.now)
    labels = sent["labels"]
    fingerprint = hashlib.sha256(repr(sorted(labels.items())).encode()).hexdigest()[:16]  # type: ignore[attr-defined]  # labels are a mapping
    alerts = exchange.account.kept("alert")
    alerts[:] = [alert for alert in alerts if alert["fingerprint"] != fingerprint]
    exchange.account.keep(
        "alert",
        {
            "annotations": {}, "startsAt": now, "endsAt": _iso(exchange.now + 300), **sent,
            "fingerprint": fingerprint, "updatedAt": now, "receivers": [_RECEIVER],
            "status": {"state": "active", "silencedBy": [], "inhibitedBy": []},
        },
    )  # fmt: skip


def _alerts(exchange: Exchange) -> list[dict[str, object]]:
    """The alerts that are not resolved, in the state that the silences put them in."""
    now = _iso(exchange.now)
    silences = [one for one in exchange.account.kept("silence") if _state(one, now) == "active"]
    alerts = [alert for alert in exchange.account.kept("alert") if str(alert["endsAt"]) > now]
    return [_silenced(alert, silences) for alert in alerts]


def _silenced(alert: dict[str, object], silences: list[dict[str, object]]) -> dict[str, object]:
    by = [silence["id"] for silence in silences if _matches(silence, alert)]
    state = "suppressed" if by else "active"
    return {**alert, "status": {"state": state, "silencedBy": by, "inhibitedBy": []}}


def _matches(silence: dict[str, object], alert: dict[str, object]) -> bool:
    matchers, labels = silence["matchers"], alert["labels"]
    if not isinstance(matchers, list) or not isinstance(labels, dict) or not matchers:
        return False
    return all(labels.get(one["name"]) == one["value"] for one in matchers)


def _list_alerts(exchange: Exchange) -> Response:
    return json_response(_alerts(exchange))


def _groups(exchange: Exchange) -> Response:
    group = {"labels": {}, "routeLabels": {}, "receiver": _RECEIVER, "alerts": _alerts(exchange)}
    return json_response([group])


def _post_silence(exchange: Exchange) -> Response:
    body = body_of(exchange.request)
    sent = dict(body) if isinstance(body, dict) else {}
    old = str(sent.pop("id", "") or "")
    silences = exchange.account.kept("silence")
    if old and all(one["id"] != old for one in silences):
        return json_response(f"silence {old} not found", status=404)
    silences[:] = [one for one in silences if one["id"] != old]
    number = exchange.account.number("silence")
    made = _silence(old or f"00000000-0000-4000-8000-{number:012d}", sent, _iso(exchange.now))
    return json_response({"silenceID": exchange.account.keep("silence", made)["id"]})


def _silence(name: str, sent: Mapping[str, object], now: str) -> dict[str, object]:
    given = {"startsAt": now, "endsAt": "2099-01-01T00:00:00.000Z", "createdBy": "simulated", **sent}
    return {"id": name, "updatedAt": now, "annotations": {}, **given}


def _state(silence: Mapping[str, object], now: str) -> str:
    if str(silence["endsAt"]) <= now:
        return "expired"
    return "pending" if str(silence["startsAt"]) > now else "active"


def _shown(silence: dict[str, object], now: str) -> dict[str, object]:
    return {**silence, "status": {"state": _state(silence, now)}}


def _silences(exchange: Exchange) -> Response:
    now = _iso(exchange.now)
    return json_response([_shown(one, now) for one in exchange.account.kept("silence")])


def _wanted(exchange: Exchange) -> dict[str, object] | None:
    wanted = next(iter(exchange.operation.path_values.values()))
    return next((one for one in exchange.account.kept("silence") if one["id"] == wanted), None)


def _get_silence(exchange: Exchange) -> Response:
    found = _wanted(exchange)
    return json_response(_shown(found, _iso(exchange.now))) if found else Response(status=404)


def _end_silence(exchange: Exchange) -> Response:
    found = _wanted(exchange)
    if found is None:
        return json_response("silence not found", status=500)
    found["endsAt"] = _iso(exchange.now)
    return Response(status=200)


def _iso(now: float) -> str:
    return dt.datetime.fromtimestamp(now, dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


_ANSWERS: Mapping[str, Callable[[Exchange], Response]] = {
    "GET /api/v2/status": _status,
    "GET /api/v2/receivers": _receivers,
    "GET /api/v2/alerts": _list_alerts,
    "POST /api/v2/alerts": _post_alerts,
    "GET /api/v2/alerts/groups": _groups,
    "GET /api/v2/silences": _silences,
    "POST /api/v2/silences": _post_silence,
    "GET /api/v2/silence/{}": _get_silence,
    "DELETE /api/v2/silence/{}": _end_silence,
}
