"""GitLab's double: issues, comments, labels and branches that are kept; all else by the contract's shapes.

Errors and quota headers: docs.gitlab.com/api/rest/troubleshooting and
docs.gitlab.com/administration/settings/user_and_ip_rate_limits.
"""

import datetime as dt
from collections.abc import Callable, Mapping

from integrations.execution.outcome import FailureKind
from integrations.simulator.accounts import Account, Quota
from integrations.simulator.messages import Response, json_response, text_response
from integrations.simulator.operations import Operation, body_of
from integrations.simulator.vendors.generic import Exchange, GenericVendor, Refusal
from integrations.simulator.vendors.shelf import Shelf, Thing

_PROJECT = "278964"
_ME = {"id": 3, "username": "dialtone", "name": "Dialtone", "state": "active"}
_MESSAGES: Mapping[FailureKind, tuple[int, str]] = {
    FailureKind.UNAUTHORIZED: (401, "401 Unauthorized"),
    FailureKind.FORBIDDEN: (403, "403 Forbidden"),
    FailureKind.NOT_FOUND: (404, "404 Not Found"),
    FailureKind.SERVER_ERROR: (500, "500 Internal Server Error"),
    FailureKind.VENDOR_ERROR: (409, "409 Conflict"),
}


class GitLab(GenericVendor):
    """GitLab: 2,000 requests a minute for an account, told in the headers of each answer."""

    limits: Mapping[str, tuple[int, float]] = {"api": (2_000, 60.0)}

    def settle(self, account: Account) -> None:
        """Put issues, a label and a branch into the one project."""
        for number in (41, 42, 43):
            Shelf(account, _kind("issues"), key="iid").add(_issue(number, {"title": f"Simulated {number}"}))
        Shelf(account, _kind("labels"), key="name").add(_label(1, {"name": "urgent", "color": "#f29513"}))
        Shelf(account, _kind("branches"), key="name").add(_branch("fix"))

    def headers(self, operation: Operation | None, quota: Quota) -> Mapping[str, str]:
        """Return the quota, whose end is in UTC seconds."""
        del operation
        return {
            "ratelimit-limit": str(quota.limit),
            "ratelimit-observed": str(quota.used),
            "ratelimit-remaining": str(quota.remaining),
            "ratelimit-reset": f"{quota.reset_at:.0f}",
        }

    def refuse(self, refusal: Refusal) -> Response:
        """Say no: a wrong parameter under `error`, all else under `message`; throttling in plain text."""
        if refusal.kind is FailureKind.THROTTLED:
            headers = {"retry-after": f"{max(refusal.retry_after, 1):.0f}"}
            return text_response("Retry later\n", status=429).with_headers(headers)
        if refusal.kind is FailureKind.CLIENT_ERROR:
            wrong = ", ".join(f"{one.field} is {one.reason}" for one in refusal.problems)
            return json_response({"error": wrong or refusal.code or "bad request"}, status=400)
        status, message = _MESSAGES[refusal.kind]
        return json_response({"message": message}, status=refusal.status or status)

    def answer(self, exchange: Exchange) -> Response:
        """Answer from what is kept, or in the operation's shape."""
        action = exchange.operation.action
        build = _ANSWERS.get(exchange.operation.shape)
        if build is not None:
            return build(exchange)
        if action.answer == "text":
            return text_response("Simulated\n")
        return super().answer(exchange)


def _kind(what: str, project: str = _PROJECT) -> str:
    return f"{what} of {project}"


def _shelf(exchange: Exchange, what: str, *, key: str) -> Shelf:
    return Shelf(exchange.account, _kind(what, exchange.operation.path_values["project"]), key=key)


def _given(exchange: Exchange) -> Thing:
    body = body_of(exchange.request)
    return dict(body) if isinstance(body, dict) else {}


def _missing(what: str = "Not Found") -> Response:
    return json_response({"message": f"404 {what}"}, status=404)


def _found(thing: object, what: str) -> Response:
    return json_response(thing) if thing is not None else _missing(f"{what} Not Found")


def _page(exchange: Exchange, things: list[Thing]) -> Response:
    """One page with its Link header: `page` from 1, `per_page` 20 by default, at most 100."""
    page, size = max(exchange.integer("page", 1), 1), min(max(exchange.integer("per_page", 20), 1), 100)
    shown = things[(page - 1) * size : page * size]
    if page * size >= len(things):
        return json_response(shown)
    query = [(name, value) for name, value in exchange.request.query if name != "page"]
    text = "&".join(f"{name}={value}" for name, value in [*query, ("page", str(page + 1))])
    path = exchange.request.encoded or exchange.request.path
    return json_response(shown, headers={"link": f'<{exchange.request.url(path)}?{text}>; rel="next"'})


def _user(exchange: Exchange) -> Response:
    del exchange
    return json_response(_ME)


