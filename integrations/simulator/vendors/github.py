"""GitHub's double: REST answers in the shape of its OpenAPI description, Link pages, x-ratelimit headers.

Limits and error forms: docs.github.com, "Rate limits for the REST API" and "Troubleshooting the REST API".
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from integrations.execution.outcome import FailureKind
from integrations.simulator.accounts import Quota
from integrations.simulator.messages import Request, Response, json_response
from integrations.simulator.operations import Operation
from integrations.simulator.vendors import github_checks as checks
from integrations.simulator.vendors import github_shapes as shapes
from integrations.simulator.vendors.generic import Exchange, GenericVendor, Refusal

T = TypeVar("T")

_DOCS = "https://docs.github.com/rest"
_SEEDED = 42
_SEEDED_LABEL = "urgent"
_NUMBERS = range(_SEEDED, 0, -1)

_MESSAGES: Mapping[FailureKind, tuple[int, str]] = {
    FailureKind.UNAUTHORIZED: (401, "Bad credentials"),
    FailureKind.FORBIDDEN: (403, "Resource not accessible by personal access token"),
    FailureKind.NOT_FOUND: (404, "Not Found"),
    FailureKind.THROTTLED: (429, "You have exceeded a secondary rate limit."),
    FailureKind.SERVER_ERROR: (503, "We couldn't respond to your request in time."),
    FailureKind.VENDOR_ERROR: (200, "Something went wrong while executing your query."),
}


class GitHub(GenericVendor):
    """GitHub, for a token: 5,000 requests an hour, searches 30 a minute."""

    limits: Mapping[str, tuple[int, float]] = {"core": (5_000, 3_600.0), "search": (30, 60.0)}

    def bucket(self, operation: Operation | None) -> str:
        """Return the resource that an operation draws on."""
        return "search" if operation and operation.action.path.startswith("/search/") else "core"

    def cost(self, operation: Operation | None) -> int:
        """Return 1; asking for the rate limit is free, as its documentation says."""
        return 0 if operation and operation.action.path == "/rate_limit" else 1

    def exhausted(self, seconds: float) -> Refusal:
        """Refuse with 403, which is what GitHub answers when the primary limit is used up."""
        return Refusal(kind=FailureKind.THROTTLED, retry_after=seconds, exhausted=True)

    def headers(self, operation: Operation | None, quota: Quota) -> Mapping[str, str]:
        """Return the x-ratelimit headers; the reset is UTC seconds."""
        return {
            "x-ratelimit-limit": str(quota.limit),
            "x-ratelimit-remaining": str(quota.remaining),
            "x-ratelimit-used": str(min(quota.used, quota.limit)),
            "x-ratelimit-reset": f"{quota.reset_at:.0f}",
            "x-ratelimit-resource": self.bucket(operation),
            "x-github-request-id": "SIMULATED",
        }

    def refuse(self, refusal: Refusal) -> Response:
        """Say no with GitHub's `message` and `documentation_url`."""
        if refusal.kind is FailureKind.CLIENT_ERROR:
            return _invalid(refusal)
        status, message = _MESSAGES[refusal.kind]
        if refusal.kind is FailureKind.VENDOR_ERROR:
            return json_response(
                {"data": None, "errors": [{"type": refusal.code or "SERVICE", "message": message}]}
            )
        if refusal.exhausted:
            status, message = 403, "API rate limit exceeded for user ID 1005."
        throttled = refusal.kind is FailureKind.THROTTLED and not refusal.exhausted
        body = {"message": message, "documentation_url": _DOCS, "status": str(refusal.status or status)}
        return json_response(
            body,
            status=refusal.status or status,
            headers={"retry-after": f"{refusal.retry_after:.0f}"} if throttled else {},
        )

    def unknown(self, request: Request) -> Response:
        """Answer 404, which is what GitHub says to a wrong path and to a wrong method."""
        del request
        return self.refuse(Refusal(kind=FailureKind.NOT_FOUND))

    def answer(self, exchange: Exchange) -> Response:
        """Answer in the operation's shape; an operation without one of its own is answered generically."""
        build = _ANSWERS.get(exchange.operation.shape)
        return build(exchange) if build else super().answer(exchange)


