"""A verdict from all evidence: what holds it degraded, what supports a failure, what flaps."""

import msgspec
import pytest

from integrations.connection import CheckPolicy, Failures, SlowPolicy
from integrations.execution.outcome import FailureKind
from integrations.signals import (
    CredentialNotice,
    Evidence,
    Health,
    HealthChange,
    Indicator,
    QuotaSample,
    WebhookReceipt,
)
from monitors.concerns import Finding
from monitors.health import Observation
from monitors.live import ERRORS
from monitors.report import Pause, SavedHealth, VendorWord
from monitors.traffic import bucket_of
from monitors.watched import WHOLE, WatchedIntegration

UP, DOWN, DEGRADED, UNKNOWN = Health.UP, Health.DOWN, Health.DEGRADED, Health.UNKNOWN
THROTTLED, UNAUTHORIZED = Health.THROTTLED, Health.UNAUTHORIZED
OUTAGE = VendorWord(indicator=Indicator.MAJOR_OUTAGE, read_at=0.0, name="Wikis")


class Subject:
    """A watched integration with one checked capability, and what was told of the whole."""

    def __init__(self, policy: CheckPolicy = CheckPolicy(), *, now: float = 1_000.0) -> None:  # noqa: B008 - frozen
        self.now = now
        self.changes: list[HealthChange] = []
        self.policy = policy
        self.watched = WatchedIntegration("wiki", vendor="wikis", vendor_name="Wikis", note=self.note, at=now)
        self.watched.configure(policy, ("read",), at=now)

    def note(self, _: SavedHealth, changes: list[HealthChange]) -> None:
        self.changes.extend(change for change in changes if change.capability == WHOLE)

    def check(
        self, results: str, *, step: float = 15.0, seconds: float = 0.1, state: Health = DOWN
    ) -> "Subject":
        """Results as text: `x` looks like `state`, `.` is up; scheduled where a minute passes."""
        for sign in results:
            self.now += step
            seen = Observation(
                at=self.now,
                state=state if sign == "x" else UP,
                evidence=Evidence.CHECK,
                reason="It failed." if sign == "x" else "It answered.",
                duration=seconds,
            )
            self.watched.observe("read", seen, is_scheduled=step >= 60)
        return self

    def look(self, *, overdue: float = 0.0) -> Health:
        self.now += 60
        self.watched.look(at=self.now, now=self.now, overdue={"read": overdue} if overdue else {})
        return self.watched.state

    def again(self) -> "Subject":
        """The same after a restart."""
        stored = msgspec.json.decode(msgspec.json.encode(self.watched.saved()), type=SavedHealth)
        subject = Subject(self.policy, now=self.now)
        subject.watched.around.every = self.watched.around.every
        subject.watched.restore(stored, at=self.now)
        return subject

    def told(self) -> list[Health]:
        return [change.after for change in self.changes]


def breaker(state: Health, at: float) -> Observation:
    return Observation(
        at=at, state=state, evidence=Evidence.BREAKER, reason="The circuit moved.", is_hard=True
    )


# Failures that do not follow one another.


def test_failures_that_never_follow_one_another_are_degraded_and_half_as_many_end_it() -> None:
    subject = Subject().check(".x" * 5 + ".")
    assert subject.told() == [UP]
    subject.check("x.")
    assert subject.told() == [UP, DEGRADED]
    assert subject.changes[-1].reason.startswith("6 of the last 13 checks failed")
    subject.check("." * 22)
    assert subject.told() == [UP, DEGRADED]
    subject.check(".")
    assert subject.told() == [UP, DEGRADED, UP]


def test_degraded_may_still_go_down() -> None:
    subject = Subject(CheckPolicy(weigh_chance=False)).check(".x" * 7 + ".xxx")
    assert subject.told() == [UP, DEGRADED, DOWN]


def test_after_an_outage_its_failures_degrade_nothing() -> None:
    subject = Subject().check("." + "x" * 20 + "..")
    assert subject.told() == [UP, DOWN, UP]


def test_after_an_outage_the_failures_before_it_degrade_nothing() -> None:
    subject = Subject(CheckPolicy(weigh_chance=False)).check(".x.x.x.x" + ".xxx" + ".." + "x.x.")
    assert subject.told() == [UP, DOWN, UP]


def test_so_many_of_so_many_may_be_down() -> None:
    policy = CheckPolicy(down_after=Failures(failed=4, of=6), degraded_after=Failures(failed=0))
    subject = Subject(policy).check("..x.x.x").check("x")
    assert subject.told() == [UP, DOWN]
    assert subject.changes[-1].reason == "4 of the last 6 checks failed. Last: It failed."


