"""A container engine's double: containers and volumes that are kept; all else by the shapes of its contract.

Shapes, statuses and frames: the Engine API 1.41; what it says was seen on dockerd 20.10.
"""

import hashlib
from collections.abc import Callable, Mapping

from integrations.execution.outcome import FailureKind
from integrations.simulator.accounts import Account, Quota
from integrations.simulator.messages import Response, json_response
from integrations.simulator.operations import Operation, body_of
from integrations.simulator.vendors.generic import Exchange, GenericVendor, Refusal
from integrations.simulator.vendors.shelf import Shelf, Thing

_STATUS: Mapping[FailureKind, int] = {
    FailureKind.UNAUTHORIZED: 401,
    FailureKind.FORBIDDEN: 403,
    FailureKind.NOT_FOUND: 404,
    FailureKind.THROTTLED: 429,
    FailureKind.VENDOR_ERROR: 409,
    FailureKind.SERVER_ERROR: 500,
}
_VERSION = {
    "Version": "20.10.24",
    "ApiVersion": "1.41",
    "MinAPIVersion": "1.12",
    "Os": "linux",
    "Arch": "amd64",
}
_RUNNING, _EXITED = "running", "exited"


class Docker(GenericVendor):
    """An engine with one running container."""

    def settle(self, account: Account) -> None:
        """Put a container and a volume there."""
        Shelf(account, "containers", key="Name").add(
            _container("shop-web", {"Image": "nginx:1.27"}, _RUNNING)
        )
        Shelf(account, "volumes", key="Name").add(_volume("shop-data", {}))

    def headers(self, operation: Operation | None, quota: Quota) -> Mapping[str, str]:
        """Return the version, which stands in every answer."""
        del operation, quota
        return {"api-version": "1.41", "ostype": "linux", "server": "Docker/20.10.24 (linux)"}

    def refuse(self, refusal: Refusal) -> Response:
        """Say no with a message."""
        status = refusal.status or _STATUS.get(refusal.kind, 400)
        wrong = ", ".join(f"{one.reason} parameter {one.field}" for one in refusal.problems)
        wait = {"retry-after": f"{max(refusal.retry_after, 1):.0f}"}
        headers = wait if refusal.kind is FailureKind.THROTTLED else {}
        return json_response(
            {"message": wrong or refusal.code or "simulated"}, status=status, headers=headers
        )

    def answer(self, exchange: Exchange) -> Response:
        """Answer from what is kept, or in the operation's shape."""
        build = _ANSWERS.get(exchange.operation.shape)
        if build is not None:
            return build(exchange)
        if exchange.operation.action.answer == "ndjson":
            return Response(headers={"content-type": "application/json"}, body=b'{"status":"simulated"}\n')
        return super().answer(exchange)


def _container(name: str, given: Mapping[str, object], state: str) -> Thing:
    made = hashlib.sha256(name.encode()).hexdigest()
    return {"Id": made, "Name": name, "Config": dict(given), "State": {"Status": state}}


def _volume(name: str, given: Mapping[str, object]) -> Thing:
    plain = {"Driver": "local", "Scope": "local", "Labels": {}, "Options": {}}
    return {**plain, **given, "Name": name, "Mountpoint": f"/var/lib/docker/volumes/{name}/_data"}


def _containers(exchange: Exchange) -> Shelf:
    return Shelf(exchange.account, "containers", key="Name")


def _volumes(exchange: Exchange) -> Shelf:
    return Shelf(exchange.account, "volumes", key="Name")


def _given(exchange: Exchange) -> Thing:
    body = body_of(exchange.request)
    return dict(body) if isinstance(body, dict) else {}


def _id(exchange: Exchange) -> str:
    return next(iter(exchange.operation.path_values.values()))


def _missing(what: str) -> Response:
    return json_response({"message": f"No such {what}"}, status=404)


