"""Grafana's double: dashboards, folders, annotations and alert rules that are kept, and two data sources.

Shapes are those of the models of Grafana Labs' own client.
"""

from collections.abc import Callable, Mapping

from integrations.execution.outcome import FailureKind
from integrations.simulator.accounts import Account
from integrations.simulator.messages import Response, json_response
from integrations.simulator.operations import body_of
from integrations.simulator.vendors.generic import Exchange, GenericVendor, Refusal
from integrations.simulator.vendors.shelf import Shelf, Thing

_MESSAGES: Mapping[FailureKind, tuple[int, str]] = {
    FailureKind.UNAUTHORIZED: (401, "Invalid username or password"),
    FailureKind.FORBIDDEN: (403, "You'll need additional permissions to perform this action."),
    FailureKind.NOT_FOUND: (404, "Not found"),
    FailureKind.THROTTLED: (429, "too many requests"),
    FailureKind.SERVER_ERROR: (500, "Internal Server Error"),
    FailureKind.CLIENT_ERROR: (400, "bad request data"),
}
_SOURCES: tuple[Thing, ...] = (
    {"id": 1, "uid": "P1809F7CD0C75ACF3", "name": "Prometheus", "type": "prometheus", "isDefault": True},
    {"id": 2, "uid": "loki", "name": "Loki", "type": "loki", "isDefault": False},
)


class Grafana(GenericVendor):
    """A Grafana of one organisation; it limits nothing that a test would reach."""

    limits: Mapping[str, tuple[int, float]] = {"default": (60_000, 60.0)}

    def settle(self, account: Account) -> None:
        """Put one of each there."""
        dashboard = {"uid": "cIBgcSjkk", "title": "The shop", "panels": []}
        Shelf(account, "dashboards", key="uid").add({**dashboard, "id": 1, "version": 1})
        Shelf(account, "folders", key="uid").add({"uid": "nErXDvCkzz", "id": 1, "title": "Shop"})
        Shelf(account, "annotations").add(_annotation(42, {"text": "Deployed", "tags": ["deploy"]}))
        Shelf(account, "rules", key="uid").add({"uid": "aeiou-rule", "id": 1, "title": "Orders fail"})

    def refuse(self, refusal: Refusal) -> Response:
        """Say no with a message and its id."""
        if refusal.kind is FailureKind.VENDOR_ERROR:
            return json_response({"status": "ERROR", "message": refusal.code or "simulated"}, status=400)
        status, message = _MESSAGES[refusal.kind]
        wrong = ", ".join(f"{one.field} is {one.reason}" for one in refusal.problems)
        is_throttled = refusal.kind is FailureKind.THROTTLED
        headers = {"retry-after": f"{refusal.retry_after:.0f}"} if is_throttled else {}
        return json_response({"message": wrong or message}, status=refusal.status or status, headers=headers)

    def answer(self, exchange: Exchange) -> Response:
        """Answer in the operation's shape; an operation without one of its own is answered generically."""
        build = _ANSWERS.get(exchange.operation.shape)
        return build(exchange) if build else super().answer(exchange)


def _missing(what: str = "Not") -> Response:
    return json_response({"message": f"{what} found"}, status=404)


def _found(thing: object) -> Response:
    return json_response(thing) if thing else _missing()


def _given(exchange: Exchange) -> Thing:
    body = body_of(exchange.request)
    return dict(body) if isinstance(body, dict) else {}


def _id(exchange: Exchange) -> str:
    return next(iter(exchange.operation.path_values.values()), "")


def _shelf(exchange: Exchange, kind: str) -> Shelf:
    return Shelf(exchange.account, kind, key="id" if kind == "annotations" else "uid")


def _page(exchange: Exchange, things: list[Thing], *, size: int) -> list[Thing]:
    size = max(exchange.integer("limit", size), 1)
    start = (exchange.integer("page", 1) - 1) * size
    return things[start : start + size]


