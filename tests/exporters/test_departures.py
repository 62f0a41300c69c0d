"""Series of what is removed go away, lose no count on the way, and come back with their owner only."""

from collections import Counter
from itertools import islice
from typing import Any

import anyio
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule
from prometheus_client import CollectorRegistry

from exporters.catalogue import CATALOGUE
from exporters.gone import MOST_GONE, Gone
from exporters.push.cutting import Windows
from exporters.push.window import Cutter, Ended, Spread, Window, merged
from exporters.series import OVERFLOW
from exporters.table import MetricTable
from integrations.samples import Sample
from integrations.signals import DeliveryAttempt, Health, IncidentChange
from tests.fakes.calls import SampleList, call_record
from tests.fakes.clock import FakeClock

CALLS = "dialtone_calls_total"
DEPTH = "dialtone_queue_depth"


def attempt(receiver: str) -> DeliveryAttempt:
    about: dict[str, Any] = {"message": "m", "format": "slack", "type": "alert", "attempt": 1}
    return DeliveryAttempt(at=1.0, receiver=receiver, result="delivered", lag=1.0, **about)


def labels_of(table: MetricTable) -> set[str]:
    return {value for reading in table.read() for value in reading.labels}


def counted(*integrations: str) -> MetricTable:
    table = MetricTable()
    for name in integrations:
        table.on_signal(call_record(integration=name))
    return table


def test_what_is_told_late_does_not_bring_an_integration_back() -> None:
    table = counted("gone", "here")
    table.remove("integration", {"gone"})
    about: dict[str, Any] = {"incident": "I", "vendor": "v", "capability": "", "opened_at": 0.0}
    resolved = IncidentChange(at=1.0, integration="gone", event="resolved", state=Health.UP, **about)
    for signal in (call_record(integration="gone"), resolved):
        table.on_signal(signal)
    table.add_source(SampleList(Sample("dialtone_webhook_dead_letters_total", ("gone",), 3)))
    assert "gone" not in labels_of(table)
    assert "here" in labels_of(table)


def test_an_owner_that_remembers_is_not_told_of_as_a_fault() -> None:
    table = counted("gone")
    table.remove("integration", {"gone"})
    table.add_source(SampleList(Sample("dialtone_calls_in_flight", ("gone",), 0)))
    assert list(table.read()) == []


def test_an_integration_that_is_welcome_again_is_counted_at_once() -> None:
    table = counted("a")
    table.remove("integration", {"a"})
    table.welcome("integration", {"a"})
    table.on_signal(call_record(integration="a"))
    assert "a" in labels_of(table)


def test_an_integration_that_its_owner_lists_is_there_again() -> None:
    table = counted("a")
    table.remove("integration", {"a"})
    table.add_source(SampleList(Sample("dialtone_integration_info", ("a", "v", "t", "e", "1"), 1)))
    list(table.read())
    table.on_signal(call_record(integration="a"))
    assert CALLS in {reading.family.name for reading in table.read()}


def test_a_receiver_that_is_removed_takes_its_series_along_and_an_integration_of_its_name_does_not() -> None:
    table = counted("pager")
    table.on_signal(attempt("pager"))
    table.remove("receiver", {"pager"})
    table.on_signal(attempt("pager"))
    told = {reading.family.name for reading in table.read()}
    assert CALLS in told
    assert not any("delivery" in name for name in told)


def test_an_integration_called_overflow_leaves_a_full_family_as_it_is() -> None:
    table = MetricTable(series_limit=2)
    for name in ("a", "b", "c"):
        table.on_signal(attempt(name))
    table.remove("receiver", {OVERFLOW, "a"})
    table.welcome("receiver", {OVERFLOW})
    for name in ("d", "e"):
        table.on_signal(attempt(name))
    found = {
        r.labels[0]: r.value for r in table.read() if r.family.name == "dialtone_delivery_attempts_total"
    }
    assert found == {"b": 1, "d": 1, OVERFLOW: 1}


def test_those_who_are_gone_longest_are_forgotten() -> None:
    gone = Gone()
    gone.add("integration", [str(number) for number in range(MOST_GONE + 1)])
    family = CATALOGUE["dialtone_calls_in_flight"]
    assert [gone.has(family, (name,)) for name in ("0", "1", str(MOST_GONE))] == [False, True, True]


def test_nobody_is_remembered_once_all_are_back() -> None:
    gone = Gone()
    gone.add("integration", {"a"})
    gone.add("receiver", ())
    gone.discard("integration", {"a", "b"})
    assert not gone


def test_what_departs_is_kept_only_for_who_asks() -> None:
    table = counted("a")
    table.remove("integration", {"a"})
    assert table.departed() == []
    table.keep_departed()
    table.welcome("integration", {"a"})
    table.on_signal(call_record(integration="a"))
    table.remove("integration", {"a"})
    assert CALLS in {reading.family.name for reading in table.departed()}
    assert table.departed() == []


def gone_of(window: Window) -> set[str]:
    return {one.labels[0] for one in window.gone}


def cut(cutter: Cutter, table: MetricTable, at: float) -> Window:
    departed = table.departed()
    return cutter.cut(list(table.read(cut=True)), at=at, departed=departed)


