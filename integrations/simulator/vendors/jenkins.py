"""Jenkins' double: jobs with builds; a started build waits, and is one when the queue is next asked.

Shapes: the handbook's remote access API and swaggy-jenkins' description. Errors are pages for people.
"""

from collections.abc import Callable, Mapping
from urllib.parse import unquote

from integrations.execution.outcome import FailureKind
from integrations.simulator.accounts import Account, Quota
from integrations.simulator.messages import Response, json_response, text_response
from integrations.simulator.operations import Operation
from integrations.simulator.vendors.generic import Exchange, GenericVendor, Refusal
from integrations.simulator.vendors.shelf import Shelf, Thing

_SEEDED = ("shop", "payments", "docs")
_BUILDS = 42
_STATUS: Mapping[FailureKind, int] = {
    FailureKind.UNAUTHORIZED: 401,
    FailureKind.FORBIDDEN: 403,
    FailureKind.NOT_FOUND: 404,
    FailureKind.CLIENT_ERROR: 400,
    FailureKind.THROTTLED: 429,
    FailureKind.VENDOR_ERROR: 500,
}
_LOG = "Started by user dialtone\n+ make test\nFinished: SUCCESS\n"


class Jenkins(GenericVendor):
    """One Jenkins with three jobs, of which each has a build; its answers bear its version."""

    def settle(self, account: Account) -> None:
        """Put jobs and a finished build of each there, and one that waits."""
        for name in _SEEDED:
            Shelf(account, "jobs", key="fullName").add(_job(name))
            _builds(account, name).add(_build(name, _BUILDS))
        Shelf(account, "queue").add({"id": 39, "job": _SEEDED[0]})

    def headers(self, operation: Operation | None, quota: Quota) -> Mapping[str, str]:
        """Return the version, which stands in every answer."""
        del operation, quota
        return {"x-jenkins": "2.462.3", "x-hudson": "1.395"}

    def refuse(self, refusal: Refusal) -> Response:
        """Say no with a page."""
        status = refusal.status or _STATUS.get(refusal.kind, 500)
        page = text_response(
            f"<html><body>Error {status}</body></html>", status=status, content_type="text/html"
        )
        if refusal.kind is FailureKind.THROTTLED:
            return page.with_headers({"retry-after": f"{max(refusal.retry_after, 1):.0f}"})
        return page

    def answer(self, exchange: Exchange) -> Response:
        """Answer with JSON where something is asked, with a redirect where it was changed."""
        build = _ANSWERS.get(exchange.operation.shape)
        return build(exchange) if build else super().answer(exchange)


def _job(name: str) -> Thing:
    plain = {"color": "blue", "buildable": True, "inQueue": False, "healthReport": []}
    url = f"/job/{name.replace('/', '/job/')}/"
    return {"_class": "hudson.model.FreeStyleProject", "name": name, "fullName": name, "url": url, **plain}


def _build(job: str, number: int) -> Thing:
    plain = {"building": False, "result": "SUCCESS", "duration": 12_000, "timestamp": 1_700_000_000_000}
    return {"_class": "hudson.model.FreeStyleBuild", "number": number, "displayName": f"#{number}",
            "url": f"/job/{job}/{number}/", **plain}  # fmt: skip


def _builds(account: Account, job: str) -> Shelf:
    return Shelf(account, f"builds of {job}", key="number")


def _jobs(exchange: Exchange) -> Shelf:
    return Shelf(exchange.account, "jobs", key="fullName")


def _name(exchange: Exchange) -> str:
    """The job that is meant: its folders' names and its own."""
    given = exchange.operation.path_values.get("job", "")
    return "/".join(unquote(part) for part in given.split("/job/"))


def _missing() -> Response:
    return text_response("<html><body>Not Found</body></html>", status=404, content_type="text/html")


def _found(thing: object) -> Response:
    return json_response(thing) if thing is not None else _missing()


def _seen(exchange: Exchange, path: str) -> Response:
    """What a browser is shown after a change."""
    return Response(status=302, headers={"location": exchange.request.url(path)})


def _system(exchange: Exchange) -> Response:
    views = [{"name": "all", "url": "/view/all/"}]
    return json_response(
        {"_class": "hudson.model.Hudson", "mode": "NORMAL", "nodeDescription": "the built-in node",
         "quietingDown": False, "useCrumbs": True, "useSecurity": True, "numExecutors": 2,
         "jobs": _jobs(exchange).all, "views": views}
    )  # fmt: skip


def _get_job(exchange: Exchange) -> Response:
    job = _jobs(exchange).find(_name(exchange))
    if job is None:
        return _missing()
    builds = _builds(exchange.account, _name(exchange)).all[::-1]
    return json_response({**job, "builds": builds, "lastBuild": next(iter(builds), None)})


def _get_config(exchange: Exchange) -> Response:
    job = _jobs(exchange).find(_name(exchange))
    return text_response("<project/>", content_type="application/xml") if job else _missing()


def _set_config(exchange: Exchange) -> Response:
    return Response() if _jobs(exchange).find(_name(exchange)) else _missing()


def _create_job(exchange: Exchange) -> Response:
    name = exchange.text("name")
    if _jobs(exchange).find(name) is not None:
        return text_response(f"A job already exists with the name {name}", status=400)
    _jobs(exchange).add(_job(name))
    return Response()