# Slow checks.


def test_checks_over_the_limit_are_degraded_and_recover() -> None:
    policy = CheckPolicy(slow=SlowPolicy(percentile=50, above=1.0, of=10))
    subject = Subject(policy).check("." * 20, seconds=0.2).check("." * 8, seconds=3.0)
    assert subject.told() == [UP, DEGRADED]
    assert subject.changes[-1].reason == "50 % of the last 10 checks took up to 3 s; at most 1 s are allowed."
    subject.check("." * 9, seconds=0.2)
    assert subject.told() == [UP, DEGRADED, UP]


def test_checks_far_slower_than_usual_are_degraded_without_a_limit() -> None:
    subject = Subject().check("." * 100, seconds=0.2)
    assert subject.check("." * 30, seconds=0.3).told() == [UP]
    assert subject.check("." * 20, seconds=1.5).told() == [UP, DEGRADED]


def test_slowness_can_be_left_out() -> None:
    subject = Subject(CheckPolicy(slow=SlowPolicy(enabled=False))).check("." * 100, seconds=0.2)
    assert subject.check("." * 30, seconds=9.0).told() == [UP]


# What supports a failure.


def test_a_vendor_that_tells_of_an_outage_takes_the_place_of_one_failure() -> None:
    subject = Subject().check(".")
    subject.watched.hear(OUTAGE)
    assert subject.check("x").told() == [UP]
    assert subject.check("x").told() == [UP, DOWN]
    (vendor,) = [one for one in subject.changes[-1].grounds if one.source is Evidence.VENDOR]
    assert vendor.weight == pytest.approx(1 / 3)


@pytest.mark.parametrize("indicator", [Indicator.OPERATIONAL, Indicator.MAINTENANCE, Indicator.DEGRADED])
def test_other_words_of_the_vendor_do_not(indicator: Indicator) -> None:
    subject = Subject().check(".")
    subject.watched.hear(msgspec.structs.replace(OUTAGE, indicator=indicator))
    assert subject.check("xx").told() == [UP]


def test_an_outage_that_the_vendor_tells_of_supports_no_other_state_than_down() -> None:
    subject = Subject().check(".")
    subject.watched.hear(OUTAGE)
    assert subject.check("xx", state=UNAUTHORIZED).told() == [UP]


def test_a_vendor_alone_makes_nothing_down_and_keeps_nothing_down() -> None:
    subject = Subject()
    subject.watched.hear(OUTAGE)
    assert subject.check(".xxx..").told() == [UP, DOWN, UP]


def test_a_refused_credential_supports_unauthorized_and_nothing_else() -> None:
    for state, told in ((UNAUTHORIZED, [UP, UNAUTHORIZED]), (DOWN, [UP])):
        subject = Subject().check(".")
        notice = CredentialNotice(at=subject.now, integration="wiki", vendor="wikis", event="rejected")
        subject.watched.around.hear(notice, now=subject.now)
        assert subject.check("xx", state=state).told() == told


def test_a_renewed_credential_supports_nothing() -> None:
    subject = Subject().check(".")
    for event in ("rejected", "refreshed"):
        notice = CredentialNotice(at=subject.now, integration="wiki", vendor="wikis", event=event)
        subject.watched.around.hear(notice, now=subject.now)
    assert subject.check("xx", state=UNAUTHORIZED).told() == [UP]


def test_a_credential_that_a_check_was_accepted_with_since_is_not_refused() -> None:
    subject = Subject().check(".")
    notice = CredentialNotice(at=subject.now, integration="wiki", vendor="wikis", event="rejected")
    subject.watched.around.hear(notice, now=subject.now)
    assert subject.check(".xx", state=UNAUTHORIZED).told() == [UP]


def test_all_support_together_still_asks_for_two_failures() -> None:
    subject = Subject().check(".")
    subject.watched.hear(OUTAGE)
    subject.watched.weigh("read", ERRORS, concern(ERRORS, confirm=5), at=subject.now)
    assert subject.check("x").told() == [UP]
    assert subject.check("x").told() == [UP, DOWN]


# Live calls, quota, webhooks, no data.


def concern(source: str = "calls", *, state: Health = DEGRADED, confirm: int = 1) -> Finding:
    return Finding(
        source=source, evidence=Evidence.TRAFFIC, state=state, reason="Calls fail.", confirm=confirm
    )


