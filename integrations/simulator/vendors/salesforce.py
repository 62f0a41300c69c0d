"""Salesforce's double: records by object, SOQL as far as `FROM`, `Id = '…'` and `LIMIT`, bulk jobs.

What is created can be got, changed and deleted; 4,500 leads are there to be paged. Forms:
developer.salesforce.com, REST API Developer Guide and Bulk API 2.0 Developer Guide.
"""

import re
from collections.abc import Callable, Mapping

from integrations.execution.outcome import FailureKind
from integrations.simulator.accounts import Account, Quota
from integrations.simulator.messages import Response, json_response, text_response
from integrations.simulator.operations import Operation
from integrations.simulator.vendors.generic import Exchange, GenericVendor, Refusal

BATCH = 2_000
"""Records of a query's answer."""

LEADS = 4_500

_FROM = re.compile(r"\bFROM\s+(\w+)", re.IGNORECASE)
_IS = re.compile(r"\bWHERE\s+Id\s*=\s*'(\w+)'", re.IGNORECASE)
_LIMIT = re.compile(r"\bLIMIT\s+(\d+)", re.IGNORECASE)
_ORG = "00D5g00000SIMULEAA"
_KNOWN = {"Account": "0015g00000XyZabAAF", "Organization": _ORG, "Task": "00T5g00000SIMULEAA"}
_JOB = "7505g00000AbCdeAAF"

