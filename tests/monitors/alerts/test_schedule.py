"""What follows a try: the tables of waits, and which answers mean what."""

import random

import pytest

from integrations.execution.outcome import FailureKind
from monitors.alerts.schedule import (
    ALERT_WAITS,
    EVENT_WAITS,
    JITTER,
    LONGEST_RETRY_AFTER,
    Next,
    Schedule,
    Sent,
    Step,
    step_after,
)

K = FailureKind
RNG = random.Random(3)


def after(sent: Sent, *, attempt: int = 1, schedule: Schedule = "alerts") -> Step:
    return step_after(sent, attempt=attempt, schedule=schedule, rng=RNG)


@pytest.mark.parametrize(
    ("schedule", "waits", "hours"), [("alerts", ALERT_WAITS, (15, 17)), ("events", EVENT_WAITS, (74, 77))]
)
def test_the_whole_schedule_with_jitter(
    schedule: Schedule, waits: tuple[float, ...], hours: tuple[float, float]
) -> None:
    down = Sent(kind=K.CONNECTION)
    for attempt, wait in enumerate(waits, start=1):
        steps = [after(down, attempt=attempt, schedule=schedule) for _ in range(50)]
        assert {step.next for step in steps} == {Next.RETRY}
        assert min(step.wait for step in steps) >= wait * (1 - JITTER)
        assert max(step.wait for step in steps) <= wait * (1 + JITTER)
        assert len({step.wait for step in steps}) > 1
    assert after(down, attempt=len(waits) + 1, schedule=schedule).next is Next.DEAD
    assert hours[0] <= sum(waits) / 3600 <= hours[1]


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_success_is_the_end(status: int) -> None:
    assert after(Sent(status=status)).next is Next.DONE


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 413, 415, 422, 451])
def test_a_refused_message_has_three_tries_in_five_minutes(status: int) -> None:
    refused = Sent(kind=K.CLIENT_ERROR, status=status)
    waits = [after(refused, attempt=attempt).wait for attempt in (1, 2)]

    assert 0 < sum(waits) <= 300 * (1 + JITTER)
    assert after(refused, attempt=3).next is Next.DEAD


@pytest.mark.parametrize("status", [301, 302, 307, 308, 408, 425, 500, 502, 503, 504])
def test_what_may_pass_has_the_long_schedule(status: int) -> None:
    assert after(Sent(kind=K.SERVER_ERROR, status=status), attempt=len(ALERT_WAITS)).next is Next.RETRY


def test_gone_is_the_end_of_the_receiver() -> None:
    assert after(Sent(kind=K.NOT_FOUND, status=410)).next is Next.DISABLE
    assert after(Sent(kind=K.NOT_FOUND, status=404, is_gone=True)).next is Next.DISABLE
    assert after(Sent(kind=K.NOT_FOUND, status=404)).next is Next.RETRY


@pytest.mark.parametrize(
    ("said", "wait"), [(0.0, 1.0), (7.5, 7.5), (3600.0, 3600.0), (86_400.0, LONGEST_RETRY_AFTER)]
)
@pytest.mark.parametrize("status", [429, 503])
def test_a_wait_that_is_asked_for_is_kept_up_to_an_hour(status: int, said: float, wait: float) -> None:
    assert after(Sent(kind=K.THROTTLED, status=status, retry_after=said)).wait == wait


def test_other_answers_cannot_ask_for_a_wait() -> None:
    step = after(Sent(kind=K.SERVER_ERROR, status=500, retry_after=3000.0))

    assert step.wait <= ALERT_WAITS[0] * (1 + JITTER)


@pytest.mark.parametrize("kind", [K.REJECTED, K.CANCELLED])
def test_what_we_stopped_ourselves_does_not_count(kind: FailureKind) -> None:
    step = after(Sent(kind=kind, retry_after=30.0), attempt=99)

    assert (step.next, step.wait, step.counts) == (Next.RETRY, 30.0, False)
