"""Whatever happens in whatever order: what receivers are told is true, complete and not too much; and a
restart at any moment changes nothing of it.
"""

import itertools
from collections import Counter, defaultdict
from collections.abc import Coroutine
from typing import TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from monitors.alerts.alert import Alert
from monitors.alerts.decisions import Verdict
from monitors.alerts.digest import DIGEST_KEY
from monitors.alerts.notification import Notification, Reason
from monitors.alerts.routing import Route
from monitors.alerts.settings import AlertSettings, Escalation, EscalationLevel, InhibitRule, StormGuard
from monitors.alerts.silences import SilenceState
from tests.fakes import alerting
from tests.fakes.alerting import Desk

T = TypeVar("T")

ALERTS = tuple(
    alerting.alert(name, integration=f"{vendor}-{number}", vendor=vendor, severity=severity)
    for vendor in ("github", "slack", "jira")
    for number in (1, 2)
    for name, severity in (("IntegrationDown", "critical"), ("QuotaLow", "warning"))
)
VENDORS = st.sampled_from(("github", "slack", "jira"))
PICKS = st.lists(st.sampled_from(ALERTS), min_size=1, max_size=6, unique_by=lambda each: each.fingerprint)
QUIET_END = 40_000.0
LIMIT, CRITICAL_LIMIT = 3, 5


ROUTES = (
    Route(
        receiver="pager",
        escalation="team",
        routes=(
            Route(receiver="chat", matchers=('vendor="jira"',), proceed=True, escalation=""),
            Route(receiver="pager", matchers=('vendor=~"jira|slack"',), group_interval=120.0),
        ),
    ),
    Route(
        receiver="pager",
        group_by=("integration",),
        routes=(Route(receiver="chat", matchers=('vendor="github"',), repeat_interval=3_600.0),),
    ),
)


def configured(route: Route) -> AlertSettings:
    return alerting.settings(
        route,
        escalations=(Escalation(name="team", levels=(EscalationLevel(after=300, receivers=("boss",)),)),),
        inhibit_rules=(
            InhibitRule(
                source_matchers=('alertname="IntegrationDown"',),
                target_matchers=('alertname="QuotaLow"',),
                equal=("integration",),
            ),
        ),
        storm=StormGuard(per_minute=LIMIT, critical_per_minute=CRITICAL_LIMIT),
    )


def finished(work: Coroutine[object, object, T]) -> T:
    """The result of what never really waits."""
    try:
        work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    raise AssertionError("it waits")


