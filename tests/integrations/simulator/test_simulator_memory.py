"""A double that knows only the manifest: what is created is remembered, and no and quota are said in the
vendor's own form."""

from collections.abc import AsyncIterator

import msgspec
import pytest

from integrations.execution.outcome import FailureKind
from integrations.manifest.conditions import JSONCondition
from integrations.manifest.schema import HeaderNumber
from integrations.manifest.schema import Quota as QuotaHeaders
from integrations.simulator.accounts import Account, Quota
from integrations.simulator.messages import Request
from integrations.simulator.operations import Operations
from integrations.simulator.vendors.memory import Memory
from integrations.simulator.vendors.wording import error_body, met, quota_headers
from tests.fakes.clock import VIRTUAL_TIME
from tests.fakes.simulated import CATALOG, WAYS, World

TRELLO = next(way for way in WAYS if way.vendor == "trello")
LINEAR = next(way for way in WAYS if way.vendor == "linear")
JIRA = next(way for way in WAYS if way.vendor == "jira")


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    yield made
    await made.executor.aclose()


async def ask(world: World, vendor: str, action: str, **params: object) -> object:
    outcome = await world.framework.execute_integration(vendor, action, params)
    assert outcome.ok, outcome.detail
    return outcome.data


async def test_a_card_that_was_created_is_got_changed_and_deleted(world: World) -> None:
    world.register(TRELLO)
    made = await ask(world, "trello", "cards.create", list="7", name="The line is down")

    await ask(world, "trello", "cards.update", card=made["id"], name="The line is up")
    got = await ask(world, "trello", "cards.get", card=made["id"])
    await ask(world, "trello", "cards.delete", card=made["id"])
    gone = await world.framework.execute_integration("trello", "cards.get", {"card": made["id"]})

    assert (got["id"], got["name"], got["idList"]) == (made["id"], "The line is up", "7")
    assert gone.kind is FailureKind.NOT_FOUND


async def test_a_comment_of_a_graphql_vendor_is_listed_until_it_is_deleted(world: World) -> None:
    world.register(LINEAR)
    made = await ask(world, "linear", "comments.create", issue="OPS-1", body="Seen.")

    listed = await ask(world, "linear", "comments.list", issue="OPS-1")
    got = await ask(world, "linear", "comments.get", id=made["id"])
    await ask(world, "linear", "comments.delete", id=made["id"])
    after = await ask(world, "linear", "comments.list", issue="OPS-1")
    gone = await world.framework.execute_integration("linear", "comments.get", {"id": made["id"]})

    assert [one["body"] for one in listed["items"]][:1] == ["Seen."]
    assert got["body"] == "Seen."
    assert made["id"] not in [one["id"] for one in after["items"]]
    assert not gone.ok


async def test_an_issue_is_found_by_its_key(world: World) -> None:
    world.register(JIRA)
    made = await ask(world, "jira", "issues.create", project="OPS", type="Task", summary="The line is down")

    got = await ask(world, "jira", "issues.get", issue=made["key"])
    await ask(world, "jira", "issues.delete", issue=made["key"])
    gone = await world.framework.execute_integration("jira", "issues.get", {"issue": made["key"]})

    assert got["id"] == made["id"]
    assert gone.kind is FailureKind.NOT_FOUND


async def test_a_thing_is_found_by_the_name_that_was_chosen_for_it() -> None:
    account = Account("main", secrets={}, limits={})
    named = Operations(CATALOG.manifest("github")).find(Request(method="POST", path="/repos/o/r/labels"))
    assert named is not None
    create = msgspec.structs.replace(named, name="releases.create", path_values={"org": "acme"})
    get = msgspec.structs.replace(named, name="releases.get", path_values={"release": "web@1"})

    made = Memory(account).answer(create, {"id": 1, "ref": "x"}, sent={"version": "web@1", "ref": "main"})
    got = Memory(account).answer(get, {"id": 1, "ref": "x"}, sent={})

    assert got == made
    assert (got["version"], got["ref"]) == ("web@1", "main")


async def test_accounts_do_not_see_what_others_created(world: World) -> None:
    world.register(TRELLO)
    made = await ask(world, "trello", "cards.create", list="7", name="mine")
    other = world.simulator.add_account("trello", "other", auth="header")

    assert other["token"] != world.simulator.secrets("trello")["token"]
    assert "mine" not in str(await ask(world, "trello", "boards.cards", board="1"))
    assert made["name"] == "mine"


@pytest.mark.parametrize(
    ("unit", "said"),
    [
        ("epoch_seconds", "1060"),
        ("epoch_milliseconds", "1060000"),
        ("iso8601", "1970-01-01T00:17:40Z"),
        ("seconds", "60"),
    ],
)
def test_a_quota_is_told_in_the_vendors_unit(unit: str, said: str) -> None:
    told = QuotaHeaders(
        bucket="api",
        limit=HeaderNumber(header="x-limit"),
        remaining=HeaderNumber(header="x-left", pattern="of (.*)"),
        used=HeaderNumber(header="x-used"),
        reset=HeaderNumber(header="x-reset", unit=unit),
    )
    manifest = msgspec.structs.replace(CATALOG.manifest("trello"), quota=(told,))
    quota = Quota(limit=100, window=60.0, used=30, reset_at=1_060.0, now=1_000.0)

    headers = quota_headers(manifest, "api", quota)

    assert headers == {"x-limit": "100", "x-used": "30", "x-reset": said}


def test_no_is_said_where_the_manifest_looks_for_it() -> None:
    body = error_body(CATALOG.manifest("linear"), FailureKind.UNAUTHORIZED, code="", message="who are you")

    assert body == {"errors": [{"extensions": {"type": "authentication error"}, "message": "who are you"}]}


def test_an_answer_is_made_to_meet_a_check() -> None:
    there = JSONCondition(pointer="/data/id", exists=True)
    named = JSONCondition(pointer="/status", equals="ok")

    assert met({"data": {"name": "a"}}, there) == {"data": {"name": "a", "id": "simulated"}}
    assert met({"data": {"id": 7}}, there) == {"data": {"id": 7}}
    assert met({"status": "simulated"}, named) == {"status": "ok"}
