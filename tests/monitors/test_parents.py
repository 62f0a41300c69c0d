"""Is it us? The one cause behind integrations that fail together."""

from collections.abc import Awaitable, Callable, Sequence
from random import Random

import anyio
import pytest

from integrations.signals import CheckResult, Health, Indicator
from monitors.alerts.alert import Alert
from monitors.dependencies import Dependency, DependencyGraph
from monitors.members import Member
from monitors.parent import Certainty, Parent, ParentKind, alert_of
from monitors.parents import Parents
from monitors.report import VendorWord
from tests.fakes.clock import VIRTUAL_TIME, LoopClock


@pytest.fixture
def anyio_backend() -> tuple[str, object]:
    return VIRTUAL_TIME


class KnownVerdict:
    def __init__(self) -> None:
        self.bad_since: float | None = None
        self.vendor_says: VendorWord | None = None


class Desk:
    def __init__(self) -> None:
        self.firing: dict[str, Alert] = {}
        self.told: list[tuple[str, str]] = []

    def take(self, parent: Parent) -> None:
        if parent.kind is ParentKind.DEPENDENCY or parent.certainty is Certainty.UNCERTAIN:
            return
        alert = alert_of(parent, now=0.0)
        name = alert.labels["alertname"]
        if parent.certainty is Certainty.RECOVERED:
            self.firing.pop(alert.fingerprint, None)
            self.told.append(("ended", name))
            return
        if alert.fingerprint not in self.firing:
            self.told.append(("raised", name))
        self.firing[alert.fingerprint] = alert


class Canaries:
    def __init__(self) -> None:
        self.is_down = False
        self.hurried = 0

    @property
    def reason(self) -> str:
        return "3 of 3 canaries fail." if self.is_down else ""

    def hurry(self) -> None:
        self.hurried += 1


class MemoryStore:
    def __init__(self, parents: Sequence[Parent] = ()) -> None:
        self.parents = tuple(parents)

    async def save_parents(self, parents: Sequence[Parent]) -> None:
        self.parents = tuple(parents)

    async def load_parents(self) -> Sequence[Parent]:
        return self.parents


class BrokenStore(MemoryStore):
    async def save_parents(self, parents: Sequence[Parent]) -> None:
        raise OSError("disk")


class World:
    """Integrations, of which some truly fail; checks tell the truth."""

    def __init__(
        self,
        members: Sequence[Member],
        *,
        dependencies: Sequence[Dependency] = (),
        canaries: Canaries | None = None,
        store: MemoryStore | None = None,
    ) -> None:
        self.clock = LoopClock()
        self.members = {member.integration: member for member in members}
        self.verdicts = {name: KnownVerdict() for name in self.members}
        self.failing: dict[str, Health] = {}
        self.checked: list[tuple[str, float]] = []
        self.desk = Desk()
        graph = DependencyGraph(dependencies, known=self.members)
        self.parents = Parents(
            members=lambda: self.members,
            verdicts=self.verdicts.get,
            recheck=self.check,
            clock=self.clock,
            graph=lambda: graph,
            egress=canaries,
            tell=self.desk.take,
            store=store,
            random=Random(7),
        )

    async def check(self, name: str) -> None:
        await anyio.sleep(0.2)
        self.checked.append((name, self.clock.monotonic()))
        self.show(name)

    def show(self, *names: str) -> None:
        """Let scheduled checks of these show how they are."""
        for name in names:
            health = self.failing.get(name, Health.UP)
            self.parents.on_signal(
                CheckResult(
                    at=self.clock.time(),
                    integration=name,
                    vendor=self.members[name].vendor,
                    capability="read",
                    action="read",
                    evidence_health=health,
                )
            )

    def fail(self, *names: str, health: Health = Health.DOWN) -> None:
        self.failing |= dict.fromkeys(names, health)
        self.show(*names)

    def heal(self, *names: str) -> None:
        for name in names:
            self.failing.pop(name, None)
        self.show(*names)

    def certainty(self, name: str) -> tuple[str, str] | None:
        parent = self.parents.parent_of(name)
        return (parent.key, parent.certainty.value) if parent else None


