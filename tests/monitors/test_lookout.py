"""Whose turn it is to be looked at."""

from collections import Counter

from monitors.lookout import LOOK, Lookout, next_turn

MANY = [f"site-{number}" for number in range(600)]


def test_each_is_looked_at_once_a_minute() -> None:
    lookout = Lookout()
    for name in MANY:
        lookout.add(name, now=0.0)
    turns = Counter[str]()
    for second in range(int(3 * LOOK)):
        turns.update(lookout.due(float(second)))
    assert set(turns) == set(MANY)
    assert set(turns.values()) <= {2, 3}


def test_turns_are_spread_over_the_minute() -> None:
    lookout = Lookout()
    for name in MANY:
        lookout.add(name, now=0.0)
    most = max(len(list(lookout.due(float(second)))) for second in range(61))
    assert most <= 3 * len(MANY) / LOOK


def test_who_was_removed_has_no_turn_and_who_came_back_has_one() -> None:
    lookout = Lookout()
    for name in ("gone", "back"):
        lookout.add(name, now=0.0)
        lookout.remove(name)
    lookout.add("back", now=0.0)
    assert list(lookout.due(LOOK)) == ["back"]
    assert list(lookout.due(2 * LOOK)) == ["back"]


def test_who_is_added_again_has_one_turn() -> None:
    lookout = Lookout()
    for _ in range(2):
        lookout.add("twice", now=0.0)
    assert list(lookout.due(LOOK)) == ["twice"]


def test_after_a_long_time_each_has_one_turn() -> None:
    lookout = Lookout()
    for name in MANY:
        lookout.add(name, now=1_000.0)
    assert sorted(lookout.due(1_000.0 + 10 * LOOK)) == sorted(MANY)
    assert list(lookout.due(1_000.0 + 10 * LOOK)) == []


def test_who_is_taken_away_while_turns_are_dealt_out_has_none() -> None:
    lookout = Lookout()
    for name in MANY:
        lookout.add(name, now=0.0)
    turns = lookout.due(LOOK)
    first = next(turns)
    for name in MANY:
        lookout.remove(name)
    assert set(turns) <= {name for name in MANY if name != first}
    assert list(lookout.due(2 * LOOK)) == []


def test_the_first_turn_is_known_before_it_comes() -> None:
    for began in (0.0, 1_000.0, 86_399.97):
        lookout = Lookout()
        for name in MANY:
            lookout.add(name, now=began)
        turns = {name: next_turn(name, now=began) for name in MANY}
        for moment in sorted(set(turns.values())):
            those = {name for name, turn in turns.items() if turn == moment}
            assert not those & set(lookout.due(moment - 0.001))
            assert set(lookout.due(moment + 0.001)) == those