def _token(exchange: Exchange) -> Response:
    ends_at = exchange.account.ends_at
    day = None if ends_at is None else dt.datetime.fromtimestamp(ends_at, dt.UTC).date().isoformat()
    return json_response(
        {
            "id": 7,
            "name": "dialtone",
            "revoked": False,
            "active": True,
            "created_at": "2026-01-01T00:00:00.000Z",
            "scopes": ["api"],
            "user_id": _ME["id"],
            "expires_at": day,
        }
    )


def _issue(number: int, given: Mapping[str, object]) -> Thing:
    plain = {"description": "", "state": "opened", "labels": [], "assignees": [], "author": _ME}
    url = f"https://gitlab.example/shop/-/issues/{number}"
    return {**plain, **given, "id": 9_000 + number, "iid": number, "project_id": 278964, "web_url": url}


def _list_issues(exchange: Exchange) -> Response:
    state = exchange.text("state", "all")
    things = _shelf(exchange, "issues", key="iid").all[::-1]
    return _page(exchange, [one for one in things if state in ("all", one["state"])])


def _get_issue(exchange: Exchange) -> Response:
    number = exchange.operation.path_values["issue"]
    return _found(_shelf(exchange, "issues", key="iid").find(number), "Issue")


def _create_issue(exchange: Exchange) -> Response:
    shelf = _shelf(exchange, "issues", key="iid")
    return json_response(shelf.add(_issue(100 + shelf.number(), _given(exchange))), status=201)


def _change_issue(exchange: Exchange) -> Response:
    given = _given(exchange)
    state = {"close": "closed", "reopen": "opened"}.get(str(given.pop("state_event", "")))
    changed = {**given, **({"state": state} if state else {})}
    number = exchange.operation.path_values["issue"]
    return _found(_shelf(exchange, "issues", key="iid").change(number, changed), "Issue")


def _list_notes(exchange: Exchange) -> Response:
    return _page(exchange, exchange.account.kept(exchange.request.path))


def _create_note(exchange: Exchange) -> Response:
    number = exchange.account.number("note")
    note = {"id": 300 + number, "body": exchange.text("body"), "author": _ME, "system": False}
    return json_response(exchange.account.keep(exchange.request.path, note), status=201)


def _label(number: int, given: Mapping[str, object]) -> Thing:
    return {"description": None, **given, "id": number, "open_issues_count": 0, "is_project_label": True}


def _find_label(exchange: Exchange) -> Thing | None:
    """By id or by name, as GitLab does."""
    asked, shelf = exchange.operation.path_values["label"], _shelf(exchange, "labels", key="name")
    return shelf.find(asked) or next((one for one in shelf.all if str(one["id"]) == asked), None)


def _create_label(exchange: Exchange) -> Response:
    shelf = _shelf(exchange, "labels", key="name")
    given = _given(exchange)
    if shelf.find(given["name"]) is not None:
        return json_response({"message": "Label already exists"}, status=409)
    return json_response(shelf.add(_label(1 + shelf.number(), given)), status=201)


def _delete_label(exchange: Exchange) -> Response:
    label = _find_label(exchange)
    if label is None:
        return _missing("Label Not Found")
    _shelf(exchange, "labels", key="name").remove(label["name"])
    return Response(status=204)


def _branch(name: str) -> Thing:
    url = f"https://gitlab.example/shop/-/tree/{name}"
    return {"name": name, "merged": False, "protected": False, "default": name == "main", "web_url": url}


def _create_branch(exchange: Exchange) -> Response:
    return json_response(
        _shelf(exchange, "branches", key="name").add(_branch(exchange.text("branch"))), status=201
    )


def _list_branches(exchange: Exchange) -> Response:
    return _page(exchange, _shelf(exchange, "branches", key="name").all)


def _delete_branch(exchange: Exchange) -> Response:
    name = exchange.operation.path_values["branch"]
    is_gone = _shelf(exchange, "branches", key="name").remove(name)
    return Response(status=204) if is_gone else _missing("Branch Not Found")


_IN = "/api/v4/projects/{}"
_ANSWERS: Mapping[str, Callable[[Exchange], Response]] = {
    "GET /api/v4/personal_access_tokens/self": _token,
    "GET /api/v4/user": _user,
    f"GET {_IN}/issues": _list_issues,
    f"POST {_IN}/issues": _create_issue,
    f"GET {_IN}/issues/{{}}": _get_issue,
    f"PUT {_IN}/issues/{{}}": _change_issue,
    f"GET {_IN}/issues/{{}}/notes": _list_notes,
    f"POST {_IN}/issues/{{}}/notes": _create_note,
    f"GET {_IN}/merge_requests/{{}}/notes": _list_notes,
    f"POST {_IN}/merge_requests/{{}}/notes": _create_note,
    f"GET {_IN}/labels/{{}}": lambda exchange: _found(_find_label(exchange), "Label"),
    f"POST {_IN}/labels": _create_label,
    f"DELETE {_IN}/labels/{{}}": _delete_label,
    f"GET {_IN}/repository/branches": _list_branches,
    f"POST {_IN}/repository/branches": _create_branch,
    f"DELETE {_IN}/repository/branches/{{}}": _delete_branch,
}
