"""New Relic's double: NerdGraph's documents by what each answers, deployments and dashboards that are kept,
and the intakes.

Shapes are those that New Relic's own client reads; the intakes' answers are those of its pages.
"""

import base64
from collections.abc import Callable, Mapping

from integrations.execution.outcome import FailureKind
from integrations.simulator.accounts import Account
from integrations.simulator.messages import Response, json_response
from integrations.simulator.operations import body_of
from integrations.simulator.vendors.generic import Exchange, GenericVendor, Refusal
from integrations.simulator.vendors.shelf import Shelf, Thing

_APM = "MTIzNDU2N3xBUE18QVBQTElDQVRJT058MQ"
_BOARD = "MTIzNDU2N3xWSVp8REFTSEJPQVJEfDE"
_ACCOUNT = 1_234_567

_INTAKES: Mapping[FailureKind, tuple[int, str]] = {
    FailureKind.CLIENT_ERROR: (400, "invalid"),
    FailureKind.NOT_FOUND: (404, "not_found"),
}
_NERDGRAPH: Mapping[FailureKind, tuple[int, str, str]] = {
    FailureKind.UNAUTHORIZED: (401, "Unauthorized", "BAD_API_KEY"),
    FailureKind.FORBIDDEN: (403, "Access denied", "ACCESS_DENIED"),
    FailureKind.THROTTLED: (429, "Too many requests", "TOO_MANY_REQUESTS"),
    FailureKind.SERVER_ERROR: (503, "Internal server error", "INTERNAL_SERVER_ERROR"),
    FailureKind.VENDOR_ERROR: (200, "simulated", "SIMULATED"),
}


class NewRelic(GenericVendor):
    """New Relic, for one account. It limits requests at once, which a double of single answers cannot."""

    limits: Mapping[str, tuple[int, float]] = {"default": (60_000, 60.0)}

    def settle(self, account: Account) -> None:
        """Put an application and a dashboard there."""
        shelf = Shelf(account, "entities", key="guid")
        shelf.add(_entity(_APM, "shop", domain="APM", kind="APPLICATION"))
        shelf.add(_entity(_BOARD, "The shop", domain="VIZ", kind="DASHBOARD"))

    def refuse(self, refusal: Refusal) -> Response:
        """Say no: NerdGraph with a list of errors, also in a 200, and the intakes with one error."""
        if refusal.kind in _INTAKES:
            status, word = _INTAKES[refusal.kind]
            wrong = ", ".join(f"{one.reason} {one.field}" for one in refusal.problems)
            return json_response({"error": {"type": word, "message": wrong or word}}, status=status)
        status, message, word = _NERDGRAPH[refusal.kind]
        key = "error_code" if refusal.kind is FailureKind.UNAUTHORIZED else "errorClass"
        answer = _errors(message, word, key=key, status=refusal.status or status)
        if refusal.kind is not FailureKind.THROTTLED:
            return answer
        return answer.with_headers({"retry-after": f"{refusal.retry_after:.0f}"})

    def answer(self, exchange: Exchange) -> Response:
        """Answer what the document asks for; an intake takes all that has the right form."""
        build = _ANSWERS.get(exchange.operation.name)
        return build(exchange) if build else super().answer(exchange)


def _errors(message: str, word: str, *, key: str = "errorClass", status: int = 200) -> Response:
    return json_response(
        {"data": None, "errors": [{"message": message, "extensions": {key: word}}]}, status=status
    )


def _data(*way: str, value: object) -> Response:
    """Return an answer with a value below `data`."""
    for name in reversed(way):
        value = {name: value}
    return json_response({"data": value})


def _variables(exchange: Exchange) -> Thing:
    body = body_of(exchange.request)
    variables = body.get("variables") if isinstance(body, dict) else None
    return dict(variables) if isinstance(variables, dict) else {}


def _within(exchange: Exchange, name: str) -> Thing:
    value = _variables(exchange).get(name)
    return dict(value) if isinstance(value, dict) else {}


def _entities(exchange: Exchange) -> Shelf:
    return Shelf(exchange.account, "entities", key="guid")


def _entity(guid: str, name: str, *, domain: str, kind: str) -> Thing:
    return {
        "guid": guid,
        "name": name,
        "domain": domain,
        "type": kind,
        "entityType": f"{domain}_{kind}_ENTITY",
        "accountId": _ACCOUNT,
        "alertSeverity": "NOT_ALERTING",
        "reporting": True,
        "permalink": f"https://one.newrelic.com/redirect/entity/{guid}",
        "tags": [{"key": "env", "values": ["prod"]}],
    }


def _user(exchange: Exchange) -> Response:
    del exchange
    return _data("actor", "user", value={"id": 1005, "name": "Mona", "email": "mona@example.com"})


def _nrql(exchange: Exchange) -> Response:
    query = str(_variables(exchange).get("query", ""))
    if "select" not in query.lower():
        return _errors("NRQL Syntax Error: no SELECT was found", "BAD_REQUEST")
    window = {"begin": 0, "end": int(exchange.now * 1_000), "since": "1 HOUR AGO", "until": "NOW"}
    told = {"results": [{"count": 42}], "metadata": {"eventTypes": ["Transaction"], "timeWindow": window}}
    nothing = dict.fromkeys(
        ("totalResult", "otherResult", "currentResults", "previousResults", "queryProgress")
    )
    return _data("actor", "account", "nrql", value={**nothing, **told})


