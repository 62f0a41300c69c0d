"""What all integrations of a vendor share of its actions, and what may be told of an answer by its status."""

import httpx
import pytest

from integrations.connection import Connection
from integrations.execution.transport import Reply
from integrations.manifest.answers import GOOD, AnswerReader
from integrations.manifest.plans import Plans
from tests.fakes.framework import CATALOG, RecordingVendor, framework_for

HEADERS = [
    {},
    {"retry-after": "5", "x-ratelimit-remaining": "0", "x-ratelimit-limit": "9", "deprecation": "@1"},
]
BODIES = [b"", b"{", b'{"ok": false, "error": "gone", "errors": [{"message": "no"}]}', b"\xff\0"]


@pytest.mark.parametrize("vendor", CATALOG.vendors())
def test_an_answer_that_is_judged_by_its_status_has_nothing_else_to_say(vendor: str) -> None:
    manifest = CATALOG.manifest(vendor)
    plans, reader = Plans(manifest), AnswerReader(manifest, now=lambda: 0.0)

    for name, action in manifest.actions.items():
        if plans[name].is_judged_by_status:
            said = [
                reader.verdict(Reply(status=status, headers=headers, body=body), action)
                for status in (200, 204, 299)
                for headers in HEADERS
                for body in BODIES
            ]
            assert said == [GOOD] * len(said)


@pytest.mark.parametrize(("vendor", "action"), [("github", "user.get"), ("prometheus", "query")])
def test_an_answer_that_must_be_read_is_not_judged_by_its_status(vendor: str, action: str) -> None:
    assert not Plans(CATALOG.manifest(vendor))[action].is_judged_by_status


def test_integrations_of_a_vendor_share_the_plans_of_its_actions() -> None:
    framework = framework_for(RecordingVendor(httpx.Response(200)))
    for name in ("one", "other"):
        framework.register_integration(
            Connection(id=name, vendor="http", config={"url": f"https://{name}.example/"})
        )

    one, other = framework.integration("one"), framework.integration("other")

    assert one.plan("fetch") is other.plan("fetch")
    assert one.requests("fetch") is not other.requests("fetch")


async def test_a_run_leaves_nothing_behind_and_a_check_no_data() -> None:
    framework = framework_for(RecordingVendor(httpx.Response(200, text="hello")))
    framework.register_integration(
        Connection(id="shop", vendor="http", config={"url": "https://shop.example/"})
    )

    outcome = await framework.run_check(framework.checks("shop")[0], timeout=5.0)

    assert (outcome.ok, outcome.data, outcome.attempts[0].status) == (True, None, 200)
    assert framework._runs == {}
    assert not framework.integration("shop").has_remarks
