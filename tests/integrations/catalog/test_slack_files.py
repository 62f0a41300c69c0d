"""The upload of a file to Slack: three requests, each of which may go wrong."""

from collections.abc import Callable
from urllib.parse import parse_qs

import httpx
import msgspec
import pytest

from integrations.connection import Connection
from integrations.credentials.secret import Secret
from integrations.execution.outcome import FailureKind, Outcome
from integrations.execution.policy import Policy, RetryPolicy
from tests.fakes.framework import RecordingVendor, framework_for

PLACE = "https://files.slack.com/upload/v1/abc"
GIVEN = {"ok": True, "upload_url": PLACE, "file_id": "F1"}
FILES = [{"id": "F1", "title": "the log"}]
GOOD = {
    "files.getUploadURLExternal": httpx.Response(200, json=GIVEN),
    "abc": httpx.Response(200, text="OK - 3"),
    "files.completeUploadExternal": httpx.Response(200, json={"ok": True, "files": FILES}),
}
PARAMS: dict[str, object] = {"content": "bG9n", "filename": "a.log", "channel_id": "C1", "title": "the log"}


async def uploaded(**answers: httpx.Response) -> tuple[Outcome, list[httpx.Request]]:
    answered = {**GOOD, **{name.replace("__", "."): answer for name, answer in answers.items()}}
    vendor = RecordingVendor(handler=lambda request: answered[request.url.path.rpartition("/")[2]])
    framework = framework_for(vendor)
    framework.register_integration(
        Connection(
            id="it",
            vendor="slack",
            secrets={"token": Secret("xoxb-1")},
            policy=Policy(retry=RetryPolicy(attempts=1)),
        )
    )
    return await framework.execute_integration("it", "files.upload", PARAMS), vendor.requests


async def test_a_file_is_announced_sent_and_shared() -> None:
    outcome, (asked, sent, shared) = await uploaded()

    assert outcome.data == FILES
    assert parse_qs(asked.content.decode()) == {"filename": ["a.log"], "length": ["3"]}
    assert (str(sent.url), sent.content) == (PLACE, b"log")
    body = {"files": [{"id": "F1", "title": "the log"}], "channel_id": "C1"}
    assert msgspec.json.decode(shared.content) == body


@pytest.mark.parametrize(
    ("answers", "kind", "requests"),
    [
        (
            {"files__getUploadURLExternal": httpx.Response(200, json={"ok": False, "error": "invalid_auth"})},
            FailureKind.UNAUTHORIZED,
            lambda count: count >= 1,
        ),
        (
            {"files__getUploadURLExternal": httpx.Response(200, json={"ok": True})},
            FailureKind.MALFORMED,
            lambda count: count == 1,
        ),
        ({"abc": httpx.Response(500, text="no")}, FailureKind.SERVER_ERROR, lambda count: count == 2),
        (
            {
                "files__completeUploadExternal": httpx.Response(
                    200, json={"ok": False, "error": "channel_not_found"}
                )
            },
            FailureKind.NOT_FOUND,
            lambda count: count == 3,
        ),
    ],
    ids=["no address", "an address is lacking", "the file is not taken", "it cannot be shared"],
)
async def test_the_first_request_that_fails_is_the_outcome(
    answers: dict[str, httpx.Response], kind: FailureKind, requests: Callable[[int], bool]
) -> None:
    outcome, sent = await uploaded(**answers)

    assert outcome.kind is kind
    assert requests(len(sent))


async def test_a_file_is_sent_to_no_other_host_than_slacks() -> None:
    elsewhere = {**GIVEN, "upload_url": "https://evil.example/upload"}

    outcome, sent = await uploaded(files__getUploadURLExternal=httpx.Response(200, json=elsewhere))

    assert not outcome.ok
    assert {request.url.host for request in sent} == {"slack.com"}


async def test_only_the_answer_to_a_file_may_be_text() -> None:
    html = httpx.Response(200, text="<html>")

    outcome, _ = await uploaded(abc=html)

    assert outcome.kind is FailureKind.MALFORMED
