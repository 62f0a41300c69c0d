"""The pure judgement: evidence in, confirmed state out."""

from functools import reduce

import pytest

from integrations.execution.outcome import FailureKind
from integrations.execution.transport import Reply
from integrations.manifest.conditions import Condition
from integrations.manifest.evaluate import failure
from integrations.signals import Evidence, Health
from monitors.advice import advise
from monitors.health import EVIDENCE_OF, SEVERITY, Observation, judge, unjudged, worst
from monitors.report import CapabilityHealth

UP, DOWN, THROTTLED, UNAUTHORIZED, UNKNOWN, DEGRADED = (
    Health.UP,
    Health.DOWN,
    Health.THROTTLED,
    Health.UNAUTHORIZED,
    Health.UNKNOWN,
    Health.DEGRADED,
)
FRESH = unjudged("read", at=0.0, reason="No check has answered yet.")


def seen(state: Health, at: float = 1.0, **fields: object) -> Observation:
    known = {"evidence": Evidence.CHECK, "reason": f"It looked {state}.", **fields}
    return Observation(at=at, state=state, **known)  # type: ignore[arg-type]  # a table's fields


def step(before: CapabilityHealth, observation: Observation) -> CapabilityHealth:
    return judge(before, observation, fail_after=3, recover_after=2)


def after(*states: Health, start: CapabilityHealth = FRESH) -> CapabilityHealth:
    return reduce(step, [seen(state, at=1.0 + n) for n, state in enumerate(states)], start)


OPENED = seen(DOWN, at=50.0, evidence=Evidence.BREAKER, is_hard=True)
CLOSED = seen(UP, at=60.0, evidence=Evidence.BREAKER, is_hard=True)


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        pytest.param([UP], UP, id="the first success confirms at once"),
        pytest.param([DOWN, DOWN], UNKNOWN, id="two failures confirm nothing"),
        pytest.param([DOWN, DOWN, DOWN], DOWN, id="three failures in a row are down"),
        pytest.param([UP, DOWN, DOWN, UP, DOWN, DOWN], UP, id="a success starts the count anew"),
        pytest.param([UP, DOWN, DOWN, UNKNOWN, DOWN], UP, id="unknown interrupts the row"),
        pytest.param([UP, UNKNOWN, UNKNOWN, DOWN], UP, id="unknown results do not count towards down"),
        pytest.param([UP, UNKNOWN, UNKNOWN, UNKNOWN], UNKNOWN, id="three unknowns are unknown"),
        pytest.param([UP, THROTTLED, THROTTLED, THROTTLED], THROTTLED, id="throttled is not down"),
        pytest.param([UP, *[UNAUTHORIZED] * 3], UNAUTHORIZED, id="unauthorized is not down"),
        pytest.param([UP, *[DEGRADED] * 3], DEGRADED, id="degraded is confirmed like the others"),
        pytest.param([UP, DOWN, THROTTLED, UNAUTHORIZED], UNAUTHORIZED, id="failures of all kinds count"),
        pytest.param([*[DOWN] * 3, UNAUTHORIZED, UNAUTHORIZED], DOWN, id="another kind needs confirmation"),
        pytest.param([*[DOWN] * 3, *[UNAUTHORIZED] * 3], UNAUTHORIZED, id="another kind is confirmed"),
        pytest.param(
            [*[DOWN] * 3, THROTTLED, UNAUTHORIZED, THROTTLED], DOWN, id="kinds do not mix while broken"
        ),
        pytest.param([*[DOWN] * 3, UP], DOWN, id="one success is no recovery"),
        pytest.param([*[DOWN] * 3, UP, UP], UP, id="two successes recover"),
        pytest.param([*[DOWN] * 3, UP, DOWN, UP], DOWN, id="successes must follow one another"),
        pytest.param([*[UNKNOWN] * 3, UP], UP, id="leaving unknown for up takes one success"),
    ],
)
def test_a_row_of_results_gives_a_state(states: list[Health], expected: Health) -> None:
    assert after(*states).state is expected


def test_since_is_the_first_evidence_of_the_new_state() -> None:
    assert after(UP, DOWN, DOWN, DOWN).since == 2.0


def test_a_confirmed_reason_says_how_often_and_what_happened_last() -> None:
    assert after(UP, DOWN, DOWN, DOWN).reason == "3 checks in a row failed. Last: It looked down."
    assert after(DOWN, DOWN, DOWN, UP, UP).reason == "2 checks in a row succeeded. Last: It looked up."


def test_pending_evidence_is_shown_until_it_is_confirmed_or_dropped() -> None:
    pending = after(UP, DOWN, DOWN)
    assert (pending.pending, pending.pending_count, pending.pending_since) == (DOWN, 2, 2.0)
    assert after(UP, DOWN, DOWN, UP).pending is None


