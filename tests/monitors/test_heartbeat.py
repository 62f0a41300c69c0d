"""One heartbeat: what was heard of it, and whether that is enough."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.signals import Health
from monitors.heartbeat import (
    MAX_TEXT,
    MOST_RUNS,
    Beat,
    Heard,
    HeartbeatState,
    deadline,
    expected,
    first,
    hear,
    look,
    next_look,
)
from monitors.heartbeat_settings import HeartbeatSettings

HOURLY = HeartbeatSettings(id="backup", period=3600, grace=300)
NIGHTLY = HeartbeatSettings(id="report", cron="0 3 * * *", zone="Europe/Paris", grace=600)
LONG_AGO = 0.0


def at(text: str) -> float:
    return dt.datetime.fromisoformat(text).timestamp()


def heard(beat: Beat, when: float, **more: object) -> Heard:
    return Heard(beat=beat, at=when, **more)


def beaten(settings: HeartbeatSettings, *beats: Heard, since: float = 1000.0) -> HeartbeatState:
    state = first(settings, at=since)
    for each in beats:
        state = hear(state, each)
    return state


def seen(settings: HeartbeatSettings, state: HeartbeatState, now: float) -> HeartbeatState:
    return look(settings, state, now=now, started_at=LONG_AGO)


def test_a_heartbeat_is_unknown_until_it_is_heard_of_and_down_when_it_never_is() -> None:
    state = first(HOURLY, at=1000.0)
    assert seen(HOURLY, state, 4900.0).health is Health.UNKNOWN
    down = seen(HOURLY, state, 4900.1)
    assert (down.health, down.since) == (Health.DOWN, 4900.1)
    assert down.reason == "It was never heard of; it is expected every 1 h."


def test_a_success_makes_it_up_until_its_period_and_grace_are_over() -> None:
    state = beaten(HOURLY, heard(Beat.SUCCESS, 2000.0))
    assert (state.health, state.last_success_at, expected(HOURLY, state)) == (Health.UP, 2000.0, 5600.0)
    assert next_look(HOURLY, state, started_at=LONG_AGO) == 5900.0
    assert seen(HOURLY, state, 5900.0).health is Health.UP
    down = seen(HOURLY, state, 5900.1)
    assert (down.health, down.reason) == (
        Health.DOWN,
        "It is overdue: expected every 1 h, with 5 min of grace.",
    )
    assert next_look(HOURLY, down, started_at=LONG_AGO) is None
    assert hear(down, heard(Beat.SUCCESS, 6000.0)).health is Health.UP


def test_a_cron_job_is_overdue_when_its_due_time_and_grace_are_over() -> None:
    state = beaten(NIGHTLY, heard(Beat.SUCCESS, at("2024-06-01T03:04+02:00")))
    assert expected(NIGHTLY, state) == at("2024-06-02T03:00+02:00")
    assert seen(NIGHTLY, state, at("2024-06-02T03:10+02:00")).health is Health.UP
    down = seen(NIGHTLY, state, at("2024-06-02T03:10:01+02:00"))
    assert down.reason == "It is overdue: expected at 0 3 * * * (Europe/Paris), with 10 min of grace."


def test_a_reported_failure_is_down_at_once_and_says_the_exit_status() -> None:
    state = beaten(
        HOURLY, heard(Beat.SUCCESS, 2000.0), heard(Beat.FAIL, 2500.0, exit_status=3, text="s3cr3t")
    )
    assert (state.health, state.since) == (Health.DOWN, 2500.0)
    assert state.reason == "It reported a failure (exit status 3)."
    assert state.last_success_at == 2000.0
    assert hear(state, heard(Beat.FAIL, 2600.0)).since == 2500.0


def test_start_and_end_give_the_duration_also_of_runs_that_overlap() -> None:
    state = beaten(
        HOURLY,
        heard(Beat.START, 2000.0, run="a"),
        heard(Beat.START, 2010.0, run="b"),
        heard(Beat.SUCCESS, 2100.0, run="a"),
    )
    assert (state.duration, dict(state.runs)) == (100.0, {"b": 2010.0})
    state = hear(state, heard(Beat.FAIL, 2210.0, run="b"))
    assert (state.duration, dict(state.runs)) == (200.0, {})
    assert hear(state, heard(Beat.SUCCESS, 2300.0)).duration is None


def test_a_start_alone_is_no_success_and_a_run_that_is_too_long_is_down() -> None:
    settings = HeartbeatSettings(id="backup", period=3600, grace=300, longest=600)
    state = beaten(settings, heard(Beat.SUCCESS, 2000.0), heard(Beat.START, 5000.0))
    assert state.anchor == 2000.0
    assert next_look(settings, state, started_at=LONG_AGO) == 5600.0
    down = seen(settings, state, 5600.1)
    assert (down.health, down.reason) == (Health.DOWN, "A run has not ended within 10 min.")


def test_a_text_changes_nothing_but_is_kept_in_part() -> None:
    state = beaten(HOURLY, heard(Beat.SUCCESS, 2000.0), heard(Beat.LOG, 2500.0, text="x" * 5000))
    assert (state.health, state.anchor, len(state.text)) == (Health.UP, 2000.0, MAX_TEXT)


def test_starts_without_an_end_are_remembered_up_to_a_limit() -> None:
    state = beaten(HOURLY, *(heard(Beat.START, 2000.0 + n, run=f"r{n}") for n in range(50)))
    assert list(state.runs) == [f"r{n}" for n in range(50 - MOST_RUNS, 50)]


@pytest.mark.parametrize(
    ("settings", "started_at", "until"),
    [
        pytest.param(HOURLY, 5500.0, 5900.0, id="expected after the start: as always"),
        pytest.param(HOURLY, 7000.0, 7000.0 + 3600 + 300, id="expected while away: as long again"),
        pytest.param(
            HeartbeatSettings(id="m", period=60, grace=30),
            9000.0,
            9090.0,
            id="a short one is waited for shortly",
        ),
        pytest.param(
            HeartbeatSettings(id="w", period=6000.0, grace=90_000),
            9000.0,
            2000.0 + 6000 + 90_000,
            id="never earlier than without the start",
        ),
    ],
)
def test_what_may_have_come_while_dialtone_was_away_is_waited_for_once_more(
    settings: HeartbeatSettings, started_at: float, until: float
) -> None:
    state = beaten(settings, heard(Beat.SUCCESS, 2000.0))
    assert deadline(settings, state, started_at=started_at) == until


@given(
    st.lists(
        st.tuples(st.sampled_from(list(Beat)), st.floats(0, 20_000), st.sampled_from(["", "a", "b"])),
        max_size=30,
    ),
    st.floats(0, 20_000),
)
def test_it_is_up_only_with_a_success_that_is_recent_enough(
    beats: list[tuple[Beat, float, str]], after: float
) -> None:
    state, now = first(HOURLY, at=0.0), 0.0
    for beat, wait, run in beats:
        now += wait
        state = seen(HOURLY, state, now)
        state = hear(state, heard(beat, now, run=run))
    now += after
    state = seen(HOURLY, state, now)
    if state.health is Health.UP:
        assert state.last_success_at is not None
        assert now - state.last_success_at <= 3900.0
    assert len(state.runs) <= 3
    assert state.since <= now


@pytest.mark.parametrize(
    ("given_", "expected_"),
    [
        pytest.param({}, "period or cron", id="neither"),
        pytest.param({"period": 60.0, "cron": "0 3 * * *"}, "period or cron", id="both"),
        pytest.param({"period": 0.5}, "from 1 second", id="too short"),
        pytest.param({"period": 60.0, "grace": -1.0}, "grace", id="no grace"),
        pytest.param({"period": 60.0, "longest": 0.0}, "longest", id="no time to run"),
        pytest.param({"cron": "0 3 * *"}, "five fields", id="cron"),
        pytest.param({"cron": "0 3 * * *", "zone": "Nowhere"}, "IANA", id="zone"),
        pytest.param({"id": "Back up", "period": 60.0}, "lower-case", id="id"),
    ],
)
def test_what_could_never_be_judged_is_refused(given_: dict[str, object], expected_: str) -> None:
    with pytest.raises(ValueError, match=expected_):
        HeartbeatSettings(**({"id": "backup"} | given_))
