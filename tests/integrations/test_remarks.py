"""What answers say beside their data: endings, each told once, and drift, seen at little cost."""

import time
from typing import Any

import httpx
import msgspec
import pytest

from integrations.drift import MOST_BYTES, DriftWatch
from integrations.endings import MOST, Endings
from integrations.execution.transport import Reply
from integrations.manifest.evidence import Deprecation, DeprecationHeader
from integrations.manifest.schema import Manifest
from integrations.manifest.shape import Shape
from integrations.remarks import shapes_of
from integrations.signals import ContractDrift, VendorNotice
from tests.fakes.clock import FakeClock
from tests.fakes.framework import CATALOG, RecordingVendor, connection_for, framework_for
from tests.fakes.signals import RecordingSubscriber

SUNSET = 1_798_761_600.0
SHAPES = {"user.get": Shape(types="object", required=("login",), fields={"login": "string", "id": "integer"})}


def endings(**changes: Any) -> tuple[Endings, RecordingSubscriber]:
    told = RecordingSubscriber()
    manifest: Manifest = msgspec.structs.replace(CATALOG.manifest("github"), **changes)
    return Endings("gh", manifest, now=FakeClock().time, tell=told), told


@pytest.mark.parametrize(
    ("headers", "at", "what"),
    [
        (
            {"deprecation": "@1688169599", "sunset": "Fri, 01 Jan 2027 00:00:00 GMT"},
            SUNSET,
            "its answers say that it is deprecated since 2023-06-30",
        ),
        ({"deprecation": "true"}, None, "its answers say that it is deprecated"),
        (
            {"deprecation": "Fri, 14 Apr 2023 00:00:00 GMT"},
            None,
            "its answers say that it is deprecated since 2023-04-14",
        ),
        ({"sunset": "Fri, 01 Jan 2027 00:00:00 GMT"}, SUNSET, "its answers name the day it ends"),
        ({"sunset": "soon"}, None, "its answers name the day it ends"),
        ({"x-api-deprecated-reason": "use\x07 /v2"}, None, "use /v2"),
        ({"x-api-ends": "2027-01-01"}, SUNSET, "its answers name the day it ends"),
    ],
    ids=["both", "true", "date", "sunset", "no date", "vendor's reason", "vendor's day"],
)
def test_headers_tell_what_is_to_end(headers: dict[str, str], at: float | None, what: str) -> None:
    own = (
        DeprecationHeader(header="X-Api-Deprecated-Reason"),
        DeprecationHeader(header="X-Api-Ends", means="sunset"),
    )
    known, told = endings(deprecation_headers=own)

    known.see("user.get", headers)

    (notice,) = told.of(VendorNotice)
    assert (notice.kind, notice.action, notice.integrations) == ("deprecation", "user.get", ("gh",))
    assert (notice.sunset_at, notice.title, notice.source) == (at, what, "header")


def test_the_link_leads_to_more_without_its_query() -> None:
    known, told = endings()
    link = (
        '<https://docs.example/x?token=s3cr3t>; rel="deprecation", <https://api.example/?page=2>; rel="next"'
    )

    known.see("user.get", {"deprecation": "true", "link": link})

    assert told.of(VendorNotice)[0].url == "https://docs.example/x"


def test_an_ending_is_told_once_per_action_and_day() -> None:
    known, told = endings()
    for day in (
        "Fri, 01 Jan 2027 00:00:00 GMT",
        "Fri, 01 Jan 2027 00:00:00 GMT",
        "Sat, 02 Jan 2027 00:00:00 GMT",
    ):
        for action in ("user.get", "repos.get"):
            known.see(action, {"sunset": day})

    assert len(told.of(VendorNotice)) == 4
    assert {one.labels[2]: one.value for one in known.samples()} == {"user.get": SUNSET, "repos.get": SUNSET}


def test_the_memory_of_endings_is_bounded() -> None:
    known, told = endings()
    for day in range(MOST + 50):
        known.see("user.get", {"sunset": f"@{1_800_000_000 + day}"})

    assert len(told.of(VendorNotice)) == len(known.all()) == MOST


