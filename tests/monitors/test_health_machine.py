"""Health under any order of evidence, pauses and restarts: what must hold at every step."""

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from integrations.connection import CheckPolicy
from integrations.signals import Evidence, Health, HealthChange
from monitors.concerns import Finding
from monitors.health import BROKEN, Observation
from monitors.report import CapabilityHealth, Pause, SavedHealth
from monitors.watched import WHOLE, WatchedIntegration

CAPABILITIES = ("read", "write")
POLICY = CheckPolicy(fail_after=3, recover_after=2)
STATES = (Health.UP, Health.DOWN, Health.THROTTLED, Health.UNAUTHORIZED, Health.UNKNOWN)


class _Notes:
    def __init__(self) -> None:
        self.saved: SavedHealth | None = None
        self.changes: list[HealthChange] = []

    def __call__(self, state: SavedHealth, changes: list[HealthChange]) -> None:
        self.saved = state
        self.changes.extend(changes)


def watch(notes: _Notes, *, at: float) -> WatchedIntegration:
    watched = WatchedIntegration("wiki", vendor="wikis", vendor_name="Wikis", note=notes, at=at)
    watched.configure(POLICY, CAPABILITIES, at=at)
    return watched


class HealthMachine(RuleBasedStateMachine):
    """Drives one integration that is restarted now and then beside a twin that never is."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000.0
        self.followed = 0
        self.notes, self.twin_notes = _Notes(), _Notes()
        self.subject = watch(self.notes, at=self.now)
        self.twin = watch(self.twin_notes, at=self.now)
        self.shown = dict.fromkeys((*CAPABILITIES, WHOLE), Health.UNKNOWN)
        self.rows: dict[str, list[Health]] = {name: [] for name in CAPABILITIES}
        self.standing: dict[str, set[Health]] = {name: set() for name in CAPABILITIES}

    def observe(
        self, capability: str, seen: Observation, *, is_scheduled: bool = False
    ) -> list[HealthChange]:
        self.subject.observe(capability, seen, is_scheduled=is_scheduled)
        self.twin.observe(capability, seen, is_scheduled=is_scheduled)
        return self.follow()

    def follow(self) -> list[HealthChange]:
        """The capabilities' changes since the last time; each must begin where the last one ended."""
        changes, self.followed = self.notes.changes[self.followed :], len(self.notes.changes)
        for change in changes:
            assert change.before is self.shown[change.capability]
            self.shown[change.capability] = change.after
        return [change for change in changes if change.capability]

    @rule(capability=st.sampled_from(CAPABILITIES), state=st.sampled_from(STATES), is_scheduled=st.booleans())
    def a_check_answers(self, capability: str, state: Health, *, is_scheduled: bool) -> None:
        self.now += 15
        seen = Observation(
            at=self.now,
            state=state,
            evidence=Evidence.CHECK,
            reason=f"It looked {state}.",
            duration=0.1,
        )
        before = self.basis(capability).state
        changes = self.observe(capability, seen, is_scheduled=is_scheduled)
        if self.subject.pause:
            assert changes == []
            return
        self.rows[capability].append(state)
        after = self.basis(capability).state
        if after is not before:
            assert after is state
            self.must_be_confirmed(before, after, self.rows[capability])
        for change in changes:
            assert change.flapping or change.after in {after, *self.standing[capability], Health.DEGRADED}

    def must_be_confirmed(self, before: Health, after: Health, row: list[Health]) -> None:
        """No state is taken for true that the last results do not bear out."""
        if after is Health.UP:
            assert before is Health.UNKNOWN or row[-2:] == [Health.UP, Health.UP]
        elif after in BROKEN and before in BROKEN:
            assert row[-3:] == [after] * 3
        elif after in BROKEN:
            assert len(row) >= 3
            assert set(row[-3:]) <= BROKEN
        else:
            assert row[-3:] == [Health.UNKNOWN] * 3

    def basis(self, capability: str) -> CapabilityHealth:
        (found,) = [each.basis for each in self.subject.saved().memory if each.capability == capability]
        return found

    @rule(
        capability=st.sampled_from(CAPABILITIES),
        state=st.sampled_from((Health.DEGRADED, Health.THROTTLED)),
        is_found=st.booleans(),
    )
    def a_look_finds_something_or_nothing(self, capability: str, state: Health, *, is_found: bool) -> None:
        self.now += 1
        found = Finding(
            source=state.value, evidence=Evidence.TRAFFIC, state=state, reason="It looked so.", confirm=2
        )
        for watched in (self.subject, self.twin):
            watched.weigh(capability, state.value, found if is_found else None, at=self.now)
        self.follow()
        if not self.subject.pause and not is_found:
            assert not self.subject.has_concern(capability, state.value)
        self.standing[capability] = {
            concern.finding.state
            for each in self.subject.saved().memory
            for concern in each.concerns
            if each.capability == capability and concern.is_hard
        }

    @rule(capability=st.sampled_from(CAPABILITIES), is_open=st.booleans())
    def the_breaker_moves(self, capability: str, is_open: bool) -> None:
        self.now += 1
        state = Health.DOWN if is_open else Health.UP
        before = self.subject.health()
        rests = {c.capability: c.evidence is Evidence.BREAKER for c in before.capabilities}
        seen = Observation(
            at=self.now, state=state, evidence=Evidence.BREAKER, reason="The circuit moved.", is_hard=True
        )
        changes = self.observe(capability, seen)
        if not self.subject.pause and is_open:
            assert self.shown[capability] is Health.DOWN
        if not is_open and not rests[capability]:
            assert changes == []

    @rule(state=st.sampled_from((Health.DOWN, Health.THROTTLED)))
    def someone_reports_a_failure_twice(self, state: Health) -> None:
        self.now += 1
        seen = Observation(
            at=self.now, state=state, evidence=Evidence.REPORTED, reason="Reported: it fails.", is_hard=True
        )
        for capability in CAPABILITIES:
            self.observe(capability, seen)
        told = len(self.notes.changes)
        self.subject.report(seen)
        self.twin.report(seen)
        assert len(self.notes.changes) == told
        assert self.subject.state is (Health.PAUSED if self.subject.pause else state)

    @rule()
    def an_operator_pauses(self) -> None:
        self.now += 1
        pause = Pause(actor="ada", reason="vendor maintenance", since=self.now)
        self.subject.begin_pause(pause)
        self.twin.begin_pause(pause)
        self.follow()
        assert self.subject.state is Health.PAUSED

    @precondition(lambda self: self.subject.pause)
    @rule()
    def an_operator_resumes(self) -> None:
        self.now += 1
        for watched in (self.subject, self.twin):
            watched.end_pause(at=self.now, reason="Resumed by ada: done")
        self.follow()

    @rule()
    def it_is_stopped_and_started(self) -> None:
        told = len(self.notes.changes)
        stored = msgspec.json.encode(self.subject.saved())
        self.subject = watch(self.notes, at=self.now)
        self.subject.restore(msgspec.json.decode(stored, type=SavedHealth), at=self.now)
        assert len(self.notes.changes) == told

    @precondition(lambda self: self.notes.saved)
    @rule()
    def it_is_killed_and_started(self) -> None:
        """What was known is there again; how often checks fail by chance may be older."""
        before, told = shown(self.subject), len(self.notes.changes)
        stored = msgspec.json.decode(msgspec.json.encode(self.notes.saved), type=SavedHealth)
        self.subject, self.twin = watch(self.notes, at=self.now), watch(self.twin_notes, at=self.now)
        self.subject.restore(stored, at=self.now)
        self.twin.restore(stored, at=self.now)
        assert shown(self.subject) == before
        assert len(self.notes.changes) == told

    @invariant()
    def a_restart_changes_no_outcome(self) -> None:
        assert outcomes(self.notes) == outcomes(self.twin_notes)
        assert shown(self.subject) == shown(self.twin)

    @invariant()
    def every_change_has_a_reason_and_began_before_it_was_confirmed(self) -> None:
        for change in self.notes.changes:
            assert change.reason
            assert change.since <= change.at
            assert change.before is not change.after

    @invariant()
    def the_state_shown_is_the_last_one_told(self) -> None:
        health = self.subject.health()
        assert health.state is self.shown[WHOLE]
        for capability in health.capabilities:
            assert capability.state is self.shown[capability.capability]


def shown(watched: WatchedIntegration) -> list[object]:
    """What is told of health, less when the last check was: that alone is no reason to write to the store."""
    health = watched.health()
    plain = [msgspec.structs.replace(each, checked_at=None) for each in health.capabilities]
    return [health.state, health.since, health.reason, *plain]


def outcomes(notes: _Notes) -> list[HealthChange]:
    """The changes, less the evidence beside: not all of it is kept over a restart."""
    return [msgspec.structs.replace(change, grounds=()) for change in notes.changes]


TestHealthMachine = HealthMachine.TestCase
