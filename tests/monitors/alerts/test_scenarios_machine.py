"""Whatever happens in whatever order, and wherever the process dies: invariants of alerting as a whole."""

import asyncio
from collections import defaultdict
from collections.abc import Coroutine

import msgspec
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from integrations.signals import Health, IncidentChange
from monitors.alerts.standing import Phase
from monitors.health import SEVERITY
from monitors.incident import Incident
from monitors.incidents import BAD
from tests.fakes.alerting_world import World

NAMES = ("github-one", "github-two", "github-three")
OPENING = {"opened", "reopened"}

names = st.sampled_from(NAMES)
states = st.sampled_from([state for state in SEVERITY if state is not Health.PAUSED])


def run(coroutine: Coroutine[object, object, object]) -> None:
    """Nothing in a world waits for anything real: it is over in one go."""
    asyncio.run(coroutine)  # type: ignore[arg-type]  # any result is thrown away


class Alerting(RuleBasedStateMachine):
    """Integrations change, people act, the store fails, and the process is killed."""

    @initialize()
    def begin(self) -> None:
        self.world = World(labels={"tier": "1"})
        self.state = dict.fromkeys(NAMES, Health.UP)
        self.flapping = dict.fromkeys(NAMES, False)
        self.versions: dict[str, int] = {}

    @rule(name=names, state=states, flapping=st.booleans())
    def change(self, name: str, state: Health, flapping: bool) -> None:
        run(self.world.turn(state, name, before=self.state[name], flapping=flapping))
        self.state[name], self.flapping[name] = state, flapping

    @rule(name=names, state=states)
    def change_unstored(self, name: str, state: Health) -> None:
        """The store fails, and the process dies before it works again: it never happened."""
        self.world.store.error = OSError("disk full")
        run(self.world.turn(state, name, before=self.state[name]))
        self.world.store.error = None
        self.world.restart()

    @rule(name=names, state=states)
    def change_while_the_store_fails(self, name: str, state: Health) -> None:
        self.world.store.error = OSError("disk full")
        run(self.world.turn(state, name, before=self.state[name]))
        self.world.store.error = None
        run(self.world.step())
        self.state[name], self.flapping[name] = state, False

    @rule(seconds=st.sampled_from([1.0, 15.0, 40.0, 89.0, 91.0, 400.0, 4_000.0]))
    def wait(self, seconds: float) -> None:
        run(self.world.wait(seconds))

    @rule()
    def restart(self) -> None:
        self.world.restart()

    @rule(seconds=st.sampled_from([-3_600.0, 3_600.0]))
    def jump(self, seconds: float) -> None:
        self.world.clock.jump_utc(seconds)

    @precondition(lambda self: self.world.incidents.open())
    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        incident = data.draw(st.sampled_from(self.world.incidents.open()))
        run(self.world.acknowledge(incident.integration))

    @invariant()
    def an_incident_is_open_exactly_while_something_is_wrong(self) -> None:
        for name, state in self.state.items():
            is_open = self.world.incidents.of(name) is not None
            if state in BAD or self.flapping[name]:
                assert is_open
            elif state is Health.UP:
                assert not is_open

    @invariant()
    def what_is_in_memory_is_what_is_stored(self) -> None:
        stored = {body.id: body for body in self.world.store.loaded_incidents()}
        assert stored == {each.id: each for each in self.world.incidents.all()}
        rows = {row.alert.fingerprint: row for row in self.world.store.loaded_standing()}
        assert rows == {row.alert.fingerprint: row for row in self.world.engine.alerts()}

    @invariant()
    def versions_only_rise(self) -> None:
        for incident in self.world.incidents.all():
            assert incident.version >= self.versions.get(incident.id, 0)
            self.versions[incident.id] = incident.version

    @invariant()
    def what_is_told_of_an_incident_is_in_order(self) -> None:
        told: dict[str, list[str]] = defaultdict(list)
        for signal in self.world.store.signals:
            if isinstance(signal, IncidentChange):
                told[signal.incident].append(signal.event)
        for events in told.values():
            assert events[0] == "opened"
            turns = [event for event in events if event in OPENING | {"resolved"}]
            assert all((turn in OPENING) == (place % 2 == 0) for place, turn in enumerate(turns))

    @invariant()
    def an_alert_fires_for_what_is_wrong_and_ends_soon_after(self) -> None:
        standing = {row.alert.labels["integration"]: row for row in self.world.engine.alerts()}
        for name, state in self.state.items():
            row = standing.get(name)
            if state in BAD or self.flapping[name]:
                assert row is not None
                assert Phase.FIRING in {
                    each.phase
                    for each in self.world.engine.alerts()
                    if each.alert.labels["integration"] == name
                }
            elif state is Health.UP and row is not None:
                assert row.phase is Phase.ENDING

    @invariant()
    def nobody_hears_of_an_end_without_a_beginning(self) -> None:
        known: dict[str, set[str]] = defaultdict(set)
        for each in self.world.told:
            firing = {alert.fingerprint for alert in each.alerts if alert.is_firing}
            ended = {alert.fingerprint for alert in each.alerts if not alert.is_firing}
            assert ended <= known[each.group_key]
            known[each.group_key] = firing

    def teardown(self) -> None:
        """In the end everybody knows how it is."""
        if not hasattr(self, "world"):
            return
        for name in NAMES:
            run(self.world.turn(Health.UP, name, before=self.state[name]))
        run(self.world.wait(8_000))
        assert list(self.world.engine.alerts()) == []
        last = {each.group_key: each for each in self.world.told}
        assert all(each.status == "resolved" for each in last.values())
        assert all(not _decoded(body).is_open for body in self.world.store.incidents.values())


def _decoded(body: bytes) -> Incident:
    return msgspec.json.decode(body, type=Incident)


Alerting.TestCase.settings = hypothesis_settings(max_examples=25, stateful_step_count=25, deadline=None)
TestAlerting = Alerting.TestCase
