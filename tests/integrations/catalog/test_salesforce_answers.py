"""What Salesforce says in its own ways, and pages, records and jobs at its double."""

from collections.abc import AsyncIterator

import httpx
import msgspec
import pytest

from integrations.execution.outcome import FailureKind, Outcome
from integrations.execution.transport import Reply
from integrations.manifest.answers import AnswerReader
from integrations.simulator.faults import Fault, FaultKind
from tests.fakes.clock import VIRTUAL_TIME
from tests.fakes.framework import CATALOG, RecordingVendor, connection_for, framework_for
from tests.fakes.simulated import Way, World

SALESFORCE = CATALOG.manifest("salesforce")


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    made.register(Way("salesforce", "client_credentials"))
    yield made
    await made.executor.aclose()


async def call(world: World, action: str, **params: object) -> Outcome:
    return await world.framework.execute_integration("salesforce", action, params)


def error(word: str) -> list[dict[str, object]]:
    return [{"message": f"about {word}", "errorCode": word}]


REFUSED = {
    "success": False,
    "errors": [{"statusCode": "REQUIRED_FIELD_MISSING", "message": "Name is lacking"}],
}
TAKEN = {"id": "1", "success": True, "errors": []}


@pytest.mark.parametrize(
    ("status", "body", "kind", "code", "wait", "retryable"),
    [
        (403, error("REQUEST_LIMIT_EXCEEDED"), FailureKind.THROTTLED, "REQUEST_LIMIT_EXCEEDED", 600.0, None),
        (403, error("INSUFFICIENT_ACCESS"), FailureKind.FORBIDDEN, "INSUFFICIENT_ACCESS", None, None),
        (401, error("INVALID_SESSION_ID"), FailureKind.UNAUTHORIZED, "INVALID_SESSION_ID", None, None),
        (400, error("MALFORMED_QUERY"), FailureKind.CLIENT_ERROR, "MALFORMED_QUERY", None, None),
        (400, error("UNABLE_TO_LOCK_ROW"), FailureKind.VENDOR_ERROR, "UNABLE_TO_LOCK_ROW", None, True),
        (404, error("NOT_FOUND"), FailureKind.NOT_FOUND, "NOT_FOUND", None, None),
        (503, error("SERVER_UNAVAILABLE"), FailureKind.SERVER_ERROR, "SERVER_UNAVAILABLE", None, None),
        (300, ["/services/data/v66.0/sobjects/Account/1"], FailureKind.CLIENT_ERROR, "", None, None),
        (200, [REFUSED, REFUSED], FailureKind.CLIENT_ERROR, "REQUIRED_FIELD_MISSING", None, None),
        (200, [REFUSED, TAKEN], None, "", None, None),
        (200, [TAKEN], None, "", None, None),
    ],
)  # fmt: skip
def test_its_errors_mean_what_they_say(
    *,
    status: int,
    body: object,
    kind: FailureKind | None,
    code: str,
    wait: float | None,
    retryable: bool | None,
) -> None:
    reply = Reply(status=status, headers={}, body=msgspec.json.encode(body))

    verdict = AnswerReader(SALESFORCE, now=lambda: 0.0).verdict(
        reply, SALESFORCE.actions["collections.create"]
    )

    assert (verdict.kind, verdict.retry_after, verdict.retryable) == (kind, wait, retryable)
    assert verdict.code == code or kind is None


@pytest.mark.parametrize(
    "header",
    [
        "api-usage=10018/100000",
        "api-usage=10018/100000; api-bursts=1/750",
        "api-usage=10018/100000; per-app-api-usage=17/250(appName=sample-connected-app)",
    ],
)
def test_its_one_header_says_what_is_left(header: str) -> None:
    reply = Reply(status=200, headers={"sforce-limit-info": header}, body=b"{}")

    verdict = AnswerReader(SALESFORCE, now=lambda: 0.0).verdict(reply, SALESFORCE.actions["user.get"])

    (read,) = verdict.readings
    assert (read.bucket, read.limit, read.remaining, read.reset_at) == ("api", 100_000, 89_982, None)


async def test_a_query_is_followed_to_its_end(world: World) -> None:
    outcome = await call(world, "soql.query", q="SELECT Id FROM Lead", _pages=10)
    first = await call(world, "soql.query", q="SELECT Id FROM Lead")
    last = await call(world, "soql.more", locator="01g5g00000Lead-4000")

    assert isinstance(outcome.data, dict)
    assert isinstance(first.data, dict)
    assert isinstance(last.data, dict)
    assert len({record["Id"] for record in outcome.data["items"]}) == 4_500
    assert [(len(one["items"]), one["more"]) for one in (outcome.data, first.data, last.data)] == [
        (4_500, False),
        (2_000, True),
        (500, False),
    ]


