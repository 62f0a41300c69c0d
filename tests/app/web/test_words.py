"""Words and drawings for people."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from app.web import words
from app.web.sparkline import HEIGHT, WIDTH, draw
from integrations.execution.status import BreakerStatus
from integrations.signals import BreakerState
from monitors.report import MinuteStats, Pause

DASH = "\N{EN DASH}"
SPACE = "\N{NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0 s"),
        (0, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3_599, "59 min"),
        (7_200, "2 h"),
        (172_800, "2 days"),
    ],
)
def test_a_length_of_time_is_told_in_one_unit(seconds, text):
    assert words.span(seconds).replace(SPACE, " ") == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, DASH), (0.0042, "4.2 ms"), (0.085, "85 ms"), (1.239, "1.24 s"), (61.4, "61 s")],
)
def test_a_latency_has_the_digits_that_matter(seconds, text):
    assert words.latency(seconds).replace(SPACE, " ") == text


@pytest.mark.parametrize(
    ("ratio", "text"),
    [(None, DASH), (0.0, "0 %"), (0.0001, "<0.1 %"), (0.004, "0.4 %"), (0.5, "50 %"), (1.0, "100 %")],
)
def test_a_small_share_is_never_rounded_to_nothing(ratio, text):
    assert words.share(ratio).replace(SPACE, " ") == text


def test_a_moment_is_as_short_as_it_stays_clear():
    now = 1_800_000_000.0  # 15 Jan 2027, 08:00 UTC
    assert words.day_time(now - 60, now) == "07:59 UTC"
    assert words.day_time(now - 86_400, now) == "14 Jan, 08:00 UTC"
    assert words.day_time(now - 40 * 86_400, now) == "06 Dec 2026, 08:00 UTC"


minutes = st.lists(
    st.builds(
        MinuteStats,
        start=st.floats(0, 2e9),
        calls=st.integers(0, 10_000),
        failures=st.integers(0, 10_000),
        rejected=st.just(0),
        p95=st.none() | st.floats(0, 1e4),
    ),
    max_size=60,
)


def breaker(state: BreakerState, **more: object) -> BreakerStatus:
    return BreakerStatus(capability="read", state=state, since=0.0, **more)


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (breaker(BreakerState.OPEN, open_until=30.0), f"open, refusing calls, tries again in 20{SPACE}s"),
        (
            breaker(BreakerState.FORCED_OPEN, actor="ada", reason="duplicates", expires_at=130.0),
            f"forced open, refusing calls, by ada (duplicates), ends in 2{SPACE}min",
        ),
        (breaker(BreakerState.CLOSED, actor="ada", reason="all is well"), "closed"),
    ],
    ids=["open", "forced open", "reset"],
)
def test_a_breaker_is_told_with_who_moved_it_why_and_what_ends_it(status, text):
    assert words.breaker_words(status, 10.0) == text


def test_a_pause_is_told_with_what_ends_it():
    pause = Pause(actor="ada", reason="x", since=0.0)
    assert words.pause_words(pause, 10.0) == "until it is resumed"
    assert words.pause_words(replace(pause, expires_at=130.0), 10.0) == f"ends in 2{SPACE}min"


@given(minutes)
def test_a_drawing_stays_in_its_box_whatever_it_is_given(given_minutes):
    drawing = draw(given_minutes)
    assert drawing.text.endswith(".")
    for bar in drawing.bars:
        assert 0 <= bar.x <= bar.x + bar.width <= WIDTH + 0.1
        assert -0.1 <= bar.y <= bar.y + bar.height <= HEIGHT + 0.1
    for pair in drawing.line.replace("M", " L").split("L"):
        if pair.strip():
            x, y = map(float, pair.split())
            assert -0.1 <= x <= WIDTH + 0.1
            assert -0.1 <= y <= HEIGHT + 0.1