def member(name: str, vendor: str, region: str = "") -> Member:
    return Member(name, vendor, vendor, vendor.title(), region)


def twenty() -> list[Member]:
    return [member(f"one-{n}", f"vendor-{n % 10}") for n in range(20)]


async def over(world: World, scenario: Callable[[], Awaitable[None]]) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(world.parents.run)
        await anyio.sleep(0.01)
        await scenario()
        group.cancel_scope.cancel()


async def test_independent_vendors_that_fail_together_have_one_parent_confirmed_by_those_asked_afresh() -> (
    None
):
    world = World(twenty())
    world.failing |= dict.fromkeys(world.members, Health.DOWN)

    async def scenario() -> None:
        world.show("one-0", "one-1", "one-2")
        assert world.certainty("one-0") is None or world.certainty("one-0") == ("egress", "uncertain")
        await anyio.sleep(3)
        world.show(*world.members)
        await anyio.sleep(2)

        assert {world.certainty(name) for name in world.members} == {("mass-failure", "confirmed")}
        assert world.desk.told == [("raised", "MassFailure")]
        (alert,) = world.desk.firing.values()
        assert alert.annotations["summary"] == "Mass failure: 20 integrations fail together"

    await over(world, scenario)


async def test_failures_that_begin_together_by_chance_are_held_only_until_the_others_answered_well() -> None:
    world = World(twenty())

    async def scenario() -> None:
        world.fail("one-0", "one-1", "one-2")
        await anyio.sleep(0.3)
        assert world.certainty("one-0") == ("egress", "uncertain")
        await anyio.sleep(3)

        assert world.certainty("one-0") is None
        assert world.desk.told == []
        assert len(world.checked) == 10
        assert len({world.members[name].vendor for name, _ in world.checked}) == 10

    await over(world, scenario)


async def test_a_suspicion_is_held_45_seconds_at_most_when_nobody_answers() -> None:
    world = World(twenty())

    async def never(name: str) -> None:
        await anyio.sleep(29)

    world.parents._recheck = never

    async def scenario() -> None:
        world.fail("one-0", "one-1", "one-2")
        await anyio.sleep(27)
        assert world.certainty("one-0") == ("egress", "uncertain")
        await anyio.sleep(20)
        assert world.certainty("one-0") is None

    await over(world, scenario)


async def test_canaries_that_fail_confirm_at_once_that_it_is_our_way_out() -> None:
    canaries = Canaries()
    world = World(twenty(), canaries=canaries)

    async def scenario() -> None:
        canaries.is_down = True
        world.fail("one-0")
        await anyio.sleep(1.5)

        parent = world.parents.parent_of("one-0")
        assert parent is not None
        assert (parent.key, parent.certainty) == ("egress", Certainty.CONFIRMED)
        assert parent.reason == "3 of 3 canaries fail."
        assert canaries.hurried == 1
        assert world.desk.told == [("raised", "EgressDown")]

        canaries.is_down = False
        world.heal("one-0")
        await anyio.sleep(1.5)
        assert world.desk.told[-1] == ("ended", "EgressDown")

    await over(world, scenario)


async def test_after_a_parent_is_over_each_child_that_still_fails_is_checked_once_within_30_seconds() -> None:
    world = World(twenty())

    async def scenario() -> None:
        world.fail(*world.members)
        await anyio.sleep(3)
        assert world.certainty("one-5") == ("mass-failure", "confirmed")
        world.checked.clear()

        still = {"one-3", "one-4", "one-5"}
        world.heal(*(set(world.members) - still))
        await anyio.sleep(1.1)
        assert world.certainty("one-5") == ("mass-failure", "recovered")
        assert world.certainty("one-0") is None
        over_at = world.clock.monotonic()

        await anyio.sleep(33)
        assert {name for name, _ in world.checked} == still
        assert len(world.checked) == 3
        assert all(at - over_at <= 32 for _, at in world.checked)
        assert max(at for _, at in world.checked) - min(at for _, at in world.checked) > 2
        assert world.certainty("one-5") is None
        assert world.parents.active() == ()

    await over(world, scenario)


