"""ServiceNow's double: tables of records that can be created, found, changed and deleted, and attachments.

Forms: the Table API's reference and "Inbound REST API rate limiting" (github.com/ServiceNow/ServiceNowDocs).
"""

from collections.abc import Callable, Mapping
from hashlib import md5
from urllib.parse import urlencode

from integrations.execution.outcome import FailureKind
from integrations.simulator.accounts import Account, Quota
from integrations.simulator.messages import Response, json_response
from integrations.simulator.operations import Operation
from integrations.simulator.vendors.generic import Exchange, GenericVendor, Refusal

KNOWN = "9c573169c611228700193229fff72400"
"""The sys_id that each known table and the attachments have from the start."""

_INCIDENTS = 250
_TABLES = ("incident", "sys_user", "problem", "em_event")
_ATTACHMENTS = "attachments"

_ERRORS: Mapping[FailureKind, tuple[int, str, str]] = {
    FailureKind.UNAUTHORIZED: (401, "User Not Authenticated", "Required to provide Auth information"),
    FailureKind.FORBIDDEN: (403, "User Not Authorized", "Failed API level ACL Validation"),
    FailureKind.NOT_FOUND: (
        404, "No Record found", "Record doesn't exist or ACL restricts the record retrieval",
    ),
    FailureKind.CLIENT_ERROR: (400, "Invalid request", "The request could not be read"),
    FailureKind.THROTTLED: (429, "Rate limit exceeded", "Rate limit of 10000 requests per hour exceeded"),
    FailureKind.SERVER_ERROR: (500, "Internal error", "The request was not carried out"),
    FailureKind.VENDOR_ERROR: (403, "Transaction cancelled", "maximum execution time exceeded"),
}  # fmt: skip

Record = dict[str, object]


class ServiceNow(GenericVendor):
    """An instance with a rule that allows 10,000 requests an hour."""

    limits: Mapping[str, tuple[int, float]] = {"rule": (10_000, 3_600.0)}

    def settle(self, account: Account) -> None:
        """Give a new account records, and an attachment to the first incident."""
        for table in _TABLES:
            account.keep(table, {"sys_id": KNOWN, "number": f"{table}-0", "active": "true"})
        for number in range(1, _INCIDENTS):
            account.keep(
                "incident", {"sys_id": _sys_id(f"{number}"), "number": f"INC{number:07}", "active": "true"}
            )
        attached = {"table_name": "incident", "table_sys_id": KNOWN, "file_name": "log.txt"}
        account.keep(_ATTACHMENTS, {"sys_id": KNOWN, **attached, "size_bytes": "9", "content": "simulated"})

    def headers(self, operation: Operation | None, quota: Quota) -> Mapping[str, str]:
        """Return the headers of the rule that counts the request; what is left is not told."""
        del operation
        return {
            "x-ratelimit-limit": str(quota.limit),
            "x-ratelimit-reset": f"{quota.reset_at:.0f}",
            "x-ratelimit-rule": KNOWN,
        }

    def refuse(self, refusal: Refusal) -> Response:
        """Say no with message and detail."""
        status, message, detail = _ERRORS[refusal.kind]
        wrong = ", ".join(f"{problem.field} is {problem.reason}" for problem in refusal.problems)
        body = {"error": {"message": refusal.code or message, "detail": wrong or detail}, "status": "failure"}
        headers = (
            {"retry-after": f"{refusal.retry_after:.0f}"} if refusal.kind is FailureKind.THROTTLED else {}
        )
        return json_response(body, status=refusal.status or status, headers=headers)

    def answer(self, exchange: Exchange) -> Response:
        """Answer as the action's resource does."""
        response = _ANSWERS[exchange.operation.name](exchange)
        return self.refuse(Refusal(kind=FailureKind.NOT_FOUND)) if response is None else response


def _sys_id(text: str) -> str:
    return md5(text.encode(), usedforsecurity=False).hexdigest()


def _result(data: object, status: int = 200) -> Response:
    return json_response({"result": data}, status=status)


def _table(exchange: Exchange) -> str:
    return exchange.operation.path_values.get("table", _ATTACHMENTS)


def _shown(exchange: Exchange, record: Record) -> Record:
    wanted = exchange.text("sysparm_fields")
    names = wanted.split(",") if wanted else [name for name in record if name != "content"]
    return {name: record[name] for name in names if name in record}