def _search(exchange: Exchange) -> Response:
    wanted, kind = exchange.text("query").lower(), exchange.text("type")
    boards = [{**one, "type": "dash-db"} for one in _shelf(exchange, "dashboards").all]
    folders = [{**one, "type": "dash-folder"} for one in _shelf(exchange, "folders").all]
    hits = [
        {key: one[key] for key in ("uid", "id", "title", "type")}
        for one in (*boards, *folders)
        if wanted in str(one["title"]).lower() and kind in ("", one["type"])
    ]
    return json_response(_page(exchange, hits, size=1_000))


def _get_dashboard(exchange: Exchange) -> Response:
    found = _shelf(exchange, "dashboards").find(_id(exchange))
    return _found(found and {"dashboard": found, "meta": {"version": found["version"]}})


def _save_dashboard(exchange: Exchange) -> Response:
    given = exchange.values.get("dashboard")
    board: Thing = dict(given) if isinstance(given, dict) else {}
    shelf = _shelf(exchange, "dashboards")
    known = shelf.find(board.get("uid"))
    version = int(str(known["version"])) if known else 0
    if known and not exchange.values.get("overwrite") and board.get("version") not in (None, version):
        text = "The dashboard has been changed by someone else"
        return json_response({"status": "version-mismatch", "message": text}, status=412)
    uid = board.get("uid") or f"simulated{shelf.number()}"
    saved = {**board, "uid": uid, "id": known["id"] if known else 1_000 + shelf.number()}
    saved["version"] = version + 1
    if known:
        known.update(saved)
    else:
        shelf.add(saved)
    told = {key: saved[key] for key in ("uid", "id", "version")}
    return json_response({**told, "status": "success", "title": board.get("title"), "url": f"/d/{uid}"})


def _delete_dashboard(exchange: Exchange) -> Response:
    is_gone = _shelf(exchange, "dashboards").remove(_id(exchange))
    return json_response({"message": "Dashboard deleted", "title": _id(exchange)}) if is_gone else _missing()


def _versions(exchange: Exchange) -> Response:
    found = _shelf(exchange, "dashboards").find(_id(exchange))
    return _found(found and {"versions": [{"id": 1, "version": found["version"], "uid": _id(exchange)}]})


def _create_folder(exchange: Exchange) -> Response:
    shelf = _shelf(exchange, "folders")
    given = _given(exchange)
    uid = given.get("uid") or f"folder{shelf.number()}"
    if shelf.find(uid):
        text = "a folder with the same uid already exists"
        return json_response({"message": text, "messageId": "folder.conflict"}, status=409)
    return json_response(shelf.add({**given, "uid": uid, "id": 1_000 + shelf.number()}))


def _delete_folder(exchange: Exchange) -> Response:
    is_gone = _shelf(exchange, "folders").remove(_id(exchange))
    return json_response({"message": "Folder deleted"}) if is_gone else _missing("Folder not")


def _annotation(number: int, given: Mapping[str, object]) -> Thing:
    return {"tags": [], "login": "dialtone", "time": 0, "timeEnd": 0, **given, "id": number}


def _annotations(exchange: Exchange) -> Response:
    wanted = {value for name, value in exchange.request.query if name == "tags"}
    found = [one for one in reversed(_shelf(exchange, "annotations").all) if wanted <= _tags(one)]
    return json_response(_page(exchange, found, size=100))


def _tags(annotation: Thing) -> set[str]:
    tags = annotation.get("tags")
    return {str(tag) for tag in tags} if isinstance(tags, list) else set()


def _create_annotation(exchange: Exchange) -> Response:
    shelf = _shelf(exchange, "annotations")
    made = shelf.add(_annotation(1_000 + shelf.number(), _given(exchange)))
    return json_response({"message": "Annotation added", "id": made["id"]})


def _change_annotation(exchange: Exchange) -> Response:
    changed = _shelf(exchange, "annotations").change(_id(exchange), _given(exchange))
    return _found(changed and {"message": "Annotation patched"})


