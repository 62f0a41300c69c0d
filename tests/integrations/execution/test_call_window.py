"""The breaker's window: what it counts is what a list of all calls would say."""

from hypothesis import given
from hypothesis import strategies as st

from integrations.execution.window import CallWindow

SECONDS = 5
CALLS = st.lists(
    st.tuples(
        st.sampled_from([-1.5, 0.0, 0.1, 0.5, 1.0, 2.5, 4.0, 4.9, 5.0, 40.0]),
        st.integers(min_value=0, max_value=1),
        st.integers(min_value=0, max_value=1),
    ),
    max_size=40,
)


def counted(calls: list[tuple[float, int, int]], *, at: float) -> tuple[int, int, int]:
    """What a window must say, by looking at every call; a time that goes back is in the newest second."""
    newest, told = 0, []
    for now, failed, slow in calls:
        newest = max(newest, int(now))
        told.append((newest, failed, slow))
    recent = [one for one in told if one[0] > max(newest, int(at)) - SECONDS]
    return len(recent), sum(failed for _, failed, _ in recent), sum(slow for _, _, slow in recent)


@given(steps=CALLS, later=st.integers(min_value=-3, max_value=12))
def test_it_counts_the_calls_of_its_last_seconds(steps: list[tuple[float, int, int]], later: int) -> None:
    window, now, calls = CallWindow(SECONDS), 7.3, []
    for step, failed, slow in steps:
        now = max(0.0, now + step)
        calls.append((now, failed, slow))
        window.add(now, failed, slow)
        assert (window.calls, window.failures, window.slow) == counted(calls, at=now)
    window.move_to(now + later)
    assert (window.calls, window.failures, window.slow) == counted(calls, at=now + later)


def test_a_call_counted_by_hand_is_evicted_like_any_other() -> None:
    window = CallWindow(SECONDS)
    window.add(1.0, 0, 0)
    window.calls += 1
    window.add(3.0, 1, 1)
    window.move_to(6.0)
    assert (window.calls, window.failures, window.slow) == (1, 1, 1)