def _invalid(refusal: Refusal) -> Response:
    if refusal.code:
        return json_response({"message": "Problems parsing JSON", "documentation_url": _DOCS}, status=400)
    codes = {"missing": "missing_field", "invalid": "invalid"}
    errors = [
        {"resource": "Request", "field": problem.field, "code": codes[problem.reason]}
        for problem in refusal.problems
    ]
    return json_response(
        {"message": "Validation Failed", "errors": errors, "documentation_url": _DOCS}, status=422
    )


def _rate_limit(exchange: Exchange) -> Response:
    def read(quota: Quota) -> dict[str, int]:
        used, reset = min(quota.used, quota.limit), int(quota.reset_at)
        return {"limit": quota.limit, "used": used, "remaining": quota.remaining, "reset": reset}

    resources = {name: read(exchange.account.quota(name, exchange.now)) for name in GitHub.limits}
    return json_response({"resources": resources, "rate": resources["core"]})


def _user(exchange: Exchange) -> Response:
    return json_response(shapes.public_user(exchange))


def _repository(exchange: Exchange) -> Response:
    return json_response(shapes.repository(exchange, exchange.text("owner"), exchange.text("repo")))


def _repositories(exchange: Exchange) -> Response:
    owner = exchange.text("org", "acme")
    names = ("shop", "payments", "docs")
    return _page(exchange, names, lambda at, name: shapes.repository(at, owner, name))


def _issues(exchange: Exchange) -> list[dict[str, object]]:
    kept = exchange.account.kept(_issue_kind(exchange))
    seeded = [shapes.issue(exchange, number, {}) for number in _NUMBERS]
    # An issue that was changed is kept under its number and stands in for the seeded one.
    changed = {thing["number"] for thing in kept}
    return [*reversed(kept), *(thing for thing in seeded if thing["number"] not in changed)]


def _list_issues(exchange: Exchange) -> Response:
    state = exchange.text("state", "open")
    wanted = [thing for thing in _issues(exchange) if state in {"all", thing["state"]}]
    return _page(exchange, wanted, _as_it_is)


def _search_issues(exchange: Exchange) -> Response:
    more = {"incomplete_results": False, "search_type": "lexical"}
    return _page(exchange, _issues(exchange), _scored, within="items", more=more)


def _scored(exchange: Exchange, issue: dict[str, object]) -> dict[str, object]:
    del exchange
    return {**issue, "score": 1.0}


def _create_issue(exchange: Exchange) -> Response:
    number = _SEEDED + exchange.account.number(_issue_kind(exchange))
    made = shapes.issue(exchange, number, exchange.values)
    exchange.account.keep(_issue_kind(exchange), made)
    return json_response(made, status=201, headers={"location": str(made["url"])})


def _get_issue(exchange: Exchange) -> Response:
    found = _find_issue(exchange)
    return json_response(found) if found else _missing()


def _create_label(exchange: Exchange) -> Response:
    kind, name = _label_kind(exchange), exchange.text("name", "label")
    made = shapes.label(exchange.account.number(kind), name, exchange.values)
    exchange.account.keep(kind, made)
    return json_response(made, status=201)


def _get_label(exchange: Exchange) -> Response:
    name = exchange.text("name", "")
    kept = (one for one in exchange.account.kept(_label_kind(exchange)) if one["name"] == name)
    seeded = shapes.label(1, name, {}) if name == _SEEDED_LABEL else None
    found = next(kept, seeded)
    return json_response(found) if found else _missing()


def _delete_label(exchange: Exchange) -> Response:
    name, kept = exchange.text("name", ""), exchange.account.kept(_label_kind(exchange))
    left = [label for label in kept if label["name"] != name]
    is_there = len(left) < len(kept) or name == _SEEDED_LABEL
    kept[:] = left
    return Response(status=204) if is_there else _missing()


def _label_kind(exchange: Exchange) -> str:
    return f"labels of {exchange.text('owner', 'acme')}/{exchange.text('repo', 'shop')}"


def _update_issue(exchange: Exchange) -> Response:
    found = _find_issue(exchange)
    if found is None:
        return _missing()
    allowed = {"title", "body", "state"}
    changed = {**found, **{key: value for key, value in exchange.values.items() if key in allowed}}
    kept = exchange.account.kept(_issue_kind(exchange))
    kept[:] = [thing for thing in kept if thing["number"] != found["number"]]
    return json_response(exchange.account.keep(_issue_kind(exchange), changed))


