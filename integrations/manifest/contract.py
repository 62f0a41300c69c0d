"""contract.lock: the facts of a published contract that a manifest rests on, and the check that both agree.

A lock keeps, for each operation a manifest uses, what the contract says of it: method, path, parameters with
their place, security schemes, statuses. An entry of kind `contract` was derived from a description whose
sha256 stands in the lock; one of kind `docs` was entered by hand, with the vendor's page to look it up on and
the day of its entry, and never counts as checked. `verify` needs the lock only, so it runs anywhere.
"""

import hashlib
import re
from collections.abc import Collection, Iterator
from typing import Literal, NamedTuple

import msgspec

from integrations.manifest import pointers
from integrations.manifest.authentication import Auth
from integrations.manifest.schema import Action, Input, Manifest
from integrations.manifest.shape import Shape
from integrations.manifest.templates import Template

Place = Literal["path", "query", "header", "body", "variable", "file", "filename"]
Scheme = Literal["none", "api_key", "basic", "bearer", "oauth2"]

_FIELD = re.compile(r"\{([a-z0-9_.]+)(?:\|[a-z_]+)?\}")
_OF_A_BODY = frozenset({"body", "file", "filename"})
_GRAPHQL = {"Int": "integer", "Float": "number", "Boolean": "boolean", "String": "string", "ID": "string"}
_AGREES: dict[str, frozenset[str]] = {
    "none": frozenset({"none"}),
    "api_key": frozenset({"api_key"}),
    "basic": frozenset({"basic"}),
    "bearer": frozenset({"bearer", "oauth2"}),
    "oauth2": frozenset({"bearer", "oauth2"}),
    "github_app": frozenset({"bearer", "oauth2"}),
    "client_certificate": frozenset({"none"}),
}