async def test_a_vendor_of_which_most_integrations_fail_is_the_parent_and_others_are_not_its_children() -> (
    None
):
    world = World([*(member(f"git-{n}", "github") for n in range(5)), *twenty()])

    async def scenario() -> None:
        world.fail("git-0", "git-1", "git-2", "git-3")
        await anyio.sleep(2.5)
        assert world.certainty("git-0") == ("vendor:github", "confirmed")
        world.fail("one-1")
        await anyio.sleep(2.5)

        assert world.certainty("one-1") is None
        (alert,) = world.desk.firing.values()
        assert alert.labels == {
            "alertname": "VendorDown",
            "severity": "critical",
            "parent": "vendor:github",
            "vendor": "github",
        }
        assert alert.annotations["children"] == "git-0, git-1, git-2, git-3"

        world.fail("git-4")
        await anyio.sleep(1.5)
        assert world.certainty("git-4") == ("vendor:github", "confirmed")
        assert world.desk.told == [("raised", "VendorDown")]

    await over(world, scenario)


async def test_two_of_five_of_a_vendor_are_failures_of_their_own() -> None:
    world = World([member(f"git-{n}", "github") for n in range(5)])

    async def scenario() -> None:
        world.fail("git-0", "git-1")
        await anyio.sleep(5)
        assert world.certainty("git-0") is None
        assert world.desk.told == []

    await over(world, scenario)


async def test_an_announced_outage_makes_the_vendor_the_parent_of_the_first_that_fails() -> None:
    world = World([member(f"git-{n}", "github") for n in range(5)])
    world.verdicts["git-2"].vendor_says = VendorWord(
        indicator=Indicator.MAJOR_OUTAGE, read_at=0.0, title="API is down"
    )

    async def scenario() -> None:
        world.fail("git-2")
        await anyio.sleep(1.5)
        parent = world.parents.parent_of("git-2")
        assert parent is not None
        assert (parent.key, parent.certainty) == ("vendor:github", Certainty.CONFIRMED)
        assert parent.reason == "Github announces a major outage (API is down)."

    await over(world, scenario)


async def test_a_vendor_with_one_integration_has_no_parent_of_its_own() -> None:
    world = World([member("git", "github"), *twenty()])
    world.verdicts["git"].vendor_says = VendorWord(indicator=Indicator.MAJOR_OUTAGE, read_at=0.0)

    async def scenario() -> None:
        world.fail("git")
        await anyio.sleep(3)
        assert world.certainty("git") is None

    await over(world, scenario)


async def test_rejected_credentials_are_explained_by_no_vendor_but_by_a_mass_failure() -> None:
    world = World([*(member(f"git-{n}", "github") for n in range(4)), *twenty()])

    async def scenario() -> None:
        world.fail(*(f"git-{n}" for n in range(4)), health=Health.UNAUTHORIZED)
        await anyio.sleep(2.5)
        assert world.certainty("git-0") is None
        world.fail(*(f"one-{n}" for n in range(20)), health=Health.UNAUTHORIZED)
        await anyio.sleep(2.5)
        assert world.certainty("git-0") == ("mass-failure", "confirmed")

    await over(world, scenario)


async def test_a_region_is_the_parent_of_different_vendors_that_fail_in_it_alone() -> None:
    world = World([*(member(f"eu-{n}", f"eu-vendor-{n}", "eu") for n in range(4)), *twenty()])

    async def scenario() -> None:
        world.fail("eu-0", "eu-1")
        await anyio.sleep(0.3)
        assert world.certainty("eu-0") == ("region:eu", "uncertain")
        world.failing |= dict.fromkeys(("eu-2", "eu-3"), Health.DOWN)
        await anyio.sleep(3)

        assert {world.certainty(f"eu-{n}") for n in range(4)} == {("region:eu", "confirmed")}
        assert world.desk.told == [("raised", "RegionDown")]

    await over(world, scenario)