def _find_issue(exchange: Exchange) -> dict[str, object] | None:
    number = exchange.integer("issue_number", 0)
    return next((thing for thing in _issues(exchange) if thing["number"] == number), None)


def _list_comments(exchange: Exchange) -> Response:
    return _page(exchange, exchange.account.kept(exchange.request.path), _as_it_is)


def _create_comment(exchange: Exchange) -> Response:
    if _find_issue(exchange) is None:
        return _missing()
    number = exchange.account.number("comment")
    made = shapes.comment(
        exchange, number, issue_number=exchange.text("issue_number"), text=exchange.text("body")
    )
    exchange.account.keep(exchange.request.path, made)
    return json_response(made, status=201, headers={"location": str(made["url"])})


def _list_pulls(exchange: Exchange) -> Response:
    return _page(exchange, _NUMBERS, shapes.pull)


def _get_pull(exchange: Exchange) -> Response:
    number = exchange.integer("pull_number", 0)
    return json_response(shapes.pull(exchange, number)) if number in _NUMBERS else _missing()


def _create_pull(exchange: Exchange) -> Response:
    number = _SEEDED + exchange.account.number("pull")
    made = {**shapes.pull(exchange, number), "title": exchange.text("title", shapes.title(number))}
    return json_response(made, status=201, headers={"location": str(made["url"])})


def _merge_pull(exchange: Exchange) -> Response:
    if exchange.integer("pull_number", 0) not in _NUMBERS:
        return _missing()
    merged = {"sha": shapes.sha("merge"), "merged": True, "message": "Pull Request successfully merged"}
    return json_response(merged)


def _list_commits(exchange: Exchange) -> Response:
    return _page(exchange, _NUMBERS, shapes.commit)


def _commit_status(exchange: Exchange) -> Response:
    return json_response(shapes.combined_status(exchange, exchange.text("ref")))


def _list_runs(exchange: Exchange) -> Response:
    return _page(exchange, _NUMBERS, shapes.workflow_run, within="workflow_runs")


def _get_run(exchange: Exchange) -> Response:
    return json_response(shapes.workflow_run(exchange, exchange.integer("run_id", 1)))


def _rerun(exchange: Exchange) -> Response:
    del exchange
    return json_response({}, status=201)


def _list_releases(exchange: Exchange) -> Response:
    return _page(exchange, range(5, 0, -1), shapes.release)


def _latest_release(exchange: Exchange) -> Response:
    return json_response(shapes.release(exchange, 5))


def _get_release(exchange: Exchange) -> Response:
    return json_response({**shapes.release(exchange, 5), "tag_name": exchange.text("tag")})


def _create_release(exchange: Exchange) -> Response:
    made = {**shapes.release(exchange, 6), "tag_name": exchange.text("tag_name")}
    return json_response(made, status=201, headers={"location": str(made["url"])})


def _update_pull(exchange: Exchange) -> Response:
    changed = {key: value for key, value in exchange.values.items() if key in {"title", "body", "state"}}
    return json_response({**shapes.pull(exchange, exchange.integer("pull_number", 1)), **changed})


def _installed(exchange: Exchange) -> Response:
    names = ("shop", "payments")
    return _page(exchange, names, lambda at, name: shapes.repository(at, "acme", name), within="repositories")


def _three(
    build: Callable[[Exchange, int], dict[str, object]], *, within: str = ""
) -> Callable[[Exchange], Response]:
    return lambda exchange: _page(exchange, range(1, 4), build, within=within)


def _accepted(exchange: Exchange) -> Response:
    del exchange
    return json_response({}, status=202)


def _missing() -> Response:
    return json_response({"message": "Not Found", "documentation_url": _DOCS, "status": "404"}, status=404)


def _issue_kind(exchange: Exchange) -> str:
    return f"issues of {exchange.text('owner', 'acme')}/{exchange.text('repo', 'shop')}"