class Notifying(RuleBasedStateMachine):
    """Two desks live through the same; one of them is restarted now and then."""

    @initialize()
    def begin(self) -> None:
        self.desk = Desk(configured(ROUTES[0]))
        self.twin = Desk(configured(ROUTES[0]))
        self.firing: dict[str, Alert] = {}
        self.seen = 0
        self.believed: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        self.sequences: Counter[tuple[str, str]] = Counter()
        self.silences: list[tuple[str, str]] = []

    @rule(alerts=PICKS)
    def fire(self, alerts: list[Alert]) -> None:
        for desk in (self.desk, self.twin):
            desk.fire(*alerts)
        self.firing |= {each.fingerprint: each for each in alerts}

    @rule(alerts=PICKS)
    def end(self, alerts: list[Alert]) -> None:
        mine = [each for each in alerts if each.fingerprint in self.firing]
        for desk in (self.desk, self.twin):
            desk.end(*mine)
        for each in mine:
            del self.firing[each.fingerprint]

    @rule(seconds=st.sampled_from((1, 5, 10, 30, 60, 301, 3_600, 14_500)))
    def wait(self, seconds: float) -> None:
        for desk in (self.desk, self.twin):
            desk.wait(seconds)

    @rule(vendor=VENDORS, lasts=st.sampled_from((30.0, 600.0, 20_000.0)))
    def silence(self, vendor: str, lasts: float) -> None:
        made = [
            finished(desk.silence(f'vendor="{vendor}"', lasts=lasts)).id for desk in (self.desk, self.twin)
        ]
        self.silences.append((made[0], made[1]))

    @precondition(lambda self: self.silences)
    @rule(pick=st.integers(min_value=0, max_value=99))
    def expire(self, pick: int) -> None:
        for desk, id_ in zip((self.desk, self.twin), self.silences[pick % len(self.silences)], strict=True):
            silence = desk.silences.get(id_)
            if silence and desk.silences.state(silence) is not SilenceState.EXPIRED:
                finished(desk.silences.expire(silence.id))

    @rule(alert=st.sampled_from(ALERTS))
    def acknowledge(self, alert: Alert) -> None:
        for desk in (self.desk, self.twin):
            desk.acknowledge(alert.incident)

    @rule(alert=st.sampled_from(ALERTS))
    def release(self, alert: Alert) -> None:
        for desk in (self.desk, self.twin):
            if alert.incident in desk.incidents:
                desk.release(alert.incident)

    @rule(number=st.sampled_from((0, 1)))
    def reload(self, number: int) -> None:
        for desk in (self.desk, self.twin):
            desk.configure(configured(ROUTES[number]))

    @rule()
    def restart(self) -> None:
        self.desk.restart()

    @invariant()
    def a_restart_changes_nothing(self) -> None:
        if hasattr(self, "desk"):
            assert list(map(shown, self.desk.told)) == list(map(shown, self.twin.told))

    @invariant()
    def what_is_told_is_true_and_in_order(self) -> None:
        if not hasattr(self, "desk"):
            return
        told = self.desk.told
        for notification in told[self.seen :]:
            self.follow(notification)
        self.seen = len(told)

    def follow(self, notification: Notification) -> None:
        """Believe what a notification says, as its receiver does."""
        line = (notification.receiver, notification.group_key)
        self.sequences[line] += 1
        assert notification.sequence == self.sequences[line]
        firing = {each.fingerprint for each in notification.alerts if each.is_firing}
        ended = {each.fingerprint for each in notification.alerts if not each.is_firing}
        known = self.believed[line]
        if notification.group_key == DIGEST_KEY:
            self.believed[line] = firing
            return
        assert ended <= known, "a recovery of what was never told"
        assert known - ended <= firing, "an alert that was told of vanished without a recovery"
        assert (notification.status == "resolved") == (not firing)
        if notification.reason in {Reason.FIRST, Reason.ESCALATION}:
            assert not known
        self.believed[line] = firing

    @invariant()
    def no_receiver_is_flooded(self) -> None:
        if not hasattr(self, "desk"):
            return
        for receiver in ("pager", "chat", "boss"):
            own = [each.at for each in self.desk.told_to(receiver) if each.group_key != DIGEST_KEY]
            digests = [each.at for each in self.desk.told_to(receiver) if each.group_key == DIGEST_KEY]
            for start in own:
                assert sum(start <= at < start + 60 for at in own) <= CRITICAL_LIMIT
            for earlier, later in itertools.pairwise(digests):
                assert later - earlier >= 60

    @invariant()
    def what_fires_is_known_or_something_says_why_not(self) -> None:
        if not hasattr(self, "desk"):
            return
        for group in self.desk.grouping.groups():
            unknown = {each.fingerprint for each in group.alerts if each.is_firing} - group.told
            if not unknown or self.desk.grouping.place(group) is None:
                continue
            if group.level and not self.told_at_first(group.key):
                continue
            assert group.due_at is not None
            assert group.pending is not None or unknown <= group.withheld

    def told_at_first(self, key: str) -> bool:
        """Whether anybody was told of a group at level 0, from where it climbs."""
        return any(
            group.told for group in self.desk.grouping.groups() if group.key == key and not group.level
        )

    def teardown(self) -> None:
        """In the end all is over, and everybody knows."""
        if not hasattr(self, "desk"):
            return
        self.end(list(ALERTS))
        self.wait(QUIET_END)
        self.a_restart_changes_nothing()
        self.what_is_told_is_true_and_in_order()
        assert {line for line, firing in self.believed.items() if firing} == set()
        assert all(not group.told for group in self.desk.grouping.groups())
        for decision in self.desk.store.decisions:
            assert decision.reason
            assert (decision.verdict in {Verdict.SENT, Verdict.DIGESTED}) == bool(decision.message)


def shown(notification: Notification) -> tuple[object, ...]:
    """What is compared of a notification."""
    alerts = tuple((each.fingerprint, each.ends_at) for each in notification.alerts)
    return (
        notification.receiver,
        notification.group_key,
        notification.reason,
        notification.status,
        notification.sequence,
        notification.at,
        notification.level,
        alerts,
    )


Notifying.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TestNotifying = Notifying.TestCase
