"""Judging: what is to become of one group that is due; a pure look at what it holds."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from monitors.alerts.alert import Alert
from monitors.alerts.escalation import Place
from monitors.alerts.group import Group, News, fires_for
from monitors.alerts.notification import Reason
from monitors.alerts.suppression import Cause, Suppressors

RESOLVES = frozenset({Reason.SOME_RESOLVED, Reason.ALL_RESOLVED})


class Judgement(NamedTuple):
    """What is to be done: a notification for a `reason`, or none. `firing` is what the receiver takes to be
    firing once it has that notification, `told` the alerts that stand in it; `causes` say of the others why
    they do not. All by fingerprint.
    """

    reason: Reason | None
    firing: tuple[str, ...]
    told: tuple[str, ...]
    causes: dict[str, Cause]

    @property
    def retry_at(self) -> float | None:
        """When what is suppressed is to be looked at again."""
        return min((cause.until for cause in self.causes.values()), default=None)


def judge(
    group: Group,
    alerts: Mapping[str, Alert],
    place: Place | None,
    *,
    suppressors: Suppressors,
    now: float,
    is_ripe: bool,
    was_acknowledged: bool,
) -> Judgement:
    """Judge a group. A recovery is told whatever suppresses its alert; what is new is not told while it is
    suppressed, and what goes on is not told again while all of it is. `is_ripe`: the time of the group's news
    has come; otherwise only what was withheld at the last look can be a reason to tell anything. Whoever is
    told anything is told everything. `was_acknowledged`: the last look found that somebody works on it.
    """
    known, withheld = group.told, group.withheld
    firing = fires_for(known, alerts)
    fresh = firing - known if place is not None else frozenset()
    ended, still = known - firing, known & firing
    in_sight = fresh | ended if is_ripe else (fresh | ended) & withheld
    causes = _causes(fresh & in_sight, alerts, suppressors)
    repeats = still if _repeats(group, place, now) else frozenset()
    again = _causes(repeats, alerts, suppressors)
    if not in_sight - causes.keys() and not repeats - again.keys():
        return Judgement(None, (), (), causes | again)
    causes |= _causes(fresh, alerts, suppressors)
    found = News(new=fresh - causes.keys(), ended=ended, still=still)
    reason = found.reason or (Reason.REMINDER if was_acknowledged else Reason.REPEAT)
    if reason is Reason.FIRST and place and place.level:
        reason = Reason.ESCALATION
    after = sorted(still | found.new)
    return Judgement(reason, tuple(after), (*after, *sorted(ended & alerts.keys())), causes | again)


def _repeats(group: Group, place: Place | None, now: float) -> bool:
    return (
        place is not None
        and group.notified is not None
        and now >= group.notified.at + place.branch.repeat_interval
    )


def _causes(
    fingerprints: Iterable[str], alerts: Mapping[str, Alert], suppressors: Suppressors
) -> dict[str, Cause]:
    found = {each: suppressors.cause(each, alerts[each]) for each in fingerprints}
    return {each: cause for each, cause in found.items() if cause}
