"""Ids of incidents: short, rising, each given once."""

import re
from random import Random

from monitors.incident_ids import IncidentIDs
from tests.fakes.clock import FakeClock


class Stubborn(Random):
    """Draws the same number three times before another."""

    def __init__(self) -> None:
        super().__init__(1)
        self.drawn = -1

    def randrange(self, *_: object) -> int:
        self.drawn += 1
        return self.drawn // 3


def test_they_can_be_typed() -> None:
    made = IncidentIDs(FakeClock(), Random(1))()
    assert re.fullmatch(r"inc-[0-9a-z]{7}-[0-9a-z]{4}", made)


def test_they_rise_with_time() -> None:
    clock = FakeClock()
    ids = IncidentIDs(clock, Random(1))
    made = []
    for _ in range(50):
        made.append(ids())
        clock.advance(1)
    assert made == sorted(made)


def test_none_is_given_twice_within_a_second() -> None:
    ids = IncidentIDs(FakeClock(), Stubborn())
    assert len({ids() for _ in range(100)}) == 100
