"""The order of waiting: turns between callers, priorities that starve nobody, who goes from a full line."""

from collections import Counter, defaultdict, deque

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from integrations.execution.fairness import _KEPT, PATIENCE, PRIORITY_OF, FairLine, Priority, Turn
from integrations.execution.outcome import Origin

N, LOW, HIGH, PAGE = Priority.NORMAL, Priority.LOW, Priority.HIGH, Priority.PAGE
ROUND = PATIENCE + len(Priority) - 1


def line_of(*turns: Turn, bound: int = 10_000) -> FairLine:
    line = FairLine(bound)
    assert all(line.join(turn) for turn in turns)
    return line


def served(line: FairLine) -> list[Turn]:
    order = []
    while (turn := line.head()) is not None:
        line.serve(turn)
        order.append(turn)
    return order


def callers(turns: list[Turn]) -> str:
    return "".join(turn.caller for turn in turns)


def test_a_thousand_of_one_caller_do_not_stand_before_the_first_of_another() -> None:
    line = line_of(*[Turn("g", N) for _ in range(1_000)])
    modest = Turn("m", N)
    assert line.join(modest)

    assert served(line).index(modest) <= 1


def test_callers_take_turns_and_each_ones_are_first_come_first_served() -> None:
    turns = [Turn(caller, N) for caller in "aaaabbc"]
    order = served(line_of(*turns))

    assert callers(order) == "abcabaa"
    assert [turn.number for turn in order if turn.caller == "a"] == [0, 1, 2, 3]


def test_who_comes_back_for_more_does_not_overtake_who_has_waited() -> None:
    line = line_of(Turn("a", N), Turn("a", N), Turn("b", N))
    order = []
    for _ in range(6):
        turn = line.head()
        assert turn is not None
        line.serve(turn)
        order.append(turn)
        if turn.caller == "b":
            line.join(Turn("b", N))

    assert callers(order) == "ababbb"


def test_turns_go_by_what_they_cost() -> None:
    dear, cheap = [Turn("d", N, 4) for _ in range(3)], [Turn("c", N) for _ in range(12)]

    assert callers(served(line_of(*dear, *cheap))) == "dccccdccccdcccc"


def test_turns_that_cost_nothing_count_as_turns() -> None:
    line = line_of(*[Turn("z", N, 0) for _ in range(3)], *[Turn("a", N) for _ in range(3)])

    assert callers(served(line)) == "zazaza"


def test_finer_names_of_one_token_share_its_turn() -> None:
    line = line_of(*[Turn(f"token/user-{number}", N) for number in range(50)], Turn("other", N))

    assert callers(served(line)[:2]) == "tokenother"


def test_higher_priorities_go_first() -> None:
    line = line_of(*[Turn("x", priority) for priority in (LOW, N, HIGH, PAGE)])

    assert [turn.priority for turn in served(line)] == [PAGE, HIGH, N, LOW]


def test_lower_priorities_are_not_starved() -> None:
    line = line_of(*[Turn("x", priority) for priority in (PAGE, N, LOW) for _ in range(100)])
    order = [turn.priority for turn in served(line)]

    assert order[: PATIENCE + 3] == [PAGE] * PATIENCE + [N, LOW, PAGE]
    assert Counter(order[:100])[LOW] == pytest.approx(100 / (PATIENCE + 2), abs=1)


def test_who_comes_after_the_last_gave_up_has_not_been_passed_over_yet() -> None:
    line = line_of(*[Turn("x", PAGE) for _ in range(2 * PATIENCE)])
    patient, late = Turn("x", LOW), Turn("x", LOW)
    line.join(patient)
    for _ in range(PATIENCE):
        line.serve(line.head())
    line.leave(patient)
    line.join(late)

    assert served(line).index(late) == PATIENCE


def test_the_model_counts_anew_when_the_last_of_a_priority_gave_up() -> None:
    machine = FairnessMachine()
    machine.bound = machine.line.bound = 3 * PATIENCE
    for _ in range(2 * PATIENCE):
        machine.join("a", PAGE, 1.0)
    machine.join("a", LOW, 0.0)
    for _ in range(PATIENCE):
        machine._serve()
    machine._leave(machine.turns["a", LOW][0])
    machine.join("a", LOW, 0.0)
    while machine.line.size:
        machine._serve()


def test_every_origin_has_a_priority_and_a_delivery_goes_before_a_batch() -> None:
    assert set(PRIORITY_OF) == set(Origin)
    order = [Origin.DELIVERY, Origin.CHECK, Origin.TRAFFIC, Origin.EXPORT]
    assert [PRIORITY_OF[origin] for origin in order] == sorted(Priority)


def test_a_full_line_sends_the_newest_of_the_longest_away_for_who_has_less() -> None:
    greedy = [Turn("g", N) for _ in range(4)]
    line = line_of(*greedy, bound=4)

    assert line.join(Turn("m", N))
    assert not greedy[3].is_waiting
    assert greedy[3].came.is_set()
    assert line.size == 4
    assert callers(served(line)) == "gmgg"


