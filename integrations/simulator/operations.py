"""Which action of a manifest a request means, and which values it carries."""

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote

import msgspec

from integrations.manifest.schema import Action, Manifest
from integrations.simulator.messages import Request

_PLACEHOLDER = re.compile(r"(\{[\w.]+(?:\|\w+)?\})")

_OTHER = 1_000
"""What one constant of another value weighs: more than all that agree."""


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """A request understood: the action, its `METHOD /path` with empty placeholders, and the path's values."""

    name: str
    action: Action
    shape: str
    path_values: Mapping[str, str]


class Operations:
    """All actions of a manifest, by method and path."""

    def __init__(self, manifest: Manifest) -> None:
        self._rows = [
            (name, action, _pattern(action.path), shape_of(action.method, action.path))
            for name, action in manifest.actions.items()
        ]
        # A fixed path is tried before one with placeholders: /issues/search before /issues/{id}.
        self._rows.sort(key=lambda row: row[3].count("{}"))

    def find(self, request: Request) -> Operation | None:
        """Return the operation of a request, or None when the vendor has no such method and path.

        Of several with the same method and path, it is the one whose constant query and body the
        request holds most of.
        """
        rows = [
            (row, found)
            for row in self._rows
            if (found := row[2].fullmatch(request.encoded or request.path))
            and row[1].method.upper() == request.method
            and _document_matches(row[1], request)
        ]
        if not rows:
            return None
        twins = [(row, found) for row, found in rows if row[3] == rows[0][0][3]]
        (name, action, _, shape), found = max(twins, key=lambda one: _agreement(one[0][1], request))
        values = {key: unquote(value) for key, value in found.groupdict().items()}
        return Operation(name=name, action=action, shape=shape, path_values=values)

    def methods(self, path: str) -> tuple[str, ...]:
        """Return the methods that a path has."""
        return tuple(sorted({row[1].method.upper() for row in self._rows if row[2].fullmatch(path)}))


def shape_of(method: str, path: str) -> str:
    """Return `METHOD /path/{}` with the placeholders' names taken out, to compare paths."""
    return f"{method.upper()} {_PLACEHOLDER.sub('{}', path)}"


def values_of(operation: Operation, request: Request) -> dict[str, object]:
    """Return the values a request carries, by wire name: path, query, headers' inputs and body.

    Raises:
        ValueError: when the body is not what its content type says.
    """
    values: dict[str, object] = {**operation.path_values, **dict(request.query)}
    body = body_of(request)
    if isinstance(body, dict):
        values.update(body)
    return values


def body_of(request: Request) -> object:
    """Return the decoded body: JSON values, or a form's fields; None when there is none.

    Raises:
        ValueError: when a JSON body is not JSON.
    """
    if not request.body:
        return None
    if request.content_type == "application/x-www-form-urlencoded":
        return dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
    if request.content_type.endswith("json"):
        return msgspec.json.decode(request.body)
    return None


def _pattern(path: str) -> re.Pattern[str]:
    parts = _PLACEHOLDER.split(path.partition("?")[0])
    return re.compile("".join(_group(part) if part.startswith("{") else re.escape(part) for part in parts))


def _group(placeholder: str) -> str:
    name, _, function = placeholder.strip("{}").partition("|")
    # A config value or a secret is no value of the request's own.
    group = "" if "." in name else f"?P<{name}>"
    # The slashes of a value that went through `segments` or `jobs` are meant.
    return {
        "segments": f"({group}.+)",
        "jobs": f"({group}[^/]+(?:/job/[^/]+)*)",
    }.get(function, f"({group}[^/]+)")


def _agreement(action: Action, request: Request) -> int:
    """How many values of the action's constant query and body a request holds; below 0 where it holds another
    one.
    """
    agreed = _agrees(action.query, dict(request.query))
    constant = action.body.base if action.body is not None else None
    if not constant or not isinstance(constant, dict):
        return agreed
    try:
        return agreed + _agrees(constant, body_of(request))
    except (ValueError, msgspec.DecodeError):
        return agreed


def _agrees(constant: object, sent: object) -> int:
    if isinstance(constant, dict):
        found = sent if isinstance(sent, dict) else {}
        return sum(_agrees(value, found.get(name)) for name, value in constant.items())
    # What is filled in may be anything, and a list may have got more than it was given.
    if isinstance(constant, list) or (isinstance(constant, str) and "{" in constant):
        return 0
    return 1 if constant == sent else -_OTHER


def _document_matches(action: Action, request: Request) -> bool:
    if not action.graphql:
        return True
    body = body_of(request)
    sent = body.get("query") if isinstance(body, dict) else None
    return isinstance(sent, str) and sent.split() == action.graphql.split()
