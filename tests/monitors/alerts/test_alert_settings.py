"""The configuration of alerts: what is refused at once, and what the whole finds wrong with its parts."""

from collections.abc import Callable

import msgspec
import pytest

from integrations.credentials.secret import Secret
from monitors.alerts.intervals import TimeInterval, TimeRange
from monitors.alerts.receivers import WebhookReceiver
from monitors.alerts.routing import Route
from monitors.alerts.settings import (
    AlertSettings,
    Escalation,
    EscalationLevel,
    InhibitRule,
    MaintenancePlan,
    NamedInterval,
    check,
)

PAGER = WebhookReceiver(name="pager", url=Secret("https://example.com/"))
BOSS = WebhookReceiver(name="boss", url=Secret("https://example.com/"))
NIGHT = NamedInterval(
    name="night", time_intervals=(TimeInterval(times=(TimeRange(start_time="00:00", end_time="06:00"),)),)
)
LEVEL = EscalationLevel(after=60, receivers=("boss",))
GOOD = AlertSettings(
    receivers=(PAGER, BOSS),
    route=Route(
        receiver="pager",
        escalation="team",
        routes=(Route(receiver="boss", escalation="", mute_time_intervals=("night",)),),
    ),
    time_intervals=(NIGHT,),
    escalations=(Escalation(name="team", levels=(LEVEL,), quiet_hours=("night",)),),
)


def test_a_good_configuration_has_no_problems() -> None:
    assert list(check(GOOD)) == []
    assert list(check(AlertSettings())) == []


@pytest.mark.parametrize(
    ("change", "key", "problem"),
    [
        ({"route": Route(receiver="pagr")}, "route.receiver", "there is no 'pagr'; did you mean pager?"),
        (
            {"route": Route(receiver="pager", routes=(Route(receiver="zzz"),))},
            "route.routes[0].receiver",
            "there is no 'zzz'; there are: pager, boss",
        ),
        (
            {"route": Route(receiver="pager", mute_time_intervals=("nigth",))},
            "route.mute_time_intervals",
            "there is no 'nigth'; did you mean night?",
        ),
        (
            {"route": Route(receiver="pager", active_time_intervals=("day",))},
            "route.active_time_intervals",
            "there is no 'day'",
        ),
        ({"route": Route(receiver="pager", escalation="tea")}, "route.escalation", "did you mean team?"),
        ({"route": Route(receiver="boss", escalation="team")}, "escalations.team", "boss is the receiver"),
        ({"receivers": (PAGER, PAGER, BOSS)}, "receivers", "'pager' stands there twice"),
        ({"time_intervals": (NIGHT, NIGHT)}, "time_intervals", "'night' stands there twice"),
        ({"route": Route()}, "route", "the root needs a receiver"),
        (
            {
                "escalations": (
                    Escalation(name="team", levels=(EscalationLevel(after=9, receivers=("bos",)),)),
                )
            },
            "escalations[0].levels[0].receivers",
            "did you mean boss?",
        ),
        (
            {"escalations": (Escalation(name="team", levels=(LEVEL,), quiet_hours=("day",)),)},
            "escalations[0].quiet_hours",
            "there is no 'day'",
        ),
        (
            {
                "maintenance": (
                    MaintenancePlan(
                        name="m", matchers=('a="b"',), time_intervals=(TimeInterval(location="Mars/Olympus"),)
                    ),
                )
            },
            "maintenance",
            "expected an IANA zone",
        ),
    ],
)
def test_what_the_whole_finds_wrong_is_named_with_its_key(
    change: dict[str, object], key: str, problem: str
) -> None:
    found = list(check(msgspec.structs.replace(GOOD, **change)))
    assert [each for each in found if each[0] == key and problem in each[1]] != [], found


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: InhibitRule(source_matchers=(), target_matchers=('a="b"',)), "source_matchers must hold"),
        (lambda: InhibitRule(source_matchers=('a="b"',), target_matchers=()), "target_matchers must hold"),
        (lambda: InhibitRule(source_matchers=("a",), target_matchers=('a="b"',)), "is no matcher"),
        (
            lambda: MaintenancePlan(name="m", matchers=('a="b"',), time_intervals=()),
            "time_intervals must hold",
        ),
        (lambda: EscalationLevel(after=0, receivers=("a",)), "after must be above 0"),
        (lambda: EscalationLevel(after=8 * 86_400, receivers=("a",)), "at most a week"),
        (lambda: EscalationLevel(after=1, receivers=()), "at least one"),
        (lambda: Escalation(name="e", levels=()), "must hold 1 to 10"),
        (lambda: Escalation(name="e", levels=(LEVEL, LEVEL)), "a longer `after`"),
        (
            lambda: Escalation(name="e", levels=(LEVEL, EscalationLevel(after=99, receivers=("boss",)))),
            "each receiver once",
        ),
        (lambda: AlertSettings(group_wait=-1), "from 0 to 3600"),
    ],
)
def test_what_cannot_work_is_refused(make: Callable[[], object], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        make()


def test_who_stands_in_for_a_receiver_is_its_fallback_or_another_one() -> None:
    boss = msgspec.structs.replace(BOSS, fallback="chat")
    chat = msgspec.structs.replace(BOSS, name="chat")
    settings = AlertSettings(receivers=(PAGER, boss, chat))
    assert settings.stand_ins() == {"pager": "boss", "boss": "chat", "chat": "pager"}
    assert AlertSettings(receivers=(PAGER,)).stand_ins() == {}