async def test_a_declared_dependency_is_the_parent_while_it_seems_to_fail_and_then_for_sure() -> None:
    world = World(
        [member("gateway", "http/gw"), member("shop", "http/shop"), member("mail", "mail")],
        dependencies=[Dependency(integrations=("shop",), depends_on=("gateway",))],
    )

    async def scenario() -> None:
        world.fail("gateway")
        await anyio.sleep(0.3)
        assert world.certainty("shop") == ("integration:gateway", "uncertain")
        assert world.certainty("gateway") is None
        assert world.certainty("mail") is None
        world.fail("shop")
        world.verdicts["gateway"].bad_since = 1.0
        await anyio.sleep(1.5)
        assert world.certainty("shop") == ("integration:gateway", "confirmed")
        assert world.desk.told == []

        world.verdicts["gateway"].bad_since = None
        world.heal("gateway")
        await anyio.sleep(1.2)
        assert world.certainty("shop") == ("integration:gateway", "recovered")
        await anyio.sleep(32)
        assert world.certainty("shop") is None
        assert [name for name, _ in world.checked] == ["shop"]

    await over(world, scenario)


async def test_of_a_redundancy_group_all_must_fail() -> None:
    world = World(
        [member(name, name) for name in ("left", "right", "shop")],
        dependencies=[Dependency(integrations=("shop",), depends_on=("left", "right"), redundant=True)],
    )

    async def scenario() -> None:
        world.fail("left")
        world.verdicts["left"].bad_since = 1.0
        await anyio.sleep(1.5)
        assert world.certainty("shop") is None
        world.fail("right")
        world.verdicts["right"].bad_since = 2.0
        await anyio.sleep(1.5)
        assert world.certainty("shop") == ("integration:left", "confirmed")

    await over(world, scenario)


async def test_the_outermost_cause_is_named_through_a_chain_of_dependencies() -> None:
    world = World(
        [*(member(f"git-{n}", "github") for n in range(4)), member("build", "ci"), member("shop", "shop")],
        dependencies=[
            Dependency(integrations=("build",), depends_on=("git-0",)),
            Dependency(integrations=("shop",), depends_on=("build",)),
        ],
    )

    async def scenario() -> None:
        world.fail(*(f"git-{n}" for n in range(4)))
        for name in ("git-0", "build"):
            world.verdicts[name].bad_since = 1.0
        await anyio.sleep(2.5)
        assert world.certainty("shop") == ("vendor:github", "confirmed")

    await over(world, scenario)


async def test_what_failed_long_before_is_not_explained_by_what_fails_now() -> None:
    world = World(twenty())

    async def scenario() -> None:
        world.fail("one-0")
        await anyio.sleep(120)
        world.fail(*(name for name in world.members if name != "one-0"))
        await anyio.sleep(3)
        assert world.certainty("one-1") == ("mass-failure", "confirmed")
        assert world.certainty("one-0") is None

    await over(world, scenario)


async def test_a_restart_goes_on_with_a_confirmed_parent_and_ends_it() -> None:
    store = MemoryStore()
    first = World(twenty(), store=store)

    async def failure() -> None:
        first.fail(*first.members)
        await anyio.sleep(3)

    await over(first, failure)
    assert [parent.key for parent in store.parents] == ["mass-failure"]

    second = World(twenty(), store=store)
    await second.parents.load()
    assert second.certainty("one-0") == ("mass-failure", "confirmed")

    async def recovery() -> None:
        second.show(*second.members)
        await anyio.sleep(2)

    await over(second, recovery)
    assert second.desk.told == [("raised", "MassFailure"), ("ended", "MassFailure")]
    assert store.parents == ()


