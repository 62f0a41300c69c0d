"""What an operator may say of checks: ranges that make no sense are refused with what they must be."""

import pytest

from integrations.connection import CheckPolicy, Failures, SlowPolicy


@pytest.mark.parametrize(
    ("failed", "of"), [(-1, 10), (11, 10), (1, 61)], ids=["below 0", "more than all", "more than are kept"]
)
def test_a_count_that_cannot_come_true_is_refused(failed: int, of: int) -> None:
    with pytest.raises(ValueError, match="failed must be at most of, and of at most 60"):
        Failures(failed=failed, of=of)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"percentile": 0.0}, "check.slow.percentile must be above 0 and at most 100"),
        ({"percentile": 101.0}, "check.slow.percentile must be above 0 and at most 100"),
        ({"above": 0.0}, "check.slow.above must be above 0 seconds"),
        ({"of": 0}, "check.slow.of must be from 1 to 60"),
        ({"of": 61}, "check.slow.of must be from 1 to 60"),
    ],
)
def test_a_slowness_that_means_nothing_is_refused(given: dict[str, float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        SlowPolicy(**given)  # type: ignore[arg-type]  # a table's fields


def test_what_is_left_out_has_its_default() -> None:
    policy = CheckPolicy()
    assert (policy.down_after.failed, policy.degraded_after) == (0, Failures(failed=6, of=30))
