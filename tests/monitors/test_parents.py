"""Is it us? The one cause behind integrations that fail together."""

from collections.abc import Mapping, Sequence
from random import Random

import anyio
import pytest

from integrations.signals import CheckResult, Health, Indicator
from monitors.alerts.alert import Alert
from monitors.dependencies import Dependency, DependencyGraph
from monitors.members import Member
from monitors.parent import Certainty, Parent, ParentKind
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

    def raise_alert(self, alert: Alert) -> None:
        name = alert.labels["alertname"]
        if alert.fingerprint not in self.firing:
            self.told.append(("raised", name))
        self.firing[alert.fingerprint] = alert

    def end_alert(self, labels: Mapping[str, str]) -> None:
        self.told.append(("ended", labels["alertname"]))
        self.firing = {key: each for key, each in self.firing.items() if each.labels != labels}


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
            desk=self.desk,
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


async def over(world: World, scenario: object) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(world.parents.run)
        await anyio.sleep(0.01)
        await scenario()  # type: ignore[operator]
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
        await anyio.sleep(0.15)
        assert world.certainty("one-0") == ("egress", "uncertain")
        await anyio.sleep(3)

        assert world.certainty("one-0") is None
        assert world.desk.told == []
        assert len(world.checked) == 10
        assert len({world.members[name].vendor for name, _ in world.checked}) == 10

    await over(world, scenario)
