"""Soft and hard concerns."""

from integrations.signals import Evidence, Health
from monitors.concerns import Concern, Finding, weigh

FOUND = Finding(
    source="calls", evidence=Evidence.TRAFFIC, state=Health.DEGRADED, reason="Slow.", confirm=3, recover=2
)


def looks(pattern: str, found: Finding = FOUND) -> Concern | None:
    """Looks as text: `x` makes the finding, `.` does not."""
    concern = None
    for at, sign in enumerate(pattern, start=1):
        concern = weigh(concern, found if sign == "x" else None, at=float(at))
    return concern


def is_hard(pattern: str) -> bool:
    concern = looks(pattern)
    return concern is not None and concern.is_hard


def test_it_is_hard_after_as_many_findings_in_a_row_as_confirm_it() -> None:
    assert [is_hard("x" * count) for count in range(1, 5)] == [False, False, True, True]


def test_a_soft_one_is_gone_with_the_first_look_that_finds_nothing() -> None:
    assert looks("xx.") is None
    assert not is_hard("xx.x")


def test_a_hard_one_ends_after_as_many_quiet_looks_as_take_it_back() -> None:
    assert is_hard("xxx.")
    assert looks("xxx..") is None


def test_quiet_looks_must_follow_one_another() -> None:
    assert is_hard("xxx.x.")


def test_it_knows_when_it_began_and_how_much_of_it_is_confirmed() -> None:
    concern = looks("xx")
    assert concern is not None
    assert (concern.since, concern.at, concern.weight) == (1.0, 2.0, 2 / 3)


def test_one_that_needs_no_confirmation_is_hard_at_once() -> None:
    sure = Finding(source="quota", evidence=Evidence.QUOTA, state=Health.THROTTLED, reason="Used up.")
    concern = looks("x", sure)
    assert concern is not None
    assert concern.is_hard
    assert looks("x.", sure) is None