async def test_a_record_is_made_changed_found_and_deleted(world: World) -> None:
    made = await call(world, "records.create", type="Account", record={"Name": "Acme"})
    assert isinstance(made.data, dict)
    key = {"type": "Account", "id": made.data["id"]}

    changed = await call(world, "records.update", **key, record={"Name": "Berg"})
    found = await call(world, "soql.query", q=f"SELECT Id FROM Account WHERE Id = '{key['id']}'")
    gone = await call(world, "records.delete", **key)
    missing = await call(world, "records.get", **key)

    assert [one.kind for one in (made, changed, found, gone)] == [None] * 4
    assert isinstance(found.data, dict)
    assert [record["Name"] for record in found.data["items"]] == ["Berg"]
    assert (missing.kind, missing.code) == (FailureKind.NOT_FOUND, "NOT_FOUND")


async def test_an_external_id_makes_one_record_however_often_it_is_sent(world: World) -> None:
    key = {"type": "Asset", "field": "Number__c", "value": "A-17"}

    outcomes = [await call(world, "records.upsert", **key, record={"Name": name}) for name in ("one", "two")]
    found = await call(world, "soql.query", q="SELECT Id FROM Asset")

    assert [isinstance(one.data, dict) and one.data["created"] for one in outcomes] == [True, False]
    assert isinstance(found.data, dict)
    assert [record["Name"] for record in found.data["items"]] == ["two"]


async def test_a_bulk_job_takes_its_records(world: World) -> None:
    made = await call(world, "jobs.create", object="Account", operation="insert", line_ending="LF")
    assert isinstance(made.data, dict)
    job = str(made.data["id"])

    given = await call(world, "jobs.upload", job=job, csv="Name\nAcme\nBerg\n")
    closed = await call(world, "jobs.close", job=job, state="UploadComplete")
    stands = await call(world, "jobs.get", job=job)

    assert [one.kind for one in (given, closed, stands)] == [None] * 3
    assert isinstance(stands.data, dict)
    assert (stands.data["state"], stands.data["numberRecordsProcessed"]) == ("JobComplete", 2)


async def test_calls_keep_quiet_when_the_org_has_no_calls_left(world: World) -> None:
    world.faults.add(Fault(kind=FaultKind.QUOTA_OUT, remaining=1))
    refused = await call(world, "limits.get")
    sent = len(world.answers)
    held = await call(world, "limits.get")

    assert (refused.kind, refused.code) == (FailureKind.THROTTLED, "REQUEST_LIMIT_EXCEEDED")
    assert held.kind is FailureKind.REJECTED
    assert len(world.answers) == sent


def selling(instance: str) -> RecordingVendor:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/services/oauth2/token":
            return httpx.Response(200, json={"access_token": "t" * 20, "instance_url": instance})
        return httpx.Response(200, json={"records": [{"Id": "1"}]})

    return RecordingVendor(handler=answer)


@pytest.mark.parametrize("auth", ["client_credentials", "jwt", "refresh"])
async def test_calls_go_to_the_instance_that_the_token_names(auth: str) -> None:
    vendor = selling("https://acme--dev.sandbox.my.salesforce.com")
    framework = framework_for(vendor)
    framework.register_integration(connection_for(SALESFORCE, auth=auth))

    outcome = await framework.execute_integration(
        "salesforce-test", "soql.query", {"q": "SELECT Id FROM Lead"}
    )

    assert outcome.ok, outcome.detail
    assert [request.url.host for request in vendor.requests] == [
        "acme.my.salesforce.com",
        "acme--dev.sandbox.my.salesforce.com",
    ]


@pytest.mark.parametrize("instance", ["https://salesforce.com.evil.example", "https://evilsalesforce.com"])
async def test_an_instance_elsewhere_is_not_called(instance: str) -> None:
    vendor = selling(instance)
    framework = framework_for(vendor)
    framework.register_integration(connection_for(SALESFORCE, auth="client_credentials"))

    outcome = await framework.execute_integration(
        "salesforce-test", "soql.query", {"q": "SELECT Id FROM Lead"}
    )

    assert not outcome.ok
    assert {request.url.host for request in vendor.requests} == {"acme.my.salesforce.com"}