def _turn(exchange: Exchange, *, buildable: bool) -> Response:
    color = "blue" if buildable else "disabled"
    job = _jobs(exchange).change(_name(exchange), {"buildable": buildable, "color": color})
    return _seen(exchange, f"/job/{_name(exchange)}/") if job else _missing()


def _delete_job(exchange: Exchange) -> Response:
    return _seen(exchange, "/") if _jobs(exchange).remove(_name(exchange)) else _missing()


def _start(exchange: Exchange) -> Response:
    job = _jobs(exchange).find(_name(exchange))
    if job is None:
        return _missing()
    if not job["buildable"]:
        return text_response("shop is not buildable", status=409)
    number = 39 + exchange.account.number("queue")
    Shelf(exchange.account, "queue").add({"id": number, "job": _name(exchange)})
    return Response(status=201, headers={"location": exchange.request.url(f"/queue/item/{number}/")})


def _waiting(thing: Thing) -> Thing:
    task = {"name": thing["job"], "url": f"/job/{thing['job']}/"}
    return {"_class": "hudson.model.Queue$WaitingItem", "id": thing["id"], "task": task, "blocked": False,
            "buildable": True, "stuck": False, "why": "In the quiet period",
            "url": f"queue/item/{thing['id']}/"}  # fmt: skip


def _queue(exchange: Exchange) -> Response:
    waiting = [one for one in Shelf(exchange.account, "queue").all if "number" not in one]
    return json_response({"_class": "hudson.model.Queue", "items": [_waiting(one) for one in waiting]})


def _queue_item(exchange: Exchange) -> Response:
    """Whoever asks finds that it has become a build."""
    thing = Shelf(exchange.account, "queue").find(exchange.text("number"))
    if thing is None:
        return _missing()
    job = str(thing["job"])
    if "number" not in thing:
        thing["number"] = _BUILDS + exchange.account.number(f"builds of {job}")
        _builds(exchange.account, job).add(_build(job, int(str(thing["number"]))))
    became = {"number": thing["number"], "url": f"/job/{job}/{thing['number']}/"}
    left = {"_class": "hudson.model.Queue$LeftItem", "why": None, "cancelled": False, "executable": became}
    return json_response({**_waiting(thing), **left})


def _cancel(exchange: Exchange) -> Response:
    is_gone = Shelf(exchange.account, "queue").remove(exchange.text("id"))
    return Response(status=204) if is_gone else _missing()


def _get_build(exchange: Exchange) -> Response:
    return _found(_builds(exchange.account, _name(exchange)).find(exchange.text("number")))


def _last_build(exchange: Exchange) -> Response:
    return _found(next(iter(_builds(exchange.account, _name(exchange)).all[::-1]), None))


def _log(exchange: Exchange) -> Response:
    if _builds(exchange.account, _name(exchange)).find(exchange.text("number")) is None:
        return _missing()
    rest = text_response(_LOG[exchange.integer("start", 0) :])
    return rest.with_headers({"x-text-size": str(len(_LOG))})


def _stop(exchange: Exchange) -> Response:
    number = exchange.operation.path_values.get("number", str(_BUILDS))
    stopped = _builds(exchange.account, _name(exchange)).change(number, {"result": "ABORTED"})
    return _seen(exchange, f"/job/{_name(exchange)}/{number}/") if stopped else _missing()


def _node(name: str) -> Thing:
    return {"_class": "hudson.slaves.SlaveComputer", "displayName": name, "offline": False, "idle": True,
            "temporarilyOffline": False, "offlineCauseReason": "", "numExecutors": 2}  # fmt: skip


def _nodes(exchange: Exchange) -> Response:
    del exchange
    return json_response({"busyExecutors": 0, "computer": [_node("Built-In Node"), _node("agent-1")]})


def _view(exchange: Exchange) -> Response:
    name = exchange.operation.path_values["view"]
    return json_response({"name": name, "url": f"/view/{name}/", "jobs": _jobs(exchange).all})


_ANSWERS: Mapping[str, Callable[[Exchange], Response]] = {
    "GET /api/json": _system,
    "GET /job/{}/api/json": _get_job,
    "GET /job/{}/config.xml": _get_config,
    "POST /job/{}/config.xml": _set_config,
    "POST /createItem": _create_job,
    "POST /job/{}/enable": lambda exchange: _turn(exchange, buildable=True),
    "POST /job/{}/disable": lambda exchange: _turn(exchange, buildable=False),
    "POST /job/{}/doDelete": _delete_job,
    "POST /job/{}/build": _start,
    "POST /job/{}/buildWithParameters": _start,
    "GET /job/{}/lastBuild/api/json": _last_build,
    "GET /job/{}/{}/api/json": _get_build,
    "GET /job/{}/{}/logText/progressiveText": _log,
    "POST /job/{}/{}/stop": _stop,
    "POST /job/{}/lastBuild/stop": _stop,
    "GET /queue/api/json": _queue,
    "GET /queue/item/{}/api/json": _queue_item,
    "POST /queue/cancelItem": _cancel,
    "GET /computer/api/json": _nodes,
    "GET /computer/{}/api/json": lambda exchange: json_response(
        _node(exchange.operation.path_values["node"])
    ),
    "GET /view/{}/api/json": _view,
}