def _page(
    exchange: Exchange,
    things: Sequence[T],
    build: Callable[[Exchange, T], dict[str, object]],
    *,
    within: str = "",
    more: Mapping[str, object] | None = None,
) -> Response:
    """Return one page with its Link header: `page` from 1, `per_page` 30 by default, at most 100.

    `within` is the key of a list that stands in an object beside `total_count` and what `more` holds.
    """
    page = max(exchange.integer("page", 1), 1)
    size = min(max(exchange.integer("per_page", 30), 1), 100)
    built = [build(exchange, thing) for thing in things[(page - 1) * size : page * size]]
    headers = _links(exchange, page, max(-(-len(things) // size), 1))
    if not within:
        return json_response(built, headers=headers)
    return json_response({"total_count": len(things), **(more or {}), within: built}, headers=headers)


def _links(exchange: Exchange, page: int, last: int) -> Mapping[str, str]:
    targets = {"prev": page - 1, "next": page + 1, "last": last, "first": 1}
    wanted = (("prev", "first") if page > 1 else ()) + (("next", "last") if page < last else ())
    links = [f'<{_page_url(exchange, targets[name])}>; rel="{name}"' for name in wanted]
    return {"link": ", ".join(links)} if links else {}


def _as_it_is(exchange: Exchange, thing: dict[str, object]) -> dict[str, object]:
    del exchange
    return thing


def _page_url(exchange: Exchange, page: int) -> str:
    query = [pair for pair in exchange.request.query if pair[0] != "page"]
    text = "&".join(f"{name}={value}" for name, value in [*query, ("page", str(page))])
    return f"{exchange.request.url(exchange.request.path)}?{text}"


_ISSUES = "/repos/{}/{}/issues"
_ANSWERS: Mapping[str, Callable[[Exchange], Response]] = {
    "GET /rate_limit": _rate_limit,
    "GET /user": _user,
    "GET /user/repos": _repositories,
    "GET /repos/{}/{}": _repository,
    f"GET {_ISSUES}": _list_issues,
    f"POST {_ISSUES}": _create_issue,
    f"GET {_ISSUES}/{{}}": _get_issue,
    f"PATCH {_ISSUES}/{{}}": _update_issue,
    f"GET {_ISSUES}/{{}}/comments": _list_comments,
    f"POST {_ISSUES}/{{}}/comments": _create_comment,
    "GET /repos/{}/{}/pulls": _list_pulls,
    "GET /repos/{}/{}/pulls/{}": _get_pull,
    "POST /repos/{}/{}/pulls": _create_pull,
    "PUT /repos/{}/{}/pulls/{}/merge": _merge_pull,
    "GET /repos/{}/{}/commits": _list_commits,
    "GET /repos/{}/{}/commits/{}/status": _commit_status,
    "GET /repos/{}/{}/actions/runs": _list_runs,
    "GET /repos/{}/{}/actions/runs/{}": _get_run,
    "POST /repos/{}/{}/actions/runs/{}/rerun": _rerun,
    "GET /repos/{}/{}/releases": _list_releases,
    "GET /repos/{}/{}/releases/latest": _latest_release,
    "GET /orgs/{}/repos": _repositories,
    "GET /installation/repositories": _installed,
    "POST /repos/{}/{}/statuses/{}": lambda exchange: json_response(checks.status(exchange, 1), status=201),
    "GET /repos/{}/{}/commits/{}/check-runs": _three(checks.check_run, within="check_runs"),
    "PATCH /repos/{}/{}/pulls/{}": _update_pull,
    "GET /repos/{}/{}/pulls/{}/files": _three(checks.file),
    "GET /repos/{}/{}/pulls/{}/reviews": _three(checks.review),
    "POST /repos/{}/{}/pulls/{}/reviews": lambda exchange: json_response(checks.review(exchange, 4)),
    "POST /repos/{}/{}/actions/runs/{}/cancel": _accepted,
    "GET /repos/{}/{}/actions/runs/{}/jobs": _three(checks.job, within="jobs"),
    "GET /repos/{}/{}/releases/tags/{}": _get_release,
    "POST /repos/{}/{}/releases": _create_release,
    "GET /search/issues": _search_issues,
    "POST /repos/{}/{}/labels": _create_label,
    "GET /repos/{}/{}/labels/{}": _get_label,
    "DELETE /repos/{}/{}/labels/{}": _delete_label,
}
