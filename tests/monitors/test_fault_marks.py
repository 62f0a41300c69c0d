"""While faults are injected, what is told of health says so."""

from integrations.connection import CheckPolicy
from integrations.execution.injection import Error, Injection
from integrations.signals import Evidence, Health, HealthChange
from monitors.faults import marked
from monitors.health import Observation
from monitors.report import Pause
from monitors.watched import WatchedIntegration

INJECTION = Injection(
    actor="ann", reason="game day", since=0.0, expires_at=1_800_000_000.0, faults=(Error(),)
)
MARK = " (fault injected by ann until 2027-01-15 08:00:00 UTC)"


class Injecting:
    def __init__(self) -> None:
        self.injection: Injection | None = None

    def current(self, integration: str) -> Injection | None:
        return self.injection if integration == "shop" else None


class Told:
    """A watched integration, and the changes it told."""

    def __init__(self, faults: Injecting) -> None:
        self.changes: list[HealthChange] = []
        self.watched = WatchedIntegration(
            "shop",
            vendor="http",
            vendor_name="HTTP",
            note=lambda _, changes: self.changes.extend(changes),
            at=0.0,
            faults=faults,
        )
        self.watched.configure(CheckPolicy(fail_after=1, recover_after=1), ["read"], at=0.0)

    def see(self, state: Health, *, at: float) -> None:
        seen = Observation(at=at, state=state, evidence=Evidence.CHECK, reason="It said so.")
        self.watched.observe("read", seen)


def test_every_change_tells_the_fault_while_it_is_on_and_none_does_after() -> None:
    faults = Injecting()
    told = Told(faults)

    told.see(Health.UP, at=1.0)
    faults.injection = INJECTION
    told.see(Health.DOWN, at=2.0)
    faults.injection = None
    told.see(Health.UP, at=3.0)

    reasons = {(one.capability, one.after): one.reason for one in told.changes if one.at == 2.0}
    assert reasons == {("read", Health.DOWN): f"It said so.{MARK}", ("", Health.DOWN): f"It said so.{MARK}"}
    assert [one.reason for one in told.changes if one.at != 2.0] == ["It said so."] * 4


def test_health_holds_the_fault_beside_an_unchanged_reason() -> None:
    faults = Injecting()
    told = Told(faults)
    told.see(Health.UP, at=1.0)
    without = told.watched.health()

    faults.injection = INJECTION

    assert without.fault is None
    assert told.watched.health().fault == INJECTION
    assert told.watched.health().reason == without.reason == "It said so."


def test_an_operators_pause_is_no_work_of_the_fault() -> None:
    faults = Injecting()
    faults.injection = INJECTION
    told = Told(faults)

    told.watched.begin_pause(Pause(actor="bob", reason="maintenance", since=1.0))

    assert [one.reason for one in told.changes] == ["Paused by bob: maintenance"]


def test_without_a_fault_a_reason_stays_as_it_is() -> None:
    assert marked("It said so.", None) == "It said so."
