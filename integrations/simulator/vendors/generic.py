"""How a simulated vendor answers where nothing is known of its own ways: plain HTTP, by the manifest."""

from collections.abc import Mapping, Sequence

import msgspec

from integrations.execution.outcome import FailureKind
from integrations.manifest import pointers
from integrations.manifest.contract import Lock
from integrations.manifest.schema import Manifest
from integrations.manifest.shape import Shape
from integrations.simulator.accounts import Account, Quota, authenticate
from integrations.simulator.checking import Problem
from integrations.simulator.messages import Request, Response, json_response, text_response
from integrations.simulator.operations import Operation, Operations
from integrations.simulator.vendors.memory import Gone, Memory
from integrations.simulator.vendors.wording import error_body, met, put, quota_headers

_STATUS: Mapping[FailureKind, int] = {
    FailureKind.UNAUTHORIZED: 401,
    FailureKind.FORBIDDEN: 403,
    FailureKind.NOT_FOUND: 404,
    FailureKind.CLIENT_ERROR: 400,
    FailureKind.THROTTLED: 429,
    FailureKind.VENDOR_ERROR: 200,
}


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Why a request is refused; each vendor says it in its own form.

    `code` is a vendor's error word, `problems` what is wrong with the request, `retry_after` is in seconds,
    `status` is for a server error, `exhausted` says that the quota is used up.
    """

    kind: FailureKind
    code: str = ""
    problems: tuple[Problem, ...] = ()
    exhausted: bool = False
    retry_after: float = 0.0
    status: int = 0


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """One request that was found good: `values` by wire name, `now` in UTC seconds."""

    request: Request
    operation: Operation
    account: Account
    values: Mapping[str, object]
    now: float

    def text(self, name: str, default: str = "") -> str:
        """Return a value as text."""
        value = self.values.get(name)
        return default if value is None else str(value)

    def integer(self, name: str, default: int) -> int:
        """Return a value as a number, the default when it is none."""
        text = self.text(name)
        return int(text) if text.lstrip("-").isdigit() else default


class GenericVendor:
    """A vendor of which only the manifest is known. A vendor with ways of its own overrides what differs.

    `limits` are an account's quotas by bucket: requests in seconds.
    """

    limits: Mapping[str, tuple[int, float]] = {"default": (6_000, 60.0)}

    def __init__(self, manifest: Manifest, lock: Lock) -> None:
        self.manifest = manifest
        self.lock = lock
        self._operations = Operations(manifest)

    def settle(self, account: Account) -> None:
        """Give a new account what it has from the start."""

    def account(self, request: Request, accounts: Sequence[Account]) -> Account | None:
        """Return whose request this is, None when its credential is missing or wrong."""
        return authenticate(self.manifest, request, accounts)

    def operation(self, request: Request) -> Operation | None:
        """Return which action a request means."""
        return self._operations.find(request)

    def stranger(self, request: Request, accounts: Sequence[Account]) -> Refusal:
        """Say why a request without an account is refused."""
        del request, accounts
        return Refusal(kind=FailureKind.UNAUTHORIZED)

    def unknown(self, request: Request) -> Response:
        """Refuse a path or method that the vendor does not have."""
        methods = self._operations.methods(request.path)
        if methods:
            return text_response("method not allowed", status=405).with_headers({"allow": ", ".join(methods)})
        return self.refuse(Refusal(kind=FailureKind.NOT_FOUND))

    def bucket(self, operation: Operation | None) -> str:
        """Return which of `limits` an operation draws on."""
        del operation
        return next(iter(self.limits))

    def cost(self, operation: Operation | None) -> int:
        """Return how many requests of the quota an operation takes."""
        del operation
        return 1

    def exhausted(self, seconds: float) -> Refusal:
        """Refuse because the quota is used up for so many seconds more."""
        return Refusal(kind=FailureKind.THROTTLED, retry_after=max(seconds, 1.0), exhausted=True)

    def refuse(self, refusal: Refusal) -> Response:
        """Say no, in the vendor's form."""
        status = refusal.status or _STATUS.get(refusal.kind, 500)
        headers = (
            {"retry-after": f"{refusal.retry_after:.0f}"} if refusal.kind is FailureKind.THROTTLED else {}
        )
        message = "; ".join(f"{one.field} is {one.reason}" for one in refusal.problems)
        said = error_body(
            self.manifest,
            refusal.kind,
            code=refusal.code,
            message=message or f"simulated {refusal.kind.value}",
        )
        body = {"error": refusal.code or refusal.kind.value, "problems": list(refusal.problems)}
        return json_response(said or body, status=status, headers=headers)

    def headers(self, operation: Operation | None, quota: Quota) -> Mapping[str, str]:
        """Return the headers of each answer: the account's quota, as the vendor says it."""
        bucket = operation.action.bucket if operation is not None else ""
        return quota_headers(self.manifest, bucket, quota)

    def answer(self, exchange: Exchange) -> Response:
        """Answer a good request: a value that has what the action's pointers and checks ask for, and what was
        created before.
        """
        action = exchange.operation.action
        if action.answer == "ndjson":
            return text_response('{"id":1}\n{"id":2}\n', content_type="application/x-ndjson")
        if action.answer not in ("json", "none"):
            return text_response("simulated")
        try:
            data = self._recalled(exchange, self._data(exchange.operation))
        except Gone:
            return self.refuse(Refusal(kind=FailureKind.NOT_FOUND))
        return Response(status=204) if action.answer == "none" else json_response(data)

    def _data(self, operation: Operation) -> object:
        """What is answered to an operation where nothing is remembered."""
        action = operation.action
        fact = self.lock.operations.get(action.operation)
        data = {"id": 1, "name": "simulated"} if fact is None or fact.answer is None else sample(fact.answer)
        if (action.items or action.paginate) and not isinstance(pointers.get(data, action.items), list):
            things = [{"id": number, "name": f"simulated {number}"} for number in range(1, 4)]
            data = put(data, action.items, things)
        for check in self.manifest.health:
            if check.action == operation.name and check.expect is not None and check.expect.json is not None:
                data = met(data, check.expect.json)
        return data

    def _recalled(self, exchange: Exchange, data: object) -> object:
        """The same answer with what the account has created, changed and deleted."""
        operation, memory = exchange.operation, Memory(exchange.account)
        pointer = operation.action.items or operation.action.output
        part = pointers.get(data, pointer)
        if isinstance(part, list):
            return put(data, pointer, memory.listed(operation, part))
        record = memory.answer(operation, part if isinstance(part, dict) else {}, sent=_sent(exchange))
        return put(data, pointer, record) if isinstance(part, dict) else data


def _sent(exchange: Exchange) -> dict[str, object]:
    """What a request sends of a thing's own fields: of GraphQL its variables, else all but the path."""
    variables = exchange.values.get("variables")
    values = variables if isinstance(variables, dict) else exchange.values
    fields = exchange.values.get("fields")
    named = {name: value for name, value in values.items() if name not in exchange.operation.path_values}
    return {**named, **(fields if isinstance(fields, dict) else {})}


_SAMPLES: Mapping[str, object] = {
    "object": {}, "array": [], "string": "simulated", "integer": 1, "number": 1.5, "boolean": True,
}  # fmt: skip


def sample(shape: Shape | str) -> object:
    """Return a value of a shape, with all fields it names; null only where nothing else is allowed."""
    if isinstance(shape, str):
        return _SAMPLES.get(shape.partition("|")[0])
    if shape.fields or shape.required:
        named = {name: sample(shape.fields.get(name, "string")) for name in (*shape.fields, *shape.required)}
        return named if "array" not in shape.types else [named]
    return [sample(shape.items)] if shape.items else sample(shape.types)