def _search(exchange: Exchange) -> Response:
    """Answer one entity a page, so that a second one is there to be asked for."""
    found = _entities(exchange).all
    start = int(str(_variables(exchange).get("cursor") or 0)) if "cursor" in _variables(exchange) else 0
    cursor = str(start + 1) if start + 1 < len(found) else None
    results = {"entities": found[start : start + 1], "nextCursor": cursor}
    return _data("actor", "entitySearch", value={"count": len(found), "results": results})


def _find(exchange: Exchange) -> Response:
    wanted = _within(exchange, "queryBuilder")
    asked = {key: wanted[key] for key in ("name", "domain", "type") if key in wanted}
    found = [one for one in _entities(exchange).all if asked.items() <= one.items()]
    results = {"entities": found, "nextCursor": None}
    return _data("actor", "entitySearch", value={"count": len(found), "query": "", "results": results})


def _get(exchange: Exchange) -> Response:
    guids = _variables(exchange).get("guids")
    wanted = guids if isinstance(guids, list) else []
    return _data("actor", "entities", value=[one for one in map(_entities(exchange).find, wanted) if one])


def _deployments(exchange: Exchange) -> Response:
    guid = _variables(exchange).get("guid")
    made = [one for one in Shelf(exchange.account, "deployments").all if one["entityGuid"] == guid]
    return _data("actor", "entity", value={"deploymentSearch": {"results": made}})


def _deploy(exchange: Exchange) -> Response:
    shelf = Shelf(exchange.account, "deployments")
    made: Thing = {"timestamp": int(exchange.now * 1_000), "deepLink": None, "groupId": None}
    made |= {**_within(exchange, "deployment"), "deploymentId": f"deployment-{shelf.number()}"}
    return _data("changeTrackingCreateDeployment", value=shelf.add(made))


def _change_tags(field: str) -> Callable[[Exchange], Response]:
    def answer(exchange: Exchange) -> Response:
        known = _entities(exchange).find(_variables(exchange).get("guid"))
        missing = {"type": "NOT_FOUND", "message": "no such entity"}
        return _data(field, value={"errors": [] if known else [missing]})

    return answer


def _create_dashboard(exchange: Exchange) -> Response:
    shelf = _entities(exchange)
    plain = f"{_ACCOUNT}|VIZ|DASHBOARD|{shelf.number() + 1}"
    guid = base64.b64encode(plain.encode()).decode().rstrip("=")
    name = str(_within(exchange, "dashboard").get("name", ""))
    made = shelf.add(_entity(guid, name, domain="VIZ", kind="DASHBOARD"))
    told = {"guid": made["guid"], "name": name, "accountId": _ACCOUNT, "createdAt": "2026-01-01T00:00:00Z"}
    return _data("dashboardCreate", value={"entityResult": told, "errors": None})


def _delete_dashboard(exchange: Exchange) -> Response:
    is_gone = _entities(exchange).remove(_variables(exchange).get("guid"))
    missing = {"type": "DASHBOARD_NOT_FOUND", "description": "no such dashboard"}
    status = "SUCCESS" if is_gone else None
    return _data("dashboardDelete", value={"status": status, "errors": None if is_gone else [missing]})


def _listed(*way: str) -> Callable[[Exchange], Response]:
    def answer(exchange: Exchange) -> Response:
        del exchange
        one = {"id": "1", "name": "on-call", "type": "WEBHOOK", "issueId": "1", "title": ["simulated"]}
        name = way[-1]
        return _data(*way[:-1], value={name: [one], "nextCursor": None, "totalCount": 1})

    return answer


def _taken(exchange: Exchange) -> Response:
    number = exchange.account.number("batch")
    return json_response({"requestId": f"00000000-0000-0000-0000-{number:012d}"}, status=202)


_ANSWERS: Mapping[str, Callable[[Exchange], Response]] = {
    "user.get": _user,
    "nrql.query": _nrql,
    "entities.search": _search,
    "entities.find": _find,
    "entities.get": _get,
    "tags.add": _change_tags("taggingAddTagsToEntity"),
    "tags.delete": _change_tags("taggingDeleteTagFromEntity"),
    "deployments.list": _deployments,
    "deployments.create": _deploy,
    "issues.list": _listed("actor", "account", "aiIssues", "issues", "issues"),
    "workflows.list": _listed("actor", "account", "aiWorkflows", "workflows", "entities"),
    "destinations.list": _listed("actor", "account", "aiNotifications", "destinations", "entities"),
    "dashboards.create": _create_dashboard,
    "dashboards.delete": _delete_dashboard,
    "metrics.check": _taken,
    "metrics.submit": _taken,
    "logs.submit": _taken,
    "events.submit": lambda _: json_response({"success": True, "uuid": "simulated"}),
}