_ERRORS: Mapping[FailureKind, tuple[int, str, str]] = {
    FailureKind.UNAUTHORIZED: (401, "INVALID_SESSION_ID", "Session expired or invalid"),
    FailureKind.FORBIDDEN: (403, "INSUFFICIENT_ACCESS", "insufficient access rights on cross-reference id"),
    FailureKind.NOT_FOUND: (404, "NOT_FOUND", "The requested resource does not exist"),
    FailureKind.CLIENT_ERROR: (400, "JSON_PARSER_ERROR", "The request could not be read"),
    FailureKind.THROTTLED: (403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."),
    FailureKind.SERVER_ERROR: (503, "SERVER_UNAVAILABLE", "The server is not available"),
    FailureKind.VENDOR_ERROR: (400, "UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record"),
}

Record = dict[str, object]


class Salesforce(GenericVendor):
    """An org of Enterprise Edition: 100,000 calls in 24 hours."""

    limits: Mapping[str, tuple[int, float]] = {"api": (100_000, 86_400.0)}

    def settle(self, account: Account) -> None:
        """Give a new account a record of each known object, and a bulk job."""
        for kind, record_id in _KNOWN.items():
            account.keep(kind, {"Id": record_id, "Name": f"Simulated {kind}"})
        account.keep("jobs", {"id": _JOB, "object": "Account", "operation": "insert", "state": "Open"})

    def headers(self, operation: Operation | None, quota: Quota) -> Mapping[str, str]:
        """Return the header of the limit, which the list of versions does not have."""
        if operation is not None and operation.name == "versions.list":
            return {}
        return {"sforce-limit-info": f"api-usage={quota.used}/{quota.limit}"}

    def refuse(self, refusal: Refusal) -> Response:
        """Say no with a list of one error. No refusal names a time to come back at."""
        status, code, message = _ERRORS[refusal.kind]
        wrong = ", ".join(f"{problem.field}: {problem.reason}" for problem in refusal.problems)
        error = {"message": wrong or message, "errorCode": refusal.code or code}
        return json_response([error], status=refusal.status or status)

    def answer(self, exchange: Exchange) -> Response:
        """Answer as the action's resource does."""
        response = _ANSWERS[exchange.operation.name](exchange)
        return self.refuse(Refusal(kind=FailureKind.NOT_FOUND)) if response is None else response


def _base(exchange: Exchange) -> str:
    return exchange.request.mount + "/" + "/".join(exchange.request.path.split("/")[1:4])


def _shown(exchange: Exchange, kind: str, record: Record) -> Record:
    url = f"{_base(exchange)}/sobjects/{kind}/{record['Id']}"
    return {"attributes": {"type": kind, "url": url}, **record}


def _batch(exchange: Exchange, *, kind: str, records: list[Record], start: int) -> Response:
    shown = [_shown(exchange, kind, one) for one in records[start : start + BATCH]]
    done = start + BATCH >= len(records)
    body: Record = {"totalSize": len(records), "done": done, "records": shown}
    if not done:
        body["nextRecordsUrl"] = f"{_base(exchange)}/query/01g5g00000{kind}-{start + BATCH}"
    return json_response(body)


def _all(exchange: Exchange, kind: str) -> list[Record]:
    leads = range(LEADS) if kind == "Lead" else ()
    seeded: list[Record] = [{"Id": f"00Q5g0000{number:06}AAA", "Name": f"Lead {number}"} for number in leads]
    return [*seeded, *exchange.account.kept(kind)]


def _query(exchange: Exchange) -> Response:
    text = exchange.text("q")
    found = _FROM.search(text)
    if found is None:
        error = {"message": "unexpected token: it has no FROM", "errorCode": "MALFORMED_QUERY"}
        return json_response([error], status=400)
    records = _all(exchange, found[1])
    if wanted := _IS.search(text):
        records = [one for one in records if one["Id"] == wanted[1]]
    most = _LIMIT.search(text)
    shown = records[: int(most[1])] if most else records
    return _batch(exchange, kind=found[1], records=shown, start=0)


def _more(exchange: Exchange) -> Response:
    kind, _, start = exchange.text("locator").removeprefix("01g5g00000").rpartition("-")
    first = int(start) if start.isdigit() else 0
    return _batch(exchange, kind=kind, records=_all(exchange, kind), start=first)


def _find(exchange: Exchange) -> Record | None:
    records = exchange.account.kept(exchange.operation.path_values["type"])
    return next((one for one in records if one["Id"] == exchange.operation.path_values["id"]), None)


def _fields(exchange: Exchange) -> Record:
    path = exchange.operation.path_values
    return {name: value for name, value in exchange.values.items() if name not in path}


def _made(exchange: Exchange, kind: str, fields: Record) -> Record:
    number = exchange.account.number(kind)
    made = exchange.account.keep(kind, {**fields, "Id": f"a005g0000{number:06}AAA"})
    return {"id": made["Id"], "success": True, "errors": []}


def _create(exchange: Exchange) -> Response:
    return json_response(
        _made(exchange, exchange.operation.path_values["type"], _fields(exchange)), status=201
    )


def _get(exchange: Exchange) -> Response | None:
    found = _find(exchange)
    kind = exchange.operation.path_values["type"]
    return json_response(_shown(exchange, kind, found)) if found else None


def _update(exchange: Exchange) -> Response | None:
    found = _find(exchange)
    if found is None:
        return None
    found.update(_fields(exchange))
    return Response(status=204)


def _delete(exchange: Exchange) -> Response | None:
    found = _find(exchange)
    if found is None:
        return None
    exchange.account.kept(exchange.operation.path_values["type"]).remove(found)
    return Response(status=204)


def _upsert(exchange: Exchange) -> Response:
    path = exchange.operation.path_values
    known = next(
        (one for one in exchange.account.kept(path["type"]) if one.get(path["field"]) == path["value"]), None
    )
    if known is None:
        made = _made(exchange, path["type"], {**_fields(exchange), path["field"]: path["value"]})
        return json_response({**made, "created": True}, status=201)
    known.update(_fields(exchange))
    return json_response({"id": known["Id"], "success": True, "errors": [], "created": False})


def _collection(exchange: Exchange) -> Response:
    records = exchange.values.get("records")
    items = [one for one in records if isinstance(one, dict)] if isinstance(records, list) else []
    return json_response([_made(exchange, "Account", dict(one)) for one in items])


def _composite(exchange: Exchange) -> Response:
    asked = exchange.values.get("compositeRequest")
    items = [one for one in asked if isinstance(one, dict)] if isinstance(asked, list) else []
    answers: list[Record] = [
        {"body": {}, "httpHeaders": {}, "httpStatusCode": 200, "referenceId": one.get("referenceId")}
        for one in items
    ]
    return json_response({"compositeResponse": answers})


def _jobs(exchange: Exchange) -> Response:
    return json_response({"done": True, "records": exchange.account.kept("jobs"), "nextRecordsUrl": None})


def _new_job(exchange: Exchange) -> Response:
    number = exchange.account.number("jobs")
    job = {"id": f"7505g0000{number:06}AAA", **_fields(exchange), "state": "Open", "contentType": "CSV"}
    return json_response(exchange.account.keep("jobs", job))


def _with_job(build: Callable[[Exchange, Record], Response]) -> Callable[[Exchange], Response | None]:
    def answer(exchange: Exchange) -> Response | None:
        wanted = exchange.operation.path_values["job"]
        job = next((one for one in exchange.account.kept("jobs") if one["id"] == wanted), None)
        return build(exchange, job) if job else None

    return answer


def _upload(exchange: Exchange, job: Record) -> Response:
    job["numberRecordsProcessed"] = max(0, len(exchange.request.body.splitlines()) - 1)
    return Response(status=201)


def _close(exchange: Exchange, job: Record) -> Response:
    job["state"] = "JobComplete" if exchange.text("state") == "UploadComplete" else "Aborted"
    return json_response({**job, "state": exchange.text("state")})


def _drop(exchange: Exchange, job: Record) -> Response:
    exchange.account.kept("jobs").remove(job)
    return Response(status=204)


def _limits(exchange: Exchange) -> Response:
    quota = exchange.account.quota("api", exchange.now)
    return json_response({"DailyApiRequests": {"Max": quota.limit, "Remaining": quota.remaining}})


def _user(exchange: Exchange) -> Response:
    del exchange
    return json_response({"sub": "simulated", "user_id": "0055g00000SIMULEAA", "organization_id": _ORG})


def _described(exchange: Exchange) -> Response:
    return json_response(
        {"name": exchange.operation.path_values["type"], "fields": [{"name": "Id", "type": "id"}]}
    )


_CSV = '"sf__Id","sf__Created","Name"\n'

_ANSWERS: Mapping[str, Callable[[Exchange], Response | None]] = {
    "versions.list": lambda _: json_response(
        [{"label": "Spring '26", "url": "/services/data/v66.0", "version": "66.0"}]
    ),
    "user.get": _user,
    "limits.get": _limits,
    "soql.query": _query,
    "soql.query_all": _query,
    "soql.more": _more,
    "sosl.search": lambda _: json_response({"searchRecords": []}),
    "objects.list": lambda _: json_response({"sobjects": [{"name": name} for name in _KNOWN]}),
    "objects.describe": _described,
    "records.get": _get,
    "records.updated": lambda _: json_response(
        {"ids": [_KNOWN["Account"]], "latestDateCovered": "2026-01-01"}
    ),
    "records.create": _create,
    "records.update": _update,
    "records.upsert": _upsert,
    "records.delete": _delete,
    "collections.create": _collection,
    "collections.update": _collection,
    "composite.run": _composite,
    "jobs.list": _jobs,
    "jobs.create": _new_job,
    "jobs.upload": _with_job(_upload),
    "jobs.close": _with_job(_close),
    "jobs.get": _with_job(lambda _, job: json_response(job)),
    "jobs.succeeded": _with_job(lambda *_: text_response(_CSV, content_type="text/csv")),
    "jobs.failed": _with_job(lambda *_: text_response('"sf__Id","sf__Error"\n', content_type="text/csv")),
    "jobs.delete": _with_job(_drop),
    "queries.create": _new_job,
    "queries.get": _with_job(lambda _, job: json_response(job)),
    "queries.results": _with_job(lambda *_: text_response(_CSV, content_type="text/csv")),
}