def _matching(exchange: Exchange) -> list[Record]:
    """The records that a query of equalities finds; what else it holds is ignored, as an instance does."""
    tests = [part.split("=", 1) for part in exchange.text("sysparm_query").split("^") if "=" in part]
    records = exchange.account.kept(_table(exchange))
    known = {name for record in records for name in record}
    used = [(name, value) for name, value in tests if name in known]
    return [one for one in records if all(str(one.get(name)) == value for name, value in used)]


def _list(exchange: Exchange) -> Response:
    records = _matching(exchange)
    start, size = exchange.integer("sysparm_offset", 0), exchange.integer("sysparm_limit", 10_000)
    shown = [_shown(exchange, one) for one in records[start : start + size]]
    response = _result(shown).with_headers({"x-total-count": str(len(records))})
    if start + size >= len(records):
        return response
    query = {**dict(exchange.request.query), "sysparm_limit": size, "sysparm_offset": start + size}
    url = exchange.request.url(f"{exchange.request.path}?{urlencode(query)}")
    return response.with_headers({"link": f'<{url}>;rel="next"'})


def _find(exchange: Exchange) -> Record | None:
    wanted = exchange.operation.path_values["id"]
    return next((one for one in exchange.account.kept(_table(exchange)) if one["sys_id"] == wanted), None)


def _fields(exchange: Exchange) -> Record:
    named = {*exchange.operation.path_values, *dict(exchange.request.query)}
    return {name: value for name, value in exchange.values.items() if name not in named}


def _new(exchange: Exchange, table: str, fields: Record) -> Record:
    number = exchange.account.number(table)
    return exchange.account.keep(
        table, {**fields, "sys_id": _sys_id(f"{table} {number}"), "sys_mod_count": "0"}
    )


def _create(exchange: Exchange) -> Response:
    return _result(_new(exchange, _table(exchange), _fields(exchange)), 201)


def _get(exchange: Exchange) -> Response | None:
    found = _find(exchange)
    return _result(_shown(exchange, found)) if found else None


def _update(exchange: Exchange) -> Response | None:
    found = _find(exchange)
    if found is None:
        return None
    found.update(_fields(exchange))
    return _result(_shown(exchange, found))


def _delete(exchange: Exchange) -> Response | None:
    found = _find(exchange)
    if found is None:
        return None
    exchange.account.kept(_table(exchange)).remove(found)
    return Response(status=204)


def _upload(exchange: Exchange) -> Response:
    content = exchange.request.body.decode("utf-8", "replace")
    known: Record = {
        **dict(exchange.request.query),
        "size_bytes": str(len(exchange.request.body)),
        "content": content,
    }
    return _result(_shown(exchange, _new(exchange, _ATTACHMENTS, known)), 201)


def _download(exchange: Exchange) -> Response | None:
    found = _find(exchange)
    content = str(found["content"]).encode() if found else b""
    return Response(headers={"content-type": "application/octet-stream"}, body=content) if found else None


def _count(exchange: Exchange) -> Response:
    return _result({"stats": {"count": str(len(_matching(exchange)))}})


def _insert(exchange: Exchange) -> Response:
    made = _new(exchange, _table(exchange), _fields(exchange))
    row = {"transform_map": "simulated", "table": "incident", "status": "inserted", "sys_id": made["sys_id"]}
    return json_response(
        {"import_set": "ISET0010001", "staging_table": _table(exchange), "result": [row]}, status=201
    )


def _send_events(exchange: Exchange) -> Response:
    records = exchange.values.get("records")
    events = [one for one in records if isinstance(one, dict)] if isinstance(records, list) else []
    for event in events:
        _new(exchange, "em_event", dict(event))
    return _result({"Default Bulk Endpoint": f"{len(events)} events were inserted"})


_ANSWERS: Mapping[str, Callable[[Exchange], Response | None]] = {
    "records.list": _list,
    "records.get": _get,
    "records.count": _count,
    "records.create": _create,
    "records.update": _update,
    "records.delete": _delete,
    "attachments.list": _list,
    "attachments.get": _get,
    "attachments.download": _download,
    "attachments.upload": _upload,
    "attachments.delete": _delete,
    "imports.insert": _insert,
    "events.send": _send_events,
}
