"""Alerts as they stand: pending, firing, ending, ended."""

import pytest

from monitors.alerts.alert import Alert
from monitors.alerts.standing import Moment, Phase, Standing, StandingAlerts, Wanted


class Table:
    """Standing alerts on a clock that stands."""

    def __init__(self) -> None:
        self.alerts = StandingAlerts()
        self.utc = 1_000.0
        self.monotonic = 50.0

    @property
    def now(self) -> Moment:
        return Moment(self.utc, self.monotonic)

    def advance(self, seconds: float) -> list[Standing]:
        self.utc += seconds
        self.monotonic += seconds
        return self.alerts.pass_time(now=self.now)

    def want(self, *wanted: Wanted, subject: str = "health:wiki") -> list[Phase]:
        return [row.phase for row in self.alerts.settle(subject, wanted, now=self.now)]


def alert(name: str = "Down", *, summary: str = "It is down.") -> Alert:
    labels = {"alertname": name, "integration": "wiki"}
    return Alert(labels=labels, annotations={"summary": summary}, starts_at=1_000.0)


@pytest.fixture
def table() -> Table:
    return Table()


def test_one_that_waits_for_nothing_fires_at_once(table: Table) -> None:
    assert table.want(Wanted(alert(), "Down")) == [Phase.FIRING]


def test_told_again_it_changes_nothing(table: Table) -> None:
    table.want(Wanted(alert(), "Down"))
    assert table.want(Wanted(alert(), "Down")) == []


def test_what_is_said_of_it_may_change_and_when_it_began_does_not(table: Table) -> None:
    table.want(Wanted(alert(), "Down"))
    table.utc += 10
    later = Alert(labels=alert().labels, annotations={"summary": "Still."}, starts_at=1_010.0)
    (row,) = table.alerts.settle("health:wiki", [Wanted(later, "Down")], now=table.now)
    assert (row.alert.annotations["summary"], row.alert.starts_at, row.alert.updated_at) == (
        "Still.",
        1_000.0,
        1_010.0,
    )


def test_a_pending_one_fires_when_its_time_has_passed(table: Table) -> None:
    assert table.want(Wanted(alert(), "Down", wait=60.0)) == [Phase.PENDING]
    assert table.advance(60) == []
    (row,) = table.advance(1)
    assert (row.phase, row.alert.starts_at) == (Phase.FIRING, 1_061.0)


def test_a_pending_one_that_is_wanted_no_longer_was_never_there(table: Table) -> None:
    table.want(Wanted(alert(), "Down", wait=60.0, keep=90.0))
    (row,) = table.alerts.settle("health:wiki", (), now=table.now)
    assert (row.phase, row.alert.ends_at) == (Phase.ENDED, None)
    assert list(table.alerts) == []


def test_it_ends_at_once_where_nothing_is_kept(table: Table) -> None:
    table.want(Wanted(alert(), "Down"))
    table.utc += 5
    (row,) = table.alerts.settle("health:wiki", (), now=table.now)
    assert (row.phase, row.alert.ends_at) == (Phase.ENDED, 1_005.0)


def test_it_fires_on_for_a_while_after_its_end(table: Table) -> None:
    table.want(Wanted(alert(), "Down", keep=90.0))
    (row,) = table.alerts.settle("health:wiki", (), now=table.now)
    assert (row.phase, row.alert.is_firing, row.alert.may_end) == (Phase.ENDING, True, True)
    assert table.want() == []
    assert table.advance(90) == []
    (row,) = table.advance(1)
    assert (row.phase, row.alert.ends_at, row.alert.may_end) == (Phase.ENDED, 1_091.0, False)


def test_one_that_comes_back_while_it_ends_fires_on(table: Table) -> None:
    table.want(Wanted(alert(), "Down", keep=90.0))
    table.want()
    table.advance(89)
    (row,) = table.alerts.settle("health:wiki", [Wanted(alert(), "Down", keep=90.0)], now=table.now)
    assert (row.phase, row.alert.may_end, row.alert.starts_at) == (Phase.FIRING, False, 1_000.0)
    assert table.advance(200) == []


def test_one_that_is_not_told_again_is_over_by_itself(table: Table) -> None:
    table.want(Wanted(alert(), "Drift", lasts=3_600.0))
    table.advance(3_000)
    table.want(Wanted(alert(), "Drift", lasts=3_600.0))
    assert table.advance(3_500) == []
    (row,) = table.advance(101)
    assert row.phase is Phase.ENDED


def test_it_fires_while_one_of_its_subjects_wants_it(table: Table) -> None:
    table.want(Wanted(alert(), "Down"), subject="a")
    table.want(Wanted(alert(), "Down"), subject="b")
    (row,) = table.alerts.settle("a", (), now=table.now)
    assert (row.phase, row.subjects) == (Phase.FIRING, ("b",))
    assert table.want(subject="b") == [Phase.ENDED]


def test_a_wall_clock_that_jumps_ends_nothing_early(table: Table) -> None:
    table.want(Wanted(alert(), "Down", keep=90.0))
    table.want()
    table.utc += 3_600
    assert table.advance(60) == []
    assert len(table.advance(31)) == 1


def test_stored_ones_go_on_where_they_were(table: Table) -> None:
    table.want(Wanted(alert("Firing"), "Firing", keep=90.0), Wanted(alert("Pending"), "Pending", wait=60.0))
    table.advance(30)
    again = Table()
    again.utc, again.monotonic = table.utc, 5.0
    again.alerts.load(list(table.alerts), now=again.now)
    assert again.alerts.next_due() == 35.0
    assert [row.phase for row in again.advance(31)] == [Phase.FIRING]
    assert {row.rule for row in again.alerts.of("health:wiki")} == {"Firing", "Pending"}


def test_a_wall_clock_set_back_before_a_start_keeps_nothing_waiting(table: Table) -> None:
    table.want(Wanted(alert(), "Down", keep=90.0))
    table.want()
    again = Table()
    again.utc = table.utc - 3_600
    again.alerts.load(list(table.alerts), now=again.now)
    assert len(again.advance(91)) == 1


def test_the_next_deadline_is_known(table: Table) -> None:
    assert table.alerts.next_due() is None
    table.want(Wanted(alert("A"), "A", wait=60.0), Wanted(alert("B"), "B", wait=30.0))
    assert table.alerts.next_due() == 80.0