def test_what_the_manifest_knows_is_told_too() -> None:
    vendor = msgspec.structs.replace(
        CATALOG.manifest("github").vendor, lifecycle="deprecated", sunset="2027-01-01"
    )
    deprecation = Deprecation(what="Old users", sunset="2026-12-01", actions=("user.get",))
    known, told = endings(vendor=vendor, deprecations=(deprecation,))

    known.begin()
    known.begin()

    first, second = told.of(VendorNotice)
    assert (first.action, first.sunset_at, first.source) == ("", SUNSET, "manifest")
    assert (second.action, second.title) == ("user.get", "Old users")
    assert [one.action for one in known.all()] == ["user.get", ""], "the soonest first"


class Watched:
    """A drift watch, its clock and what it told."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.told = RecordingSubscriber()
        self.watch = DriftWatch(
            "gh", "github", monotonic=self.clock.monotonic, now=self.clock.time, tell=self.told
        )
        self.watch.shapes = SHAPES

    def see(self, value: object, *, body: bytes | None = None) -> None:
        self.watch.see("user.get", Reply(status=200, headers={}, body=body or msgspec.json.encode(value)))
        self.clock.advance(1.0)


def test_an_answer_that_no_longer_fits_is_told_with_the_place_and_types_alone() -> None:
    watched = Watched()

    watched.see({"login": 7, "id": 1})

    (drift,) = watched.told.of(ContractDrift)
    assert (drift.integration, drift.vendor, drift.action) == ("gh", "github", "user.get")
    assert (drift.pointer, drift.expected, drift.found, drift.seen) == ("/login", "string", "integer", 1)


def test_a_place_is_told_once_a_minute_with_how_often_it_was_seen() -> None:
    watched = Watched()
    for _ in range(130):
        watched.see({"login": 7})

    assert [drift.seen for drift in watched.told.of(ContractDrift)] == [1, 60, 60]
    assert watched.watch.standing()[0].seen == 130


def test_one_answer_of_an_action_is_looked_at_in_a_second() -> None:
    watched = Watched()
    reply = Reply(status=200, headers={}, body=b'{"login": 7}')
    for _ in range(100):
        watched.watch.see("user.get", reply)

    assert watched.watch.standing()[0].seen == 1


@pytest.mark.parametrize(
    "body", [b"", b"no json", b'{"login": "' + b"x" * MOST_BYTES + b'"}'], ids=["empty", "text", "huge"]
)
def test_what_cannot_be_looked_at_cheaply_is_left_alone(body: bytes) -> None:
    watched = Watched()

    watched.watch.see("user.get", Reply(status=200, headers={}, body=body))
    watched.watch.see("other", Reply(status=200, headers={}, body=b"{}"))

    assert watched.told.signals == []


def test_looking_away_costs_a_call_next_to_nothing() -> None:
    watched = Watched()
    known, _ = endings()
    reply = Reply(status=200, headers={"content-type": "application/json"}, body=b'{"login": "x"}')
    watched.see({"login": "x"})
    watched.clock.advance(-0.5)
    began = time.perf_counter()
    for _ in range(10_000):
        watched.watch.see("user.get", reply)
        known.see("user.get", reply.headers)

    assert (time.perf_counter() - began) / 10_000 < 20e-6


async def test_a_run_gives_its_answers_to_the_remarks_and_changes_nothing_in_them() -> None:
    told = RecordingSubscriber()
    answer = httpx.Response(200, json={"login": 7}, headers={"Sunset": "Fri, 01 Jan 2027 00:00:00 GMT"})
    framework = framework_for(RecordingVendor(answer), publish=told)
    connection = connection_for(CATALOG.manifest("github"))
    framework.register_integration(connection)
    integration = framework.integration(connection.id)
    assert integration.remarks.drift.shapes == shapes_of(integration.manifest, CATALOG.lock("github"))
    integration.remarks.drift.shapes = SHAPES

    outcome = await framework.execute_integration(connection.id, "user.get", {})

    assert outcome.ok
    assert outcome.data == {"login": 7}
    assert len(told.of(ContractDrift)) == 1
    assert len(told.of(VendorNotice)) == 1
    status = framework.get_integration_status(connection.id)
    assert (status.endings[0].action, status.drift[0].pointer) == ("user.get", "/login")
    framework.register_integration(connection)
    assert framework.get_integration_status(connection.id).endings == status.endings