def live(subject: Subject, *, failing: int, minutes: int) -> None:
    for _ in range(minutes):
        calls = subject.watched.live("read")
        for number in range(100):
            kind = FailureKind.TIMEOUT if number < failing else None
            calls.record(kind, bucket=bucket_of(0.1), now=subject.now + number / 2)
        subject.look()


def test_live_calls_that_fail_for_three_minutes_are_degraded_while_checks_succeed() -> None:
    subject = Subject(now=6_000.0).check(".")
    subject.now = 6_060.0
    live(subject, failing=60, minutes=2)
    assert subject.told() == [UP]
    live(subject, failing=60, minutes=1)
    assert subject.told() == [UP, DEGRADED]
    assert (subject.changes[-1].evidence, subject.watched.health().capabilities[0].state) == (
        Evidence.TRAFFIC,
        DEGRADED,
    )
    live(subject, failing=0, minutes=9)
    assert subject.told() == [UP, DEGRADED, UP]


@pytest.mark.parametrize(
    ("sample", "state"),
    [
        pytest.param({"remaining": 0.0, "reset_at": 4_000.0}, THROTTLED, id="used up"),
        pytest.param({"throttled_until": 4_000.0}, THROTTLED, id="asked for quiet"),
        pytest.param({"at": 1_070.0, "remaining": 0.0, "reset_at": 1_110.0}, UP, id="for a moment"),
        pytest.param({"remaining": 1.0, "reset_at": 4_000.0}, UP, id="some is left"),
        pytest.param({"remaining": 0.0}, UP, id="nobody knows until when"),
        pytest.param({"remaining": 0.0, "reset_at": 4_000.0, "bucket": "search"}, UP, id="another bucket"),
    ],
)
def test_a_used_up_quota_is_throttled(sample: dict[str, object], state: Health) -> None:
    subject = Subject().check(".")
    subject.watched.around.buckets = {"read": "core"}
    given = {"at": 1_000.0, "integration": "wiki", "vendor": "wikis", "bucket": "core", **sample}
    subject.watched.around.hear(msgspec.convert(given, QuotaSample), now=subject.now)
    assert subject.look() is state
    subject.now = 4_000.0
    assert subject.look() is UP


def test_a_used_up_quota_outlives_a_restart_until_a_check_succeeds() -> None:
    subject = Subject().check(".")
    sample = QuotaSample(at=1_000.0, integration="wiki", vendor="wikis", bucket="", throttled_until=9_000.0)
    subject.watched.around.hear(sample, now=subject.now)
    assert subject.look() is THROTTLED
    again = subject.again()
    assert again.look() is THROTTLED
    assert again.check(".").look() is UP


def test_webhooks_that_stay_away_are_a_degraded_capability_until_one_comes() -> None:
    subject = Subject().check(".")
    subject.watched.around.every = 3_600.0
    assert subject.look() is UP
    subject.now += 3_600
    assert subject.look() is DEGRADED
    assert subject.watched.capability("webhooks").state is DEGRADED
    assert subject.again().look() is DEGRADED
    receipt = WebhookReceipt(
        at=subject.now, integration="wiki", vendor="wikis", event_type="push", verdict="accepted"
    )
    subject.watched.around.hear(msgspec.structs.replace(receipt, verdict="bad_signature"), now=subject.now)
    assert subject.look() is DEGRADED
    subject.watched.around.hear(receipt, now=subject.now)
    assert subject.look() is UP


def test_without_an_expectation_silence_means_nothing() -> None:
    subject = Subject().check(".")
    subject.now += 10 * 86_400
    assert subject.look() is UP
    assert [one.capability for one in subject.watched.health().capabilities] == ["read"]


def test_no_data_is_unknown_until_a_check_answers() -> None:
    subject = Subject().check(".")
    assert subject.look(overdue=190.0) is UNKNOWN
    assert subject.changes[-1].reason == "No check has answered for 3 min."
    subject.check(".")
    assert subject.look() is UP


def test_what_is_down_stays_down_without_data() -> None:
    subject = Subject().check(".xxx")
    assert subject.look(overdue=190.0) is DOWN


def test_before_the_first_verdict_no_data_is_no_news() -> None:
    subject = Subject()
    assert subject.look(overdue=190.0) is UNKNOWN
    assert subject.changes == []
    assert not subject.watched.capability("read").judged


# Flapping.

ALTERNATING = "x."
"""Each scheduled check differs from the one before."""


