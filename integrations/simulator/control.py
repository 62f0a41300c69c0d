"""The control route: faults set, shown and taken away over HTTP, for the demo and for game days.

GET /_simulator                 the vendors, their mounts, accounts and requests
GET /_simulator/faults          the faults in force now, the schedule's too
POST /_simulator/faults         sets one: a Fault as JSON, with `duration` in seconds (none: until removed)
DELETE /_simulator/faults       takes all away, and the schedule
DELETE /_simulator/faults/ID    takes one away
POST /_simulator/expire/VENDOR/ACCOUNT  ends the access tokens that the account was sold

It asks for no credential: the simulator listens on loopback only.
"""

from collections.abc import Callable, Mapping

import msgspec

from integrations.simulator.faults import Fault, FaultBoard
from integrations.simulator.messages import Request, Response, json_response

CONTROL = "/_simulator"


class Control:
    """Answers the control route. `overview` says what is mounted, `expire` ends an account's tokens."""

    def __init__(
        self,
        faults: FaultBoard,
        overview: Callable[[], Mapping[str, object]],
        expire: Callable[[str, str], None],
    ) -> None:
        self._faults = faults
        self._expire = expire
        self._overview = overview

    def answer(self, request: Request) -> Response:
        """Answer one control request; problems are JSON with `error`."""
        tokens = [token for token in request.path.removeprefix(CONTROL).split("/") if token]
        match (request.method, *tokens):
            case ("GET",):
                return json_response(self._overview())
            case ("GET", "faults"):
                return json_response({"faults": self._faults.standing()})
            case ("POST", "faults"):
                return self._add(request.body)
            case ("DELETE", "faults", *fault_ids) if len(fault_ids) <= 1:
                return self._remove(*fault_ids)
            case ("POST", "expire", vendor, account):
                return self._end_tokens(vendor, account)
            case _:
                return json_response({"error": "no such control"}, status=404)

    def _end_tokens(self, vendor: str, account: str) -> Response:
        try:
            self._expire(vendor, account)
        except KeyError as error:
            return json_response({"error": f"there is no {error.args[0]}"}, status=404)
        return Response(status=204)

    def _add(self, body: bytes) -> Response:
        try:
            sent = msgspec.json.decode(body, type=dict[str, object])
            duration = msgspec.convert(sent.pop("duration", None), float | None)
            fault = msgspec.convert(sent, Fault)
            fault_id = self._faults.add(fault, duration=duration)
        except (msgspec.DecodeError, ValueError) as error:
            return json_response({"error": str(error)}, status=400)
        return json_response({"id": fault_id, "fault": fault, "duration": duration}, status=201)

    def _remove(self, fault_id: str = "") -> Response:
        """Take one fault away; without an id all, and the schedule."""
        if not fault_id:
            self._faults.clear()
            return Response(status=204)
        if fault_id.isdigit() and self._faults.remove(int(fault_id)):
            return Response(status=204)
        return json_response({"error": f"no fault has the id {fault_id}"}, status=404)
