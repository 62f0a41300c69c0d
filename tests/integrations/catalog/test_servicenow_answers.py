"""What ServiceNow says in its own ways, and pages, records and attachments at its double."""

from collections.abc import AsyncIterator

import msgspec
import pytest

from integrations.execution.outcome import FailureKind, Outcome
from integrations.execution.transport import Reply
from integrations.manifest.answers import AnswerReader
from tests.fakes.clock import VIRTUAL_TIME
from tests.fakes.framework import CATALOG
from tests.fakes.simulated import Way, World

SERVICENOW = CATALOG.manifest("servicenow")
NOW = 1_800_000_000.0
HTML = {"content-type": "text/html"}
AHEAD = {"x-ratelimit-reset": f"{NOW + 90:.0f}"}


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    made.register(Way("servicenow", "basic"))
    yield made
    await made.executor.aclose()


async def call(world: World, action: str, **params: object) -> Outcome:
    return await world.framework.execute_integration("servicenow", action, params)


def error(message: str, detail: str = "why") -> bytes:
    return msgspec.json.encode({"error": {"message": message, "detail": detail}, "status": "failure"})


@pytest.mark.parametrize(
    ("status", "headers", "body", "kind", "wait"),
    [
        (429, {"retry-after": "30"}, error("Rate limit exceeded"), FailureKind.THROTTLED, 30.0),
        (429, AHEAD, error("Rate limit exceeded"), FailureKind.THROTTLED, 90.0),
        (429, {}, error("Rate limit exceeded"), FailureKind.THROTTLED, 60.0),
        (401, {}, error("User Not Authenticated"), FailureKind.UNAUTHORIZED, None),
        (403, {}, error("User Not Authorized"), FailureKind.FORBIDDEN, None),
        (403, {}, error("Operation Failed", "a data policy"), FailureKind.CLIENT_ERROR, None),
        (403, {}, error("Transaction cancelled: it took too long"), FailureKind.SERVER_ERROR, None),
        (404, {}, error("No Record found"), FailureKind.NOT_FOUND, None),
        (200, HTML, b"<html><title>Instance Hibernating page</title>", FailureKind.SERVER_ERROR, None),
        (200, {}, b'{"result": []}', None, None),
    ],
)  # fmt: skip
def test_its_errors_mean_what_they_say(
    status: int, headers: dict[str, str], body: bytes, kind: FailureKind | None, wait: float | None
) -> None:
    reader = AnswerReader(SERVICENOW, now=lambda: NOW)

    verdict = reader.verdict(
        Reply(status=status, headers=headers, body=body), SERVICENOW.actions["records.list"]
    )

    assert (verdict.kind, verdict.retry_after) == (kind, wait)


async def test_pages_are_followed_by_their_links(world: World) -> None:
    outcome = await call(world, "records.list", table="incident", limit=100, fields=["sys_id"], _pages=10)

    assert isinstance(outcome.data, dict)
    found = [record["sys_id"] for record in outcome.data["items"]]
    assert (len(found), len(set(found)), outcome.data["more"]) == (250, 250, False)


async def test_a_record_is_made_changed_found_counted_and_deleted(world: World) -> None:
    made = await call(world, "records.create", table="incident", record={"short_description": "Line is down"})
    assert isinstance(made.data, dict)
    key = {"table": "incident", "id": made.data["sys_id"]}

    changed = await call(world, "records.update", **key, record={"state": "6"})
    found = await call(world, "records.list", table="incident", query="state=6")
    count = await call(world, "records.count", table="incident", query="state=6")
    gone = await call(world, "records.delete", **key)
    missing = await call(world, "records.get", **key)

    assert [one.kind for one in (made, changed, found, count, gone)] == [None] * 5
    assert isinstance(found.data, dict)
    assert [record["short_description"] for record in found.data["items"]] == ["Line is down"]
    assert count.data == {"stats": {"count": "1"}}
    assert (missing.kind, missing.code) == (FailureKind.NOT_FOUND, "No Record found")


async def test_a_file_is_attached_and_read_again(world: World) -> None:
    place = {"table": "incident", "id": "9c573169c611228700193229fff72400", "name": "log.txt"}

    made = await call(world, "attachments.upload", **place, content=b"a line")
    assert isinstance(made.data, dict)
    read = await call(world, "attachments.download", id=made.data["sys_id"])

    assert (made.data["size_bytes"], read.data) == ("6", "a line")


async def test_events_reach_the_event_table(world: World) -> None:
    event = {"source": "Dialtone", "node": "github", "severity": "1", "message_key": "dialtone-github"}

    sent = await call(world, "events.send", records=[event])
    found = await call(world, "records.list", table="em_event", query="message_key=dialtone-github")

    assert sent.ok, sent.detail
    assert isinstance(found.data, dict)
    assert [record["node"] for record in found.data["items"]] == ["github"]
