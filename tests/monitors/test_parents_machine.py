"""Root causes under any order of failures, recoveries and waiting: what must always hold."""

from random import Random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from integrations.signals import CheckResult, Health
from monitors.dependencies import Dependency, DependencyGraph
from monitors.members import Member
from monitors.parent import Certainty, Parent, ParentKind
from monitors.parents import Parents
from tests.fakes.clock import FakeClock

MEMBERS = {
    name: Member(name, vendor, vendor, vendor, "eu" if n % 3 == 0 else "")
    for n in range(14)
    for name, vendor in [(f"i{n}", f"v{n % 5}")]
}
GRAPH = DependencyGraph(
    [
        Dependency(integrations=("i1", "i2"), depends_on=("i0",)),
        Dependency(integrations=("i3",), depends_on=("i1", "i5"), redundant=True),
    ]
)
names = st.sampled_from(list(MEMBERS))


class KnownVerdict:
    def __init__(self) -> None:
        self.bad_since: float | None = None
        self.vendor_says = None


class RootCauses(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.verdicts = {name: KnownVerdict() for name in MEMBERS}
        self.failing: dict[str, Health] = {}
        self.failed_ever: set[str] = set()
        self.bad_for: dict[str, int] = {}
        self.told: list[Parent] = []
        self.egress_down = False
        self.over: dict[str, float] = {}
        self.parents = Parents(
            members=lambda: MEMBERS,
            verdicts=self.verdicts.get,
            recheck=self._never,
            clock=self.clock,
            graph=lambda: GRAPH,
            egress=self,
            tell=self.told.append,
            random=Random(3),
        )

    # The canaries.

    @property
    def is_down(self) -> bool:
        return self.egress_down

    @property
    def reason(self) -> str:
        return "canaries fail" if self.egress_down else ""

    def hurry(self) -> None:
        """They are always of now."""

    async def _never(self, _: str) -> None:
        raise AssertionError("the machine answers itself")

    @rule(name=names, health=st.sampled_from([Health.DOWN, Health.DOWN, Health.UNAUTHORIZED]))
    def fail(self, name: str, health: Health) -> None:
        self.failing[name] = health
        self._show(name)

    @rule(names=st.sets(names, min_size=5), health=st.just(Health.DOWN))
    def fail_together(self, names: set[str], health: Health) -> None:
        for name in sorted(names):
            self.fail(name, health)

    @rule(name=names)
    def heal(self, name: str) -> None:
        self.failing.pop(name, None)
        self._show(name)

    @rule()
    def heal_all(self) -> None:
        self.egress_down = False
        self.failing.clear()
        for name in MEMBERS:
            self._show(name)

    @rule(is_down=st.booleans())
    def turn_canaries(self, *, is_down: bool) -> None:
        self.egress_down = is_down

    @rule(seconds=st.integers(1, 90), answers=st.booleans())
    def wait(self, seconds: int, *, answers: bool) -> None:
        for _ in range(seconds):
            self.clock.advance(1)
            self.parents.look()
            self.parents._tell_confirmed()
            self._answer(answers=answers)

    def _answer(self, *, answers: bool) -> None:
        causes = self.parents._causes
        wanted = [*causes.wanted, *causes.due_releases(self.clock.monotonic())]
        causes.wanted.clear()
        for name in wanted if answers else ():
            self._show(name)
            causes.heard(name)
            causes.release(name)

    def _show(self, name: str) -> None:
        health = self.failing.get(name, Health.UP)
        if name in self.failing:
            self.failed_ever.add(name)
            self.bad_for[name] = self.bad_for.get(name, 0) + 1
        else:
            self.bad_for.pop(name, None)
        is_hard = self.bad_for.get(name, 0) >= 3
        self.verdicts[name].bad_since = self.clock.time() if is_hard else None
        self.parents.on_signal(
            CheckResult(
                at=self.clock.time(),
                integration=name,
                vendor="v",
                capability="read",
                action="a",
                evidence_health=health,
            )
        )

    @invariant()
    def suspicions_are_short(self) -> None:
        for parent in self.parents.active():
            if parent.certainty is Certainty.UNCERTAIN:
                assert self.clock.time() - parent.since <= 46

    @invariant()
    def what_is_over_lets_go_within_a_minute(self) -> None:
        for parent in self.parents.active():
            if parent.recovered_at is not None:
                assert self.clock.time() - parent.recovered_at <= 61

    @invariant()
    def only_what_has_failed_has_a_parent_but_for_dependencies(self) -> None:
        for name in MEMBERS.keys() - self.failed_ever:
            parent = self.parents.parent_of(name)
            assert parent is None or name in {"i1", "i2", "i3"}

    @invariant()
    def children_are_named_once_and_exist(self) -> None:
        for parent in self.parents.active():
            assert len(set(parent.children)) == len(parent.children)
            assert set(parent.children) <= MEMBERS.keys()
            if parent.kind is ParentKind.VENDOR:
                assert {MEMBERS[child].vendor for child in parent.children} == {parent.vendor}

    @invariant()
    def what_recovers_was_confirmed_before(self) -> None:
        standing: set[str] = set()
        for parent in self.told:
            if parent.certainty is Certainty.CONFIRMED:
                standing.add(parent.key)
            elif parent.certainty is Certainty.RECOVERED:
                assert parent.key in standing
                standing.discard(parent.key)

    def teardown(self) -> None:
        self.heal_all()
        self.wait(130, answers=True)
        assert self.parents.active() == ()
        assert all(self.parents.parent_of(name) is None for name in MEMBERS)
        open_now = {parent.key for parent in self.told if parent.certainty is Certainty.CONFIRMED}
        ended = {parent.key for parent in self.told if parent.certainty is Certainty.RECOVERED}
        assert open_now == ended


RootCauses.TestCase.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)
TestRootCauses = RootCauses.TestCase