def _delete_annotation(exchange: Exchange) -> Response:
    is_gone = _shelf(exchange, "annotations").remove(_id(exchange))
    return json_response({"message": "Annotation deleted"}) if is_gone else _missing()


def _create_rule(exchange: Exchange) -> Response:
    shelf = _shelf(exchange, "rules")
    given = _given(exchange)
    uid = given.get("uid") or f"rule{shelf.number()}"
    return json_response(shelf.add({**given, "uid": uid, "id": 1_000 + shelf.number()}), status=201)


def _delete_rule(exchange: Exchange) -> Response:
    _shelf(exchange, "rules").remove(_id(exchange))
    return Response(status=204)


def _source(exchange: Exchange) -> Thing | None:
    return next((one for one in _SOURCES if one["uid"] == _id(exchange)), None)


def _query(exchange: Exchange) -> Response:
    queries = exchange.values.get("queries")
    asked = queries if isinstance(queries, list) else []
    ids = [str(one.get("refId", "A")) for one in asked if isinstance(one, dict)]
    return json_response({"results": {name: {"status": 200, "frames": []} for name in ids}})


_ANSWERS: Mapping[str, Callable[[Exchange], Response]] = {
    "GET /api/health": lambda _: json_response(
        {"database": "ok", "version": "12.1.0", "commit": "simulated"}
    ),
    "GET /api/org": lambda _: json_response({"id": 1, "name": "Main Org.", "address": {}}),
    "GET /api/serviceaccounts/search": lambda _: json_response(
        {"totalCount": 1, "page": 1, "perPage": 100, "serviceAccounts": [{"id": 2, "name": "dialtone"}]}
    ),
    "GET /api/search": _search,
    "GET /api/dashboards/uid/{}": _get_dashboard,
    "POST /api/dashboards/db": _save_dashboard,
    "DELETE /api/dashboards/uid/{}": _delete_dashboard,
    "GET /api/dashboards/uid/{}/versions": _versions,
    "GET /api/folders": lambda one: json_response(_page(one, _shelf(one, "folders").all, size=1_000)),
    "POST /api/folders": _create_folder,
    "DELETE /api/folders/{}": _delete_folder,
    "GET /api/annotations": _annotations,
    "GET /api/annotations/{}": lambda one: _found(_shelf(one, "annotations").find(_id(one))),
    "POST /api/annotations": _create_annotation,
    "PATCH /api/annotations/{}": _change_annotation,
    "DELETE /api/annotations/{}": _delete_annotation,
    "GET /api/v1/provisioning/alert-rules": lambda one: json_response(_shelf(one, "rules").all),
    "GET /api/v1/provisioning/alert-rules/{}": lambda one: _found(_shelf(one, "rules").find(_id(one))),
    "POST /api/v1/provisioning/alert-rules": _create_rule,
    "PUT /api/v1/provisioning/alert-rules/{}": lambda one: _found(
        _shelf(one, "rules").change(_id(one), _given(one))
    ),
    "DELETE /api/v1/provisioning/alert-rules/{}": _delete_rule,
    "GET /api/v1/provisioning/contact-points": lambda _: json_response(
        [{"uid": "on-call", "name": "on-call", "type": "webhook", "settings": {}}]
    ),
    "GET /api/v1/provisioning/policies": lambda _: json_response({"receiver": "on-call", "routes": []}),
    "GET /api/v1/provisioning/mute-timings": lambda _: json_response([]),
    "GET /api/datasources": lambda _: json_response(_SOURCES),
    "GET /api/datasources/uid/{}": lambda one: _found(_source(one)),
    "GET /api/datasources/uid/{}/health": lambda one: (
        json_response({"status": "OK", "message": "Successfully queried the API."})
        if _source(one)
        else _missing("Data source not")
    ),
    "POST /api/ds/query": _query,
}