def test_an_opened_breaker_is_down_at_once() -> None:
    down = step(after(UP), OPENED)
    assert (down.state, down.evidence, down.since) == (DOWN, Evidence.BREAKER, 50.0)


def test_a_closed_breaker_recovers_what_rests_on_the_breaker() -> None:
    assert step(step(after(UP), OPENED), CLOSED).state is UP


def test_checks_recover_what_rests_on_the_breaker() -> None:
    assert after(UP, UP, start=step(after(UP), OPENED)).state is UP


def test_a_closed_breaker_does_not_overrule_failed_checks() -> None:
    down = after(DOWN, DOWN, DOWN)
    assert step(down, CLOSED) is down


def test_a_closed_breaker_alone_makes_nothing_up() -> None:
    assert step(FRESH, CLOSED) is FRESH


def test_a_broken_state_tells_the_newest_kind_of_failure_without_a_change() -> None:
    first = reduce(step, [seen(DOWN, kind=FailureKind.TIMEOUT)] * 3, FRESH)
    then = step(first, seen(DOWN, at=9.0, kind=FailureKind.TLS, reason="The certificate is expired."))
    assert (then.kind, then.reason, then.since) == (FailureKind.TLS, "The certificate is expired.", 1.0)


def test_since_is_never_after_the_confirmation_when_the_wall_clock_jumps_back() -> None:
    down = reduce(step, [seen(DOWN, at=at) for at in (100.0, 40.0, 41.0)], FRESH)
    assert down.since == 41.0


def test_a_broken_state_tells_the_newest_reason_of_the_same_kind() -> None:
    kind = FailureKind.EXPECTATION
    bad = reduce(step, [seen(DOWN, kind=kind, reason="status was 404, wanted 200")] * 3, FRESH)
    now = step(bad, seen(DOWN, at=9.0, kind=kind, reason="certificate ends in 2.0 days, wanted 14"))
    assert now.reason == "certificate ends in 2.0 days, wanted 14"
    assert now.since == bad.since


def test_a_broken_state_that_fails_the_same_way_keeps_its_reason() -> None:
    bad = reduce(step, [seen(DOWN, reason="no answer")] * 4, FRESH)
    assert bad.reason == "3 checks in a row failed. Last: no answer"


def test_every_kind_of_failure_has_a_meaning() -> None:
    assert set(EVIDENCE_OF) == set(FailureKind)


def test_every_state_has_a_severity() -> None:
    assert set(SEVERITY) == set(Health)


def test_the_whole_is_as_its_worst_judged_capability() -> None:
    up, down, throttled = after(UP), after(*[DOWN] * 3), after(*[THROTTLED] * 3)
    assert worst([up, throttled, down, FRESH]) is down
    assert worst([up, FRESH]) is up
    assert worst([FRESH]) is None


@pytest.mark.parametrize("kind", [kind for kind, state in EVIDENCE_OF.items() if state], ids=str)
def test_every_failure_has_advice(kind: FailureKind) -> None:
    state = EVIDENCE_OF[kind]
    assert state
    bad = reduce(step, [seen(state, kind=kind)] * 3, FRESH)
    advice = advise(bad, vendor="GitHub")
    assert advice.endswith(".")
    assert "{" not in advice


def test_advice_names_the_vendor_and_what_to_do() -> None:
    bad = reduce(step, [seen(UNAUTHORIZED, kind=FailureKind.UNAUTHORIZED)] * 3, FRESH)
    assert advise(bad, vendor="GitHub") == "Renew the credential: GitHub does not accept it."


def test_a_certificate_that_ends_soon_is_to_be_renewed() -> None:
    condition = Condition(all=(Condition(certificate_days_left=14.0),))
    answer = Reply(status=200, headers={}, body=b"")
    answer.certificate_days_left = 9.0
    reason = failure(condition, answer)
    bad = reduce(step, [seen(DOWN, kind=FailureKind.EXPECTATION, reason=reason)] * 3, FRESH)
    assert advise(bad, vendor="pay.example").startswith("Renew the certificate of pay.example")


def test_what_is_up_or_not_known_yet_needs_no_advice() -> None:
    assert advise(after(UP), vendor="GitHub") == ""
    assert advise(FRESH, vendor="GitHub") == ""


def test_an_open_circuit_and_a_report_have_advice_of_their_own() -> None:
    reported = step(after(UP), seen(DOWN, evidence=Evidence.REPORTED, is_hard=True))
    assert "circuit" in advise(step(after(UP), OPENED), vendor="GitHub")
    assert "reported" in advise(reported, vendor="GitHub")
