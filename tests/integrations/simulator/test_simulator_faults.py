"""The board says which faults are in force, for whom and how often."""

import pytest

from integrations.simulator.faults import Fault, FaultBoard, FaultKind
from integrations.simulator.schedule import Plan, Schedule
from tests.fakes.clock import FakeClock

DOWN = Fault(kind=FaultKind.SERVER_ERROR, vendor="github")


def test_a_fault_ends_after_its_duration() -> None:
    clock = FakeClock()
    board = FaultBoard(clock=clock)
    board.add(DOWN, duration=40)

    struck = []
    for _ in range(5):
        struck.append(bool(board.struck("github", "main", "user.get")))
        clock.advance(10)

    assert struck == [True, True, True, True, False]


@pytest.mark.parametrize(
    ("fault", "strikes"),
    [
        (Fault(kind=FaultKind.RESET), True),
        (Fault(kind=FaultKind.RESET, vendor="github"), True),
        (Fault(kind=FaultKind.RESET, vendor="slack"), False),
        (Fault(kind=FaultKind.RESET, vendor="github", account="ci"), False),
        (Fault(kind=FaultKind.RESET, account="prod", action="user.get"), True),
        (Fault(kind=FaultKind.RESET, action="repos.get"), False),
    ],
    ids=["all", "vendor", "other vendor", "other account", "account and action", "other action"],
)
def test_a_fault_strikes_only_whom_it_is_for(fault: Fault, strikes: bool) -> None:
    board = FaultBoard(clock=FakeClock())
    board.add(fault)

    assert bool(board.struck("github", "prod", "user.get")) is strikes


def test_a_share_strikes_about_that_many_and_the_same_ones_for_the_same_seed() -> None:
    def draws(seed: int) -> list[bool]:
        board = FaultBoard(clock=FakeClock(), seed=seed)
        board.add(Fault(kind=FaultKind.RESET, share=0.3))
        return [bool(board.struck("github", "", "")) for _ in range(1_000)]

    assert draws(7) == draws(7)
    assert draws(7) != draws(8)
    assert 250 < sum(draws(7)) < 350


def test_a_fault_can_be_taken_away_and_all_can() -> None:
    board = FaultBoard(clock=FakeClock())
    first, _ = board.add(DOWN), board.add(Fault(kind=FaultKind.RESET))

    assert board.remove(first)
    assert not board.remove(first)
    assert [standing.fault.kind for standing in board.standing()] == [FaultKind.RESET]

    board.clear()

    assert board.standing() == ()


def test_the_schedule_strikes_by_the_time_since_it_was_followed() -> None:
    clock = FakeClock()
    board = FaultBoard(clock=clock)
    clock.advance(500)
    board.follow(Schedule([Plan(DOWN, start=10, duration=30)]))

    clock.advance(9)
    before = board.struck("github", "", "")
    clock.advance(1)
    standing = board.standing()

    assert before == ()
    assert [(entry.fault, entry.id, entry.left) for entry in standing] == [(DOWN, None, 30)]


@pytest.mark.parametrize(
    "values",
    [{"share": 0}, {"share": 1.5}, {"status": 404}, {"seconds": -1}, {"size": 0}],
    ids=["no share", "share over 1", "status of a client error", "negative time", "no size"],
)
def test_a_fault_that_makes_no_sense_is_refused(values: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        Fault(kind=FaultKind.LATENCY, **values)  # type: ignore[arg-type]


def test_a_fault_without_length_is_refused() -> None:
    with pytest.raises(ValueError, match="duration"):
        FaultBoard(clock=FakeClock()).add(DOWN, duration=0)
