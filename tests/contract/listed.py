"""Reads descriptions that only list operations: Postman's collections, and lists out of a client's source.

They say little of queries and bodies, and the places they are silent of are named as such.
"""

import json
import re
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl

from tests.contract.described import ContractError, DescribedOperation, DescribedParameter, Description

_VARIABLE = re.compile(r"\{\{(\w+)\}\}|<(\w+)>")
_IN_PATH = re.compile(r"\{(\w+)\}")


def read_postman(requests: Iterable[Mapping[str, object]]) -> Description:
    """A collection of requests by `METHOD /path`; its variables `{{name}}`, and what `<NAME>` leaves to the
    reader, are placeholders `{name}`.
    """
    found: dict[str, DescribedOperation] = {}
    for request in requests:
        operation = _request(request)
        key = f"{operation.method} {operation.path}"
        known = found.get(key)
        if known is not None:
            operation = operation._replace(parameters={**known.parameters, **operation.parameters})
        found[key] = operation
    if not found:
        raise ContractError("the collection holds no requests")
    return Description(found, draft4=False)


def read_derived(raw: Mapping[str, object]) -> Description:
    """A list with `operations` (operationId, method, path) below `basePath`."""
    found: dict[str, DescribedOperation] = {}
    base = str(raw.get("basePath", ""))
    for one in raw["operations"]:
        path = base + one["path"]
        operation = DescribedOperation(
            one["method"], path, _placeholders(path), {}, False, (), (), silent=("query", "header", "body")
        )
        found[one["operationId"]] = found[f"{one['method']} {path}"] = operation
    return Description(found, draft4=False)


def _request(request: Mapping[str, object]) -> DescribedOperation:
    url = _VARIABLE.sub(lambda found: f"{{{found[1] or found[2]}}}", str(request["url"]))
    address, _, query = url.partition("?")
    # What stands before the first slash is the variable that holds the host.
    path = "/" + address.partition("/")[2] if not address.startswith("http") else _path(address)
    parameters = _placeholders(path)
    # Those that are switched off are listed beside the address, and not in it.
    named = [str(one["key"]) for one in request.get("queryParams") or ()]
    for name in (*(name for name, _ in parse_qsl(query, keep_blank_values=True)), *named):
        parameters[name] = DescribedParameter("query", False, {})
    body = _body(str(request.get("rawModeData") or ""))
    return DescribedOperation(
        method=str(request["method"]),
        path=path,
        parameters=parameters,
        body=body,
        body_required=False,
        security=("oauth2",) if "Bearer" in str(request.get("headers")) else (),
        statuses=(),
        silent=("header", "body"),
    )


def _path(address: str) -> str:
    return "/" + address.partition("://")[2].partition("/")[2]


def _body(text: str) -> dict[str, object] | None:
    """The names of an example's fields; what else may stand there is not said."""
    try:
        example = json.loads(_VARIABLE.sub(lambda found: found[1] or found[0], text))
    except json.JSONDecodeError:
        return {} if text else None
    if not isinstance(example, dict):
        return {}
    return {"properties": {name: {} for name in example}, "additionalProperties": True}


def _placeholders(path: str) -> dict[str, DescribedParameter]:
    return {name: DescribedParameter("path", True, {}) for name in _IN_PATH.findall(path)}