class _Fact(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A part of a lock."""


class LockedSource(_Fact, frozen=True, kw_only=True):
    """Which file the facts were derived from. `revision` is the description's own, and so is `date` where it
    has one; else it is the day on which the file was collected.
    """

    source: str
    revision: str
    sha256: str
    date: str = ""


class Parameter(_Fact, frozen=True, kw_only=True):
    """One parameter of an operation, by its wire name. `type` is a GraphQL variable's, as its document has
    it.
    """

    place: Place = msgspec.field(name="in")
    required: bool = False
    type: str = ""


class Operation(_Fact, frozen=True, kw_only=True):
    """What is known of one operation. `open` says that its body takes fields the contract does not name, and
    `silent` names the places of which it says nothing at all.

    `security` is empty where the contract states none. `document` is the sha256 of a GraphQL document that
    was validated, and `fields` are its root fields. `answer` is the shape of a good answer. `page` and `date`
    are for kind `docs`: where the vendor documents it, and the day it was entered, which does not say that
    anybody read the page that day.
    """

    kind: Literal["contract", "docs"]
    method: str
    path: str
    parameters: dict[str, Parameter] = {}
    open: bool = False
    security: tuple[Scheme, ...] = ()
    statuses: tuple[str, ...] = ()
    silent: tuple[Place, ...] = ()
    document: str = ""
    fields: tuple[str, ...] = ()
    answer: Shape | None = None
    page: str = ""
    date: str = ""


class RealServer(_Fact, frozen=True, kw_only=True):
    """A real server that the vendor's actions are tested against: which, since when, and by which test.
    Entered by hand.
    """

    server: str
    date: str
    test: str


class Lock(_Fact, frozen=True, kw_only=True):
    """All facts of one vendor: sources by contract name, operations by `contract:operationId`, and the real
    servers it was `tested` against.
    """

    sources: dict[str, LockedSource] = {}
    operations: dict[str, Operation] = {}
    tested: tuple[RealServer, ...] = ()


class Finding(NamedTuple):
    """Something on which a manifest and its lock do not agree."""

    vendor: str
    action: str
    text: str


class Evidence(NamedTuple):
    """What some of a vendor's actions rest on: the kind of description, its date, and how many they are.

    The date is a description's own or that of its collection, and for facts by hand that of their entry.
    """

    kind: str
    date: str
    actions: int


def verify(manifest: Manifest, lock: Lock) -> list[Finding]:
    """Everything on which they do not agree; empty when the manifest stands."""
    found = [Finding(manifest.id, "", text) for text in _sources(manifest, lock)]
    used = {action.operation for action in manifest.actions.values()}
    found += [
        Finding(manifest.id, "", f"the lock holds {name}, which no action uses; run `make contracts`")
        for name in lock.operations
        if name not in used
    ]
    for name, action in manifest.actions.items():
        found += [Finding(manifest.id, name, text) for text in _action(manifest, action, lock)]
    return found


def evidence(manifest: Manifest, lock: Lock) -> tuple[Evidence, ...]:
    """How many actions rest on which evidence, from which date; code without contract is `none`."""
    counts: dict[tuple[str, str], int] = {}
    for action in manifest.actions.values():
        fact = lock.operations.get(action.operation)
        key = ("none", "")
        if fact is not None and fact.kind == "docs":
            key = ("vendor docs", fact.date)
        elif fact is not None:
            contract = action.operation.partition(":")[0]
            source = lock.sources.get(contract)
            key = (manifest.contracts[contract].evidence, source.date if source is not None else "")
        counts[key] = counts.get(key, 0) + 1
    return tuple(Evidence(kind, date, actions) for (kind, date), actions in sorted(counts.items()))


def wire_name(name: str, declared: Input) -> str:
    """What an input is called in the request; for a JSON body its first token."""
    if declared.place in ("body", "variable") and declared.to:
        return pointers.parse(declared.to)[0]
    wire = declared.name or name
    return f"{wire}[]" if declared.place in ("query", "body") and declared.style == "brackets" else wire


def wire_path(action: Action) -> str:
    """The path with each placeholder as the contract calls it."""
    return _FIELD.sub(lambda field: f"{{{_placeholder(action, field[1])}}}", action.path)


def _placeholder(action: Action, name: str) -> str:
    declared = action.input.get(name)
    return name.rpartition(".")[2] if declared is None else declared.name or name


def _sources(manifest: Manifest, lock: Lock) -> Iterator[str]:
    for name, contract in manifest.contracts.items():
        if contract.kind == "docs":
            continue
        locked = lock.sources.get(name)
        if locked is None:
            yield f"contract {name} is not in the lock; run `make contracts`"
        elif locked.source != contract.source:
            yield f"contract {name} is {contract.source}, the lock has {locked.source}; run `make contracts`"


def _action(manifest: Manifest, action: Action, lock: Lock) -> Iterator[str]:
    if not action.operation:
        if not action.code:
            yield "names no operation"
        return
    fact = lock.operations.get(action.operation)
    if fact is None:
        yield f"{action.operation} is not in the lock"
        return
    if fact.kind == "docs" and not (fact.page and fact.date):
        yield f"{action.operation} is entered by hand and names no page or no date"
    if fact.kind == "contract" and action.operation.partition(":")[0] not in lock.sources:
        yield f"{action.operation} is of no file that the lock names; run `make contracts`"
    yield from _request(action, fact)
    yield from _inputs(action, fact, headers={name.lower() for name in (*manifest.headers, *action.headers)})
    yield from _returned(action, fact)
    yield from _security(manifest.auth, fact)


def _request(action: Action, fact: Operation) -> Iterator[str]:
    method = "POST" if action.graphql else action.method
    if method != fact.method:
        yield f"sends {method}, {action.operation} is {fact.method}"
    path = wire_path(action)
    if path != fact.path:
        yield f"asks {path}, {action.operation} is {fact.path}"
    sent = hashlib.sha256(action.graphql.encode()).hexdigest() if action.graphql else ""
    if sent != fact.document and (fact.document or fact.kind == "contract"):
        yield "sends another document than the one that was validated; run `make contracts`"


def _inputs(action: Action, fact: Operation, *, headers: Collection[str]) -> Iterator[str]:
    mapped = [(wire_name(name, declared), name, declared) for name, declared in action.input.items()]
    # Several inputs may fill one variable or part of a body; that one of them is there is enough.
    sure = _constants(action) | {wire for wire, _, declared in mapped if _is_always_sent(declared)}
    wires = {wire for wire, _, _ in mapped}
    for wire, parameter in fact.parameters.items():
        is_sent = parameter.place == "header" and wire.lower() in headers
        if parameter.required and wire not in wires | sure and not is_sent:
            yield f"the required {parameter.place} parameter {wire} is not mapped"
    for wire, name, declared in mapped:
        known = fact.parameters.get(wire)
        if known is None:
            if not _may_be_unknown(declared.place, fact):
                yield f"input {name} goes to {declared.place} {wire}, which {action.operation} does not know"
            continue
        if wire in sure:
            known = msgspec.structs.replace(known, required=False)
        found = _mapped(declared, known, operation=action.operation, wire=wire)
        yield from (f"input {name} {text}" for text in found)


def _returned(action: Action, fact: Operation) -> Iterator[str]:
    """What is returned must stand where the lock's shape of the answer has it."""
    shape: Shape | str | None = fact.answer
    for token in pointers.parse(action.items or action.output):
        if not isinstance(shape, Shape) or "array" in shape.types or not shape.fields:
            return
        if token not in shape.fields:
            yield f"returns {action.items or action.output}, {action.operation} answers no {token}"
            return
        shape = shape.fields[token]


def _mapped(declared: Input, known: Parameter, *, operation: str, wire: str) -> Iterator[str]:
    if known.place != declared.place and not {known.place, declared.place} <= _OF_A_BODY:
        yield f"goes to {declared.place}, {operation} wants it in {known.place}"
    if known.type and not declared.to and not _takes(known.type, declared.type):
        yield f"is {declared.type}, {operation} wants {known.type} in {wire}"
    if known.required and not _is_always_sent(declared):
        yield f"is optional, {operation} requires {wire}"


def _is_always_sent(declared: Input) -> bool:
    return declared.required or declared.default is not msgspec.UNSET


def _may_be_unknown(place: Place, fact: Operation) -> bool:
    return place == "filename" or place in fact.silent or (fact.open and place in _OF_A_BODY)


def _takes(wanted: str, given: str) -> bool:
    """Whether a GraphQL variable's type takes an input's; of the vendor's own types the schema decides."""
    if wanted.startswith("["):
        return given == "array"
    word = _GRAPHQL.get(wanted.rstrip("!"))
    return word is None or given == word or (word == "number" and given == "integer")


def _constants(action: Action) -> set[str]:
    """The wire names that the manifest itself gives a value."""
    base = action.body.base if action.body is not None else None
    names = set(base) if isinstance(base, dict) else set()
    if action.idempotency is not None:
        place = action.idempotency
        wire = wire_name(place.path, action.input[place.path]) if place.path else ""
        names.add(place.header or wire or pointers.parse(place.to)[0])
    in_path = (name.partition(".")[2] for name in Template(action.path).names if "." in name)
    return names | set(action.query) | set(action.headers) | set(in_path)


def _security(auth: dict[str, Auth], fact: Operation) -> Iterator[str]:
    kinds = {str(kind.__struct_config__.tag) for kind in auth.values()}
    if fact.security and not any(_AGREES[kind] & set(fact.security) for kind in kinds):
        yield f"authenticates by {', '.join(sorted(kinds))}, the contract by {', '.join(fact.security)}"