def test_a_window_tells_which_series_ended_after_their_last_point() -> None:
    table, cutter, source = (
        counted("a"),
        Cutter(began=0.0, tells_gone=True),
        SampleList(Sample(DEPTH, ("q",), 1)),
    )
    table.keep_departed()
    table.add_source(source)
    assert gone_of(cut(cutter, table, 1.0)) == set()
    table.on_signal(call_record(integration="a"))
    table.remove("integration", {"a"})
    source.values = ()
    second, third, fourth = (cut(cutter, table, at) for at in (2.0, 3.0, 4.0))
    told = {point.family.name: point.value for point in second.points if point.labels[0] == "a"}
    assert told[CALLS] == 1
    # What has a last point ends one window later; what stood still ends with the window.
    assert Ended(CATALOGUE[DEPTH], ("q",)) in second.gone
    assert CALLS in {one.family.name for one in third.gone} - {one.family.name for one in second.gone}
    assert fourth.gone == ()


def test_nothing_is_told_of_what_ended_where_nobody_wants_it() -> None:
    table, cutter, source = MetricTable(), Cutter(began=0.0), SampleList(Sample(DEPTH, ("q",), 1))
    table.add_source(source)
    cut(cutter, table, 1.0)
    source.values = ()
    assert cut(cutter, table, 2.0).gone == ()


def test_windows_that_are_merged_tell_of_ends_that_stand() -> None:
    table, cutter, source = MetricTable(), Cutter(began=0.0, tells_gone=True), SampleList()
    table.add_source(source)
    windows = []
    for names in ("ab", "b", "ab", ""):
        source.values = tuple(Sample(DEPTH, (name,), 1) for name in names)
        windows.append(cut(cutter, table, float(len(windows) + 1)))
    first, second, third, fourth = windows
    assert gone_of(merged(first, second)) == {"a"}
    assert gone_of(merged(second, third)) == set()
    whole = merged(merged(first, second), merged(third, fourth))
    assert gone_of(whole) == {"a", "b"}
    assert whole.points == ()


class Departures(RuleBasedStateMachine):
    """Calls, removals and returns at any time, also while the table is copied: windows add up."""

    names = st.sampled_from("ab")

    def __init__(self) -> None:
        super().__init__()
        self.table = MetricTable(native=True)
        self.table.keep_departed()
        self.table.add_source(SampleList(*(Sample(DEPTH, (str(n),), n) for n in range(3))))
        self.cutter = Cutter(began=0.0, tells_gone=True)
        self.here = set("ab")
        self.calls: Counter[str] = Counter()
        self.told: Counter[str] = Counter()
        self.timed: Counter[str] = Counter()
        self.at = 0.0

    @rule(name=names)
    def call(self, name: str) -> None:
        self.table.on_signal(call_record(integration=name))
        self.calls[name] += name in self.here

    @rule(name=names)
    def leave(self, name: str) -> None:
        self.table.remove("integration", {name})
        self.here.discard(name)

    @rule(name=names)
    def come(self, name: str) -> None:
        self.table.welcome("integration", {name})
        self.here.add(name)

    @rule()
    def cut(self) -> None:
        self._cut(200, lambda: None)

    @rule(name=names, after=st.integers(1, 20), is_back=st.booleans())
    def leave_while_it_is_copied(self, name: str, after: int, *, is_back: bool) -> None:
        def leave() -> None:
            self.leave(name)
            if is_back:
                self.come(name)
                self.call(name)

        self._cut(after, leave)

    @precondition(lambda self: self.calls)
    @rule()
    def add_up(self) -> None:
        self.cut()
        self.cut()
        assert self.told == self.timed == +self.calls

    def _cut(self, after: int, meanwhile: Any) -> None:
        self.at += 1.0
        departed, rows = self.table.departed(), self.table.read(cut=True)
        readings = list(islice(rows, after))
        meanwhile()
        window = self.cutter.cut([*readings, *rows], at=self.at, departed=departed)
        for point in window.points:
            if point.family.name == CALLS:
                assert not isinstance(point.value, Spread)
                self.told[point.labels[0]] += int(point.value)
            if point.family.name == "dialtone_call_duration_seconds":
                assert isinstance(point.value, Spread)
                self.timed[point.labels[0]] += point.value.observations


TestDepartures = Departures.TestCase


async def test_what_departs_between_windows_is_in_the_next_one_though_a_cut_was_cancelled() -> None:
    table, clock = counted("a"), FakeClock()
    windows = Windows(table, clock=clock, process=CollectorRegistry())
    windows.begin()
    table.remove("integration", {"a"})
    with anyio.CancelScope() as scope:
        scope.cancel()
        await windows.cut()
    window = await windows.cut()
    assert {point.value for point in window.points if point.family.name == CALLS} == {1}


async def test_a_look_at_the_whole_takes_nothing_from_the_next_window() -> None:
    table, clock = counted("a"), FakeClock()
    windows = Windows(table, clock=clock, process=CollectorRegistry())
    told = [await windows.whole(), await windows.cut(), await windows.whole()]
    calls = [[point.value for point in window.points if point.family.name == CALLS] for window in told]
    assert calls == [[1], [1], [1]]
