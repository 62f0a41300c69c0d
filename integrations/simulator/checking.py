"""Whether a request carries what the manifest and the lock ask for."""

import re
from collections.abc import Mapping

import msgspec

from integrations.manifest import contract, pointers
from integrations.manifest.schema import Input
from integrations.simulator.messages import Request
from integrations.simulator.operations import Operation, body_of


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with a request: the field and the reason (`missing`, `invalid`)."""

    field: str
    reason: str


def problems_of(operation: Operation, request: Request, lock: contract.Lock) -> list[Problem]:
    """Return what is missing or of the wrong type, by the manifest's inputs and by what the lock requires.

    Raises:
        ValueError: when the body is not what its content type says.
    """
    sent = _Sent(operation, request)
    action = operation.action
    # Only an action in code knows where in a body it puts its inputs.
    asked = {name: one for name, one in action.input.items() if not (action.code and one.place == "body")}
    found = [_problem(name, field, sent) for name, field in asked.items()]
    fact = lock.operations.get(operation.action.operation)
    known = {problem.field for problem in found if problem}
    missing = [name for name in sent.lacks(fact) if name not in known] if fact else []
    return [*(p for p in found if p), *(Problem(field=name, reason="missing") for name in missing)]


def _body_input(operation: Operation) -> str:
    """The one input that is the whole of a text."""
    return next((name for name, one in operation.action.input.items() if one.place == "body"), "")


class _Sent:
    """What a request carries, by input."""

    def __init__(self, operation: Operation, request: Request) -> None:
        self._path = operation.path_values
        self._request = request
        self._query = dict(request.query)
        self._body = body_of(request)
        self._native = request.content_type.endswith("json")
        self._whole = operation.action.body.whole if operation.action.body is not None else ""
        kind = operation.action.body.kind if operation.action.body is not None else ""
        if kind in ("text", "bytes"):
            self._body, self._whole = request.body or None, _body_input(operation)

    def value(self, name: str, field: Input) -> object:
        """Return an input's value, None when it is not there."""
        wire = field.name or name
        match field.place:
            case "path":
                return self._path.get(name, self._path.get(wire))
            case "query":
                return self._query.get(wire, self._query.get(f"{wire}[]"))
            case "header":
                return self._request.headers.get(wire.lower())
            case "body":
                return self._body if name == self._whole else _at(self._body, field.to or f"/{wire}")
            case "variable":
                return _at(self._body, f"/variables{field.to or f'/{wire}'}")
            case "file" | "filename":
                return self._request.body or None

    def lacks(self, fact: contract.Operation) -> list[str]:
        """Return the contract's required parameters that are not there.

        A path that matched has its parameters, by whatever names the manifest gives them.
        """
        return [
            name
            for name, parameter in fact.parameters.items()
            if parameter.required
            and parameter.place not in {"path", "file"}
            and self.value(name, Input(place=parameter.place, name=name)) is None
        ]

    def is_native(self, field: Input) -> bool:
        """Whether the input's value came as a JSON value, not as text."""
        return self._native and field.place in {"body", "variable"}


def _problem(name: str, field: Input, sent: _Sent) -> Problem | None:
    value = sent.value(name, field)
    wire = field.name or name
    if value is None:
        return Problem(field=wire, reason="missing") if field.required else None
    fits = _fits_natively(field, value) if sent.is_native(field) else _fits_as_text(field, str(value))
    return None if fits else Problem(field=wire, reason="invalid")


def _at(value: object, pointer: str) -> object:
    found = pointers.get(value, pointer)
    return None if found is pointers.MISSING else found


_NATIVE: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
}
_TEXTUAL: Mapping[str, re.Pattern[str]] = {
    "integer": re.compile(r"-?\d+"),
    "number": re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?"),
    "boolean": re.compile(r"true|false|1|0"),
}


def _fits_natively(field: Input, value: object) -> bool:
    if isinstance(value, bool) and field.type != "boolean":
        return False
    known = not field.enum or str(value) in field.enum
    return known and isinstance(value, _NATIVE.get(field.type, (object,)))


def _fits_as_text(field: Input, text: str) -> bool:
    # An object or array stands here as JSON or in the vendor's own style, which is not looked into.
    pattern = _TEXTUAL.get(field.type)
    known = not field.enum or text in field.enum or field.type == "array"
    return known and (pattern is None or pattern.fullmatch(text) is not None)