async def test_a_restored_parent_is_not_over_before_its_children_were_heard_of() -> None:
    parent = Parent(
        key="vendor:github",
        kind=ParentKind.VENDOR,
        certainty=Certainty.CONFIRMED,
        name="GitHub",
        reason="3 of 3 fail together",
        since=1.0,
        confirmed_at=2.0,
        children=("git-0", "git-1", "git-2"),
        vendor="github",
    )
    world = World([member(f"git-{n}", "github") for n in range(3)], store=MemoryStore([parent]))
    await world.parents.load()
    world.failing |= dict.fromkeys(world.members, Health.DOWN)

    async def scenario() -> None:
        await anyio.sleep(5)
        assert {name for name, _ in world.checked} == {"git-0", "git-1", "git-2"}
        assert world.certainty("git-0") == ("vendor:github", "confirmed")
        world.heal("git-0", "git-1", "git-2")
        await anyio.sleep(2)
        assert world.certainty("git-0") is None
        assert world.desk.told == [("raised", "VendorDown"), ("ended", "VendorDown")]

    await over(world, scenario)


async def test_500_integrations_that_fail_within_a_minute_have_one_parent_before_any_is_confirmed() -> None:
    world = World([member(f"one-{n}", f"vendor-{n % 50}") for n in range(500)])

    async def scenario() -> None:
        world.failing |= dict.fromkeys(world.members, Health.DOWN)
        for n in range(500):
            world.show(f"one-{n}")
            await anyio.sleep(60 / 500)
            if n == 100:
                assert world.certainty("one-0") == ("mass-failure", "confirmed")
        await anyio.sleep(2)
        assert {world.certainty(name) for name in world.members} == {("mass-failure", "confirmed")}
        assert world.desk.told == [("raised", "MassFailure")]

        world.failing.clear()
        for n in range(500):
            world.show(f"one-{n}")
            await anyio.sleep(60 / 500)
        await anyio.sleep(40)
        assert world.desk.told == [("raised", "MassFailure"), ("ended", "MassFailure")]
        assert world.parents.active() == ()

    await over(world, scenario)


async def test_a_confirmed_parent_is_told_once_it_is_stored_and_even_if_it_cannot_be() -> None:
    store = MemoryStore()
    stored_when_told: list[int] = []
    world = World(twenty(), store=store)
    world.parents._tell = lambda _: stored_when_told.append(len(store.parents))

    async def scenario() -> None:
        world.fail(*world.members)
        await anyio.sleep(3)
        assert stored_when_told[-1] == 1

    await over(world, scenario)

    broken = World(twenty(), store=BrokenStore())

    async def without_a_store() -> None:
        broken.fail(*broken.members)
        await anyio.sleep(3)
        assert broken.desk.told == [("raised", "MassFailure")]

    await over(broken, without_a_store)


async def test_checks_that_raise_harm_nobody_and_are_counted() -> None:
    world = World(twenty())

    async def broken(name: str) -> None:
        raise RuntimeError(name)

    world.parents._recheck = broken

    async def scenario() -> None:
        world.fail("one-0", "one-1", "one-2")
        await anyio.sleep(3)
        assert world.certainty("one-0") is None
        samples = {(one.metric, one.labels): one.value for one in world.parents.samples()}
        assert samples["dialtone_parent_errors_total", ()] == 10
        assert samples["dialtone_parents", ("egress", "uncertain")] == 0

    await over(world, scenario)


async def test_integrations_that_were_just_added_are_known_at_once_and_those_taken_out_forgotten() -> None:
    world = World(twenty())
    everyone = dict(world.members)

    async def scenario() -> None:
        world.members.clear()
        await anyio.sleep(6)
        world.members |= everyone
        world.fail(*world.members)
        await anyio.sleep(1.5)
        assert world.certainty("one-0") == ("mass-failure", "confirmed")
        del world.members["one-0"]
        await anyio.sleep(6)
        assert not world.parents._board.fails("one-0")

    await over(world, scenario)