def test_a_full_line_refuses_who_already_has_a_share() -> None:
    line = line_of(*[Turn(caller, N) for caller in "aabb"], bound=4)

    assert line.join(Turn("c", N))
    assert [line.has_room(Turn(caller, N)) for caller in "abc"] == [False, False, False]
    assert not line.join(Turn("a", N))


def test_a_page_gets_a_place_in_a_line_full_of_batches_but_not_the_last_one_of_them() -> None:
    line = line_of(*[Turn("x", LOW) for _ in range(3)], bound=3)

    assert [line.join(Turn("x", PAGE)) for _ in range(3)] == [True, True, False]
    assert [turn.priority for turn in served(line)] == [PAGE, PAGE, LOW]


def test_a_batch_gets_one_place_in_a_line_full_of_pages() -> None:
    line = line_of(*[Turn("x", PAGE) for _ in range(3)], bound=3)

    assert [line.join(Turn("x", LOW)) for _ in range(2)] == [True, False]
    assert [turn.priority for turn in served(line)] == [PAGE, PAGE, LOW]


def test_what_is_ahead_is_a_round_not_the_whole_line() -> None:
    line = line_of(*[Turn("g", N) for _ in range(1_000)], *[Turn("h", N, 2) for _ in range(2)])

    assert line.ahead(Turn("m", N)) == 2
    assert line.ahead(Turn("g", N)) == 1_004
    assert line.ahead(Turn("m", HIGH)) == 0
    assert line.ahead(Turn("m", LOW)) == PATIENCE


def test_callers_that_are_gone_are_not_remembered_without_bound() -> None:
    line = line_of(Turn("stays", LOW), Turn("stays", N), Turn("stays", N))
    for number in range(1_000):
        passing = Turn(f"caller-{number}", N)
        line.join(passing)
        line.leave(passing)

    assert len(line._ranks[N]._queues) <= _KEPT + 4


class FairnessMachine(RuleBasedStateMachine):
    """Against a list of who stands where: nobody is lost, overtaken within its caller, or starved."""

    bound = 12

    def __init__(self) -> None:
        super().__init__()
        self.line = FairLine(self.bound)
        self.turns: dict[tuple[str, Priority], deque[Turn]] = defaultdict(deque)
        self.without: Counter[Priority] = Counter()

    def _all(self) -> list[Turn]:
        return [turn for turns in self.turns.values() for turn in turns]

    def _strike(self, gone: list[Turn]) -> None:
        for turn in gone:
            self.turns[turn.caller, turn.priority].remove(turn)

    @rule(
        caller=st.sampled_from("aaab"),
        priority=st.sampled_from(Priority),
        cost=st.sampled_from([0.0, 1.0, 3.0]),
    )
    def join(self, caller: str, priority: Priority, cost: float) -> None:
        turn, waited = Turn(caller, priority, cost), self._all()
        has_room = self.line.has_room(turn)
        assert self.line.join(turn) is has_room
        gone = [other for other in waited if not other.is_waiting]
        assert len(gone) == (len(waited) == self.bound and has_room)
        for other in gone:
            assert other is self.turns[other.caller, other.priority][-1]
            assert other.came.is_set()
        self._strike(gone)
        if has_room:
            self.turns[caller, priority].append(turn)

    @precondition(lambda self: self.line.size)
    @rule()
    def serve(self) -> None:
        self._serve()

    def _serve(self) -> Turn:
        turn = self.line.head()
        assert turn is not None
        assert turn is self.turns[turn.caller, turn.priority][0]
        self.line.serve(turn)
        self._strike([turn])
        waiting = {other.priority for other in self._all()}
        self.without = Counter({rank: self.without[rank] + 1 for rank in waiting - {turn.priority}})
        assert all(times <= ROUND for times in self.without.values())
        return turn

    @precondition(lambda self: self.line.size)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        self._leave(data.draw(st.sampled_from(self._all())))

    def _leave(self, turn: Turn) -> None:
        self.line.leave(turn)
        self.line.leave(turn)
        self._strike([turn])
        if not any(other.priority is turn.priority for other in self._all()):
            # Who waited has gone; who comes next has not been passed over yet.
            del self.without[turn.priority]

    @rule()
    def a_newcomer_is_served_within_a_round_of_the_callers(self) -> None:
        turn = Turn("new", N)
        if not self.line.has_room(turn):
            return
        self.join("new", N, 1.0)
        turn = self.turns["new", N][0]
        others = {other.caller for other in self._all() if other.priority is N} - {"new"}
        before = []
        while turn.is_waiting:
            before.append(self._serve())
        assert sum(other.priority is N for other in before) <= len(others) + 1

    @invariant()
    def all_are_counted(self) -> None:
        turns = self._all()
        assert self.line.size == len(turns) <= self.bound
        assert (self.line.head() is None) == (not turns)
        for rank in Priority:
            cost = sum(turn.cost for turn in turns if turn.priority is rank)
            assert self.line._ranks[rank].cost == pytest.approx(cost)


TestFairnessMachine = FairnessMachine.TestCase
TestFairnessMachine.settings = settings(max_examples=100, stateful_step_count=60, deadline=None)