def flapped(pattern: str) -> Subject:
    subject = Subject(CheckPolicy(weigh_chance=False), now=0.0)
    for sign in pattern:
        slot = subject.now + 60
        subject.check(sign, step=60.0).check(sign * 2, step=15.0)
        subject.now = slot
    return subject


def test_while_it_flaps_one_change_is_told_at_each_end() -> None:
    subject = flapped("." * 10 + ALTERNATING * 30 + "." * 20)
    flapping = [change for change in subject.changes if change.flapping]
    assert [change.after for change in flapping] == [DEGRADED]
    after = subject.changes[subject.changes.index(flapping[0]) + 1 :]
    assert [(change.before, change.after, change.flapping) for change in after] == [(DEGRADED, UP, False)]


def test_it_flaps_with_the_sixth_change() -> None:
    subject = flapped("." * 10 + ALTERNATING * 3)
    assert (subject.changes[-1].flapping, subject.watched.capability("read").flapping) == (True, True)
    assert not flapped("." * 10 + "x.x.x").watched.capability("read").flapping


@pytest.mark.parametrize(("results", "value"), [(ALTERNATING * 3, 1.0), ("." * 6, 0.0)])
def test_a_gauge_tells_of_flapping(results: str, value: float) -> None:
    samples = flapped("." * 10 + results).watched.samples()
    found = {one.labels[2]: one.value for one in samples if one.metric == "dialtone_health_flapping"}
    assert found == {"read": value, WHOLE: value}


def test_a_restart_does_not_end_flapping() -> None:
    again = flapped("." * 10 + ALTERNATING * 10).again()
    assert again.watched.state is DEGRADED
    assert again.check(".", step=60.0).told() == []


def test_an_outage_ends_flapping_after_five_scheduled_failures() -> None:
    subject = flapped("." * 10 + ALTERNATING * 10 + "xxxx")
    assert subject.watched.state is DEGRADED
    subject.check("x", step=60.0)
    assert (subject.watched.state, subject.changes[-1].flapping) == (DOWN, False)


def test_an_opened_breaker_shows_through_flapping() -> None:
    subject = flapped("." * 10 + ALTERNATING * 10)
    subject.watched.observe("read", breaker(DOWN, subject.now))
    assert subject.watched.state is DOWN


def test_repetitions_that_take_a_failure_back_do_not_flap() -> None:
    subject = Subject(CheckPolicy(degraded_after=Failures(failed=0)), now=0.0)
    for _ in range(40):
        subject.check("x", step=60.0).check("..", step=15.0)
    assert set(subject.told()) <= {UP}


# What is kept.


def test_a_concern_outlives_a_restart_and_is_announced_once() -> None:
    subject = Subject().check(".")
    subject.watched.weigh("read", "calls", concern(), at=subject.now)
    again = subject.again()
    assert (again.watched.state, again.changes) == (DEGRADED, [])
    again.watched.weigh("read", "calls", None, at=subject.now)
    assert again.told() == [UP]


def test_a_concern_about_a_capability_that_no_check_speaks_of_ends_well() -> None:
    subject = Subject().check(".")
    subject.watched.weigh("jobs", "heartbeat:nightly", concern(), at=subject.now)
    assert subject.watched.capability("jobs").state is DEGRADED
    subject.watched.configure(subject.policy, ("read",), at=subject.now)
    assert subject.watched.capability("jobs").state is DEGRADED
    subject.watched.weigh("jobs", "heartbeat:nightly", None, at=subject.now)
    assert subject.watched.capability("jobs").state is UP
    assert subject.told() == [UP, DEGRADED, UP]


def test_while_paused_no_look_counts() -> None:
    subject = Subject().check(".")
    subject.watched.begin_pause(Pause(actor="ada", reason="x", since=1.0))
    assert subject.look(overdue=500.0) is Health.PAUSED
    assert subject.watched.capability("read").state is UP


def test_a_verdict_says_what_it_rests_on_with_ages_and_weights() -> None:
    subject = Subject().check(".xxx")
    check = next(one for one in subject.changes[-1].grounds if one.source is Evidence.CHECK)
    assert (check.text, check.weight, check.says, check.age) == ("It failed.", 1.0, DOWN, 0.0)
    (memory,) = subject.watched.saved().memory
    assert memory.grounds == subject.changes[-1].grounds


def test_what_is_pending_weighs_its_share() -> None:
    subject = Subject().check(".xx")
    check = subject.watched.grounds("read", at=subject.now + 5)[0]
    assert (check.source, check.weight, check.age) == (Evidence.CHECK, pytest.approx(2 / 3), 5.0)
