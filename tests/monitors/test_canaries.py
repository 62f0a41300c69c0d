"""Canaries run when they are due, take back what they made, and what they show counts as a check."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from random import Random

import anyio
import msgspec
import pytest

from integrations.canaries import CanaryOrder, CanaryResult, check_canary, ordered, run_canary
from integrations.connection import CanaryPolicy, CheckPolicy, Connection
from integrations.errors import ConfigurationError
from integrations.execution.outcome import FailureKind, Outcome
from integrations.manifest.evidence import Canary, CanarySetting, CanaryStep
from integrations.signals import CheckResult, Health
from monitors.canaries import CanaryWatch
from monitors.report import Pause
from monitors.watched import WatchedIntegration
from tests.fakes.clock import VIRTUAL_TIME, LoopClock
from tests.fakes.framework import CATALOG
from tests.fakes.signals import RecordingSubscriber

CANARY = Canary(
    capability="write",
    given={"room": CanarySetting(title="a room")},
    steps=(
        CanaryStep(action="post", params={"room": "{given.room}", "text": "{marker}!"}, take={"id": "/id"}),
        CanaryStep(action="read", params={"id": "{taken.id}", "deep": {"as": ["is {taken.id}"]}}),
    ),
    cleanup=(CanaryStep(action="delete", params={"id": "{taken.id}"}),),
)
ORDER = CanaryOrder(
    integration="wiki",
    vendor="wikis",
    canary=CANARY,
    given={"room": "lab"},
    interval=3_600.0,
    retry_interval=15.0,
    timeout=10.0,
    is_write=lambda action: action != "read",
)
MADE = Outcome(data={"id": 7})


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


class Vendor:
    """Answers actions as told, and remembers them."""

    def __init__(self, **answers: Outcome) -> None:
        self.answers = {"post": MADE, "read": Outcome(data={}), "delete": Outcome()} | answers
        self.asked: list[tuple[str, Mapping[str, object]]] = []

    async def __call__(self, action: str, params: Mapping[str, object], /) -> Outcome:
        self.asked.append((action, params))
        await anyio.lowlevel.checkpoint()
        return self.answers[action]

    @property
    def actions(self) -> list[str]:
        return [action for action, _ in self.asked]


def failed(kind: FailureKind) -> Outcome:
    return Outcome(kind=kind, detail="no")


async def test_values_come_from_settings_and_from_earlier_answers_with_their_types() -> None:
    vendor = Vendor()

    result = await run_canary(ORDER, vendor)

    post, read, delete = (params for _, params in vendor.asked)
    assert post["room"] == "lab"
    assert str(post["text"]).startswith("dialtone-canary-")
    assert read == {"id": 7, "deep": {"as": ["is 7"]}}
    assert delete == {"id": 7}
    assert (result.outcome.ok, result.leftovers) == (True, 0)


async def test_each_run_has_a_name_of_its_own() -> None:
    vendor = Vendor()
    await run_canary(ORDER, vendor)
    await run_canary(ORDER, vendor)

    assert vendor.asked[0][1]["text"] != vendor.asked[3][1]["text"]


async def test_what_was_made_is_taken_back_when_a_later_step_fails() -> None:
    vendor = Vendor(read=failed(FailureKind.SERVER_ERROR))

    result = await run_canary(ORDER, vendor)

    assert vendor.actions == ["post", "read", "delete"]
    assert (result.action, result.outcome.kind, result.leftovers) == ("read", FailureKind.SERVER_ERROR, 0)


@pytest.mark.parametrize(
    ("kind", "leftovers"),
    [
        (FailureKind.FORBIDDEN, 0),
        (FailureKind.REJECTED, 0),
        (FailureKind.TIMEOUT, 1),
        (FailureKind.SERVER_ERROR, 1),
    ],
)
async def test_what_may_have_been_made_and_cannot_be_named_is_counted(
    kind: FailureKind, leftovers: int
) -> None:
    vendor = Vendor(post=failed(kind))

    result = await run_canary(ORDER, vendor)

    assert vendor.actions == ["post"]
    assert (result.outcome.kind, result.leftovers) == (kind, leftovers)


@pytest.mark.parametrize(("kind", "leftovers"), [(FailureKind.SERVER_ERROR, 1), (FailureKind.NOT_FOUND, 0)])
async def test_a_cleanup_that_fails_is_counted_unless_nothing_is_left(
    kind: FailureKind, leftovers: int
) -> None:
    result = await run_canary(ORDER, Vendor(delete=failed(kind)))

    assert result.outcome.ok
    assert result.leftovers == leftovers


def connection(canary: CanaryPolicy, vendor: str = "github") -> Connection:
    return Connection(id="gh", vendor=vendor, check=CheckPolicy(canary=canary))


GIVEN = {"owner": "octo", "repo": "lab"}


@pytest.mark.parametrize(
    ("policy", "vendor", "key"),
    [
        (CanaryPolicy(enabled=True, config={"owner": "octo"}), "github", "check.canary.config.repo"),
        (CanaryPolicy(enabled=True, config={**GIVEN, "ownr": "x"}), "github", "check.canary.config.ownr"),
        (CanaryPolicy(enabled=True), "prometheus", "check.canary.enabled"),
    ],
    ids=["missing", "unknown", "no canary"],
)
def test_a_canary_that_cannot_run_is_refused_with_its_key(
    policy: CanaryPolicy, vendor: str, key: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        check_canary(connection(policy, vendor), CATALOG.manifest(vendor), auth="token")

    assert caught.value.key == key


class Registered(msgspec.Struct, frozen=True):
    connection: Connection
    manifest: object
    auth_name: str = "token"


@pytest.mark.parametrize(
    ("auth", "config", "capabilities"),
    [("token", {"service": "PIJ90N7", "from": "a@x.example"}, ["write"]), ("events", {}, ["events"])],
)
def test_a_canary_needs_the_credential_and_the_settings_of_its_own_actions_only(
    auth: str, config: dict[str, str], capabilities: list[str]
) -> None:
    manifest = CATALOG.manifest("pagerduty")
    asked = connection(CanaryPolicy(enabled=True, config=config), "pagerduty")

    check_canary(asked, manifest, auth=auth)
    orders = ordered([Registered(asked, manifest, auth)])  # type: ignore[list-item] # the manifest is one

    assert [order.canary.capability for order in orders] == capabilities


def test_a_credential_that_no_canary_works_with_is_told() -> None:
    asked = connection(CanaryPolicy(enabled=True), "datadog")

    with pytest.raises(ConfigurationError, match="no canary: Datadog has none with auth api_key"):
        check_canary(asked, CATALOG.manifest("datadog"), auth="api_key")


def test_canaries_run_only_where_they_are_asked_for() -> None:
    manifest = CATALOG.manifest("github")
    on = Registered(connection(CanaryPolicy(enabled=True, config=GIVEN)), manifest)
    off = Registered(connection(CanaryPolicy()), manifest)

    (order,) = ordered([on, off])  # type: ignore[list-item] # the manifest is one

    assert (order.integration, order.canary.capability, order.interval) == ("gh", "write", 3_600.0)
    assert order.is_write("labels.create")
    assert not order.is_write("labels.get")


class World:
    """A watch over one canary and the integration it belongs to."""

    def __init__(self) -> None:
        self.clock = LoopClock()
        self.wiki = WatchedIntegration(
            "wiki", vendor="wikis", vendor_name="Wikis", note=lambda *_: None, at=self.clock.time()
        )
        self.wiki.configure(CheckPolicy(), ["write"], at=self.clock.time())
        self.published = RecordingSubscriber()
        self.ran: list[float] = []
        self.result: CanaryResult | Exception = CanaryResult(action="read", outcome=Outcome())
        self.orders = [ORDER]
        self.takes = 0.0
        find: Callable[[str], WatchedIntegration | None] = {"wiki": self.wiki}.get
        self.watch = CanaryWatch(
            orders=lambda: self.orders,
            run_one=self.run_one,
            verdicts=find,
            clock=self.clock,
            publish=self.published,
            random=Random(1),
        )

    async def run_one(self, order: CanaryOrder) -> CanaryResult:
        assert order is ORDER
        self.ran.append(self.clock.monotonic())
        await anyio.sleep(self.takes)
        if isinstance(self.result, Exception):
            raise self.result
        return self.result

    def write(self) -> Health:
        return next(one.state for one in self.wiki.health().capabilities if one.capability == "write")

    def samples(self) -> dict[tuple[str, ...], float]:
        return {(one.metric, *one.labels): one.value for one in self.watch.samples()}


@asynccontextmanager
async def running(world: World, *, after: float) -> AsyncIterator[None]:
    async with anyio.create_task_group() as group:
        group.start_soon(world.watch.run)
        await anyio.sleep(after)
        yield
        group.cancel_scope.cancel()


async def test_a_canary_runs_every_hour_and_its_success_is_evidence() -> None:
    world = World()

    async with running(world, after=4 * 3_600 - 300):
        pass

    assert 4 <= len(world.ran) <= 5
    assert world.write() is Health.UP
    (first, *_) = world.published.of(CheckResult)
    assert (first.integration, first.capability, first.action, first.kind) == ("wiki", "write", "read", None)


async def test_a_failure_is_confirmed_within_minutes_not_hours() -> None:
    world = World()
    world.result = CanaryResult(action="post", outcome=failed(FailureKind.SERVER_ERROR), leftovers=1)

    async with running(world, after=300):
        pass

    assert len(world.ran) == 3
    assert world.write() is Health.DOWN
    assert "post of the canary failed" in world.wiki.health().reason
    assert world.samples()["dialtone_canary_leftovers_total", "wiki", "wikis", "write"] == 3
    assert world.samples()["dialtone_canaries_total", "wiki", "wikis", "write", "server_error"] == 3


async def test_a_paused_integration_is_not_written_to() -> None:
    world = World()
    world.wiki.begin_pause(Pause(actor="ann", reason="move", since=world.clock.time()))

    async with running(world, after=7_200):
        pass

    assert world.ran == []


async def test_a_canary_that_raises_stops_nothing_and_is_counted() -> None:
    world = World()
    world.result = RuntimeError("boom")

    async with running(world, after=2 * 3_600):
        pass

    assert len(world.ran) >= 2
    assert world.samples()["dialtone_canaries_total", "wiki", "wikis", "write", "error"] == len(world.ran)


async def test_a_canary_that_never_ends_is_given_up_and_counted_as_left_behind() -> None:
    world = World()
    world.takes = 100_000.0

    async with running(world, after=600):
        pass

    assert world.samples()["dialtone_canary_leftovers_total", "wiki", "wikis", "write"] == 1


async def test_a_canary_that_is_no_longer_asked_for_does_not_run() -> None:
    world = World()
    async with running(world, after=100):
        world.orders = []
        await anyio.sleep(7_200)

    assert len(world.ran) == 1
    assert world.samples() == {}