def _version(exchange: Exchange) -> Response:
    del exchange
    return json_response(_VERSION)


def _ping(exchange: Exchange) -> Response:
    del exchange
    return Response(headers={"content-type": "text/plain; charset=utf-8"}, body=b"OK")


def _list(exchange: Exchange) -> Response:
    is_all = exchange.text("all") == "true"
    found = [one for one in _containers(exchange).all if is_all or one["State"] == {"Status": _RUNNING}]
    return json_response([_summary(one) for one in found])


def _summary(thing: Thing) -> Thing:
    config, state = thing["Config"], thing["State"]
    image = config.get("Image", "") if isinstance(config, dict) else ""
    status = state.get("Status", "") if isinstance(state, dict) else ""
    return {"Id": thing["Id"], "Names": [f"/{thing['Name']}"], "Image": image, "State": status, "Labels": {}}


def _get(exchange: Exchange) -> Response:
    thing = _containers(exchange).find(_id(exchange))
    return json_response({**thing, "Name": f"/{thing['Name']}"}) if thing else _missing("container")


def _create(exchange: Exchange) -> Response:
    name = exchange.text("name") or f"simulated-{exchange.account.number('container')}"
    shelf = _containers(exchange)
    made = shelf.find(name) or shelf.add(_container(name, _given(exchange), "created"))
    return json_response({"Id": made["Id"], "Warnings": []}, status=201)


def _turn(exchange: Exchange, state: str) -> Response:
    """Set a container's state; 304 where it has it already."""
    thing = _containers(exchange).find(_id(exchange))
    if thing is None:
        return _missing("container")
    status = 304 if thing["State"] == {"Status": state} else 204
    thing["State"] = {"Status": state}
    return Response(status=status)


def _remove(exchange: Exchange) -> Response:
    return Response(status=204) if _containers(exchange).remove(_id(exchange)) else _missing("container")


def _logs(exchange: Exchange) -> Response:
    if _containers(exchange).find(_id(exchange)) is None:
        return _missing("container")
    wanted = {1: b"simulated\n"} if exchange.text("stdout") == "true" else {}
    wanted |= {2: b"simulated error\n"} if exchange.text("stderr") == "true" else {}
    frames = [
        bytes([stream, 0, 0, 0]) + len(text).to_bytes(4, "big") + text for stream, text in wanted.items()
    ]
    return Response(headers={"content-type": "application/octet-stream"}, body=b"".join(frames))


def _create_volume(exchange: Exchange) -> Response:
    given, shelf = _given(exchange), _volumes(exchange)
    name = str(given.pop("Name", ""))
    return json_response(shelf.find(name) or shelf.add(_volume(name, given)), status=201)


def _get_volume(exchange: Exchange) -> Response:
    found = _volumes(exchange).find(_id(exchange))
    return json_response(found) if found else _missing("volume")


def _remove_volume(exchange: Exchange) -> Response:
    return Response(status=204) if _volumes(exchange).remove(_id(exchange)) else _missing("volume")


_ANSWERS: Mapping[str, Callable[[Exchange], Response]] = {
    "GET /_ping": _ping,
    "GET /v{}/version": _version,
    "GET /v{}/containers/json": _list,
    "GET /v{}/containers/{}/json": _get,
    "GET /v{}/containers/{}/logs": _logs,
    "POST /v{}/containers/create": _create,
    "POST /v{}/containers/{}/start": lambda exchange: _turn(exchange, _RUNNING),
    "POST /v{}/containers/{}/stop": lambda exchange: _turn(exchange, _EXITED),
    "DELETE /v{}/containers/{}": _remove,
    "GET /v{}/volumes": lambda exchange: json_response({"Volumes": _volumes(exchange).all, "Warnings": []}),
    "GET /v{}/volumes/{}": _get_volume,
    "POST /v{}/volumes/create": _create_volume,
    "DELETE /v{}/volumes/{}": _remove_volume,
}
