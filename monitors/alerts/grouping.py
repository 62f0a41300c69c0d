"""Grouping: which alerts a receiver is told of together, and when it is due to be told.

Times are Alertmanager's with two differences: a group whose alerts have all ended is due after group_wait,
not after group_interval, and one that was quiet for longer than group_interval waits group_wait only.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

from msgspec.structs import replace

from monitors.alerts.alert import Alert
from monitors.alerts.escalation import Chains, Place
from monitors.alerts.group import CRITICAL, Group, GroupID, News, fires_for, news
from monitors.alerts.notification import Reason
from monitors.alerts.routing import Branch
from monitors.alerts.settings import AlertSettings

__all__ = ["Group", "GroupID", "Grouping"]

RETENTION = 5 * 86_400.0
"""How long a group is remembered after its last notification: as Alertmanager's notification log (120 h)."""

MOST_MISSED = 10_000

_INHIBITED = "inhibited"
"""What `suppressed` of a group says of alerts that another one inhibits."""

ABOUT_RECEIVER = "receiver"
"""The label of an alert about a receiver: that receiver is never told of it."""


class Grouping:
    """All groups that there are. `now` is always SteadyClock.now(), and so are the groups' times."""

    def __init__(self, settings: AlertSettings) -> None:
        self._groups: dict[GroupID, Group] = {}
        self._alerts: dict[GroupID, dict[str, Alert]] = {}
        self._of_key: defaultdict[str, set[GroupID]] = defaultdict(set)
        self._holders: defaultdict[str, set[GroupID]] = defaultdict(set)
        self._missed: list[tuple[Group, Alert]] = []
        self._use(settings)

    def configure(
        self, settings: AlertSettings, *, now: float, alerts: Iterable[Alert] = ()
    ) -> tuple[Group, ...]:
        """Take another configuration: alerts that fire are routed anew, those that no group holds too, and
        leave groups to which no route leads them any more, unless these told of them. A group that no route
        makes any more tells of the end of what it told of, and of nothing else. Returns what changed.
        """
        firing = (*self.firing().values(), *alerts)
        self._use(settings)
        before = dict(self._groups)
        self._leave_to_others()
        for id_ in before:
            self._replan(id_, now)
        self.take(firing, now=now)
        return tuple(group for id_, group in self._groups.items() if before.get(id_) != group)

    def load(self, groups: Iterable[Group], *, now: float, alerts: Iterable[Alert] = ()) -> None:
        """Go on with stored groups; what was held back is looked at again at once, and what fires is routed
        as it is configured now. `alerts` are all that fire, also those that no group holds.
        """
        for group in groups:
            retry_at = now if group.suppressed else None
            self._put(replace(group, retry_at=retry_at), {alert.fingerprint: alert for alert in group.alerts})
        firing = (*self.firing().values(), *alerts)
        self._leave_to_others()
        for id_ in self._groups:
            self._replan(id_, now)
        self.take(firing, now=now)

    def take(self, alerts: Sequence[Alert], *, now: float) -> tuple[Group, ...]:
        """Take alerts that began, changed or ended; return the groups that are different for it."""
        touched: dict[GroupID, None] = {}
        for alert in alerts:
            fingerprint = alert.fingerprint
            for id_ in self._destinations(alert, fingerprint):
                self._replace(id_, fingerprint, alert)
                touched[id_] = None
        touched |= dict.fromkeys(self._released(alerts))
        for id_ in touched:
            self._replan(id_, now)
        return tuple(self._groups[id_] for id_ in touched)

    def due(self, now: float) -> tuple[Group, ...]:
        """The groups that must be looked at now, longest due first, lower escalation levels first."""
        due = [group for group in self._groups.values() if group.due_at is not None and group.due_at <= now]
        return tuple(sorted(due, key=lambda group: (group.level, group.due_at)))

    def due_at(self) -> float | None:
        """When the next group is due, 0 when something is to be told of already; None while nothing waits."""
        if self._missed:
            return 0.0
        return min(
            (group.due_at for group in self._groups.values() if group.due_at is not None), default=None
        )

    def settle(self, group: Group, *, now: float) -> Group:
        """Put a group in the place of its older self after it was decided on; alerts that ended and are told
        leave it. Returns it with its next due time.
        """
        self._groups[group.id] = group
        self._clear(group)
        for sibling in self._of_key[group.key]:
            self._replan(sibling, now)
        return self._groups[group.id]

    def touch(self, *, now: float, incidents: Collection[str] | None = None) -> None:
        """Look again at once at what was held back: something that may have held it is gone. `incidents`:
        only groups with alerts of these.
        """
        for id_, group in list(self._groups.items()):
            if group.suppressed and (incidents is None or _tells_of(group, incidents)):
                self._groups[id_] = replace(group, retry_at=now)
                self._replan(id_, now)

    def is_ripe(self, group: Group, *, now: float) -> bool:
        """Whether the time has come for what is new in a group, and not only for what was held back."""
        found = news(fires_for(group.told, self._alerts[group.id]), group.told)
        due = self._news_due(group, _in_sight(found, group), self.place(group))
        return due is not None and due <= now

    def forget(self, *, now: float) -> tuple[GroupID, ...]:
        """Leave groups behind that hold no alerts and were not notified of for five days; return them."""
        old = [
            id_
            for id_, group in self._groups.items()
            if not group.alerts
            and not group.told
            and (not group.notified or group.notified.at < now - RETENTION)
        ]
        for id_ in old:
            del self._groups[id_], self._alerts[id_]
            self._of_key[id_.key].discard(id_)
            if not self._of_key[id_.key]:
                del self._of_key[id_.key]
        return tuple(old)

    def firing(self) -> dict[str, Alert]:
        """Every alert that fires, once, by its fingerprint."""
        return {
            fingerprint: alert
            for alerts in self._alerts.values()
            for fingerprint, alert in alerts.items()
            if alert.is_firing
        }

    def alerts(self, id_: GroupID) -> dict[str, Alert]:
        """The alerts of a group by their fingerprints."""
        return dict(self._alerts[id_])

    def missed(self) -> tuple[tuple[Group, Alert], ...]:
        """The alerts that ended before their receivers were told of them, since this was asked last."""
        missed, self._missed = self._missed, []
        return tuple(missed)

    def groups(self) -> tuple[Group, ...]:
        """All of them."""
        return tuple(self._groups.values())

    def get(self, id_: GroupID) -> Group | None:
        """One of them."""
        return self._groups.get(id_)

    def place(self, group: Group) -> Place | None:
        """Where its receiver stands on its route; None when the configuration has no such place any more."""
        place = self._chains.find(group.route, group.receiver) if self._chains else None
        if place and place.about and not _is_about(group, place.about):
            return None
        return place

    def _use(self, settings: AlertSettings) -> None:
        tree = settings.tree()
        self._settings = settings
        self._tree = tree
        self._chains = Chains(tree, settings.escalations, stand_ins=settings.stand_ins()) if tree else None

    def _destinations(self, alert: Alert, fingerprint: str) -> Iterable[GroupID]:
        """The groups an alert goes to: made where it fires, and those that have it already."""
        held = list(self._holders.get(fingerprint, ()))
        if not alert.is_firing:
            return held
        return dict.fromkeys([*(self._group_for(place, alert) for place in self._places(alert)), *held])

    def _places(self, alert: Alert) -> Iterable[Place]:
        """Where routes lead an alert."""
        if self._tree is None or self._chains is None:
            return
        for branch in self._tree.match(alert.labels):
            yield from self._chains.places(branch, about=alert.labels.get(ABOUT_RECEIVER, ""))

    def _leave_to_others(self) -> None:
        """Take alerts that nobody was told of out of the groups that routes lead them to no more."""
        for fingerprint, alert in self.firing().items():
            wanted = {
                GroupID(one.branch.group_key(alert.labels), one.receiver) for one in self._places(alert)
            }
            for id_ in self._holders[fingerprint] - wanted:
                group = self._groups[id_]
                if fingerprint not in group.told:
                    self._drop(id_, fingerprint)
                    self._groups[id_] = replace(group, suppressed=_without(group.suppressed, {fingerprint}))

    def _group_for(self, place: Place, alert: Alert) -> GroupID:
        branch: Branch = place.branch
        id_ = GroupID(branch.group_key(alert.labels), place.receiver)
        if id_ not in self._groups:
            labels = branch.group_labels(alert.labels)
            group = Group(
                key=id_.key, route=branch.key, receiver=place.receiver, labels=labels, level=place.level
            )
            self._put(group, {})
        return id_

    def _put(self, group: Group, alerts: dict[str, Alert]) -> None:
        self._groups[group.id] = group
        self._alerts[group.id] = alerts
        self._of_key[group.key].add(group.id)
        for fingerprint in alerts:
            self._holders[fingerprint].add(group.id)

    def _clear(self, group: Group) -> list[Alert]:
        """Take alerts out that ended, and that the receiver does not take to be firing; return them."""
        told = group.told
        over = [
            each for each, alert in self._alerts[group.id].items() if not alert.is_firing and each not in told
        ]
        return [self._drop(group.id, fingerprint) for fingerprint in over]

    def _drop(self, id_: GroupID, fingerprint: str) -> Alert:
        alert = self._alerts[id_].pop(fingerprint)
        self._holders[fingerprint].discard(id_)
        if not self._holders[fingerprint]:
            del self._holders[fingerprint]
        return alert

    def _replace(self, id_: GroupID, fingerprint: str, alert: Alert) -> None:
        """Put an alert into a group; when it began or ended, what was in its way is asked anew."""
        before = self._alerts[id_].get(fingerprint)
        self._alerts[id_][fingerprint] = alert
        self._holders[fingerprint].add(id_)
        group = self._groups[id_]
        if group.suppressed and (before is None or before.is_firing != alert.is_firing):
            self._groups[id_] = replace(group, suppressed=_without(group.suppressed, {fingerprint}))

    def _released(self, alerts: Sequence[Alert]) -> Iterable[GroupID]:
        """The groups in which an alert that ended inhibited others: these are news from now on."""
        ended = tuple(f"{_INHIBITED} {alert.fingerprint} " for alert in alerts if not alert.is_firing)
        for id_, group in self._groups.items() if ended else ():
            kept = tuple(each for each in group.suppressed if not each.startswith(ended))
            if len(kept) < len(group.suppressed):
                self._groups[id_] = replace(group, suppressed=kept)
                yield id_

    def _replan(self, id_: GroupID, now: float) -> None:
        """Work out anew what waits in a group, and when it is due."""
        group, alerts = self._groups[id_], self._alerts[id_]
        cleared = self._clear(group)
        if not group.level:  # A level that was not climbed to missed nothing.
            self._missed += [(group, alert) for alert in cleared]
            del self._missed[:-MOST_MISSED]
        if cleared and group.suppressed:
            gone = {alert.fingerprint for alert in cleared}
            group = replace(group, suppressed=_without(group.suppressed, gone))
        group = replace(group, alerts=tuple(alerts.values()))
        place = self.place(group)
        found = news(fires_for(group.told, alerts), group.told)
        if place is None:
            found = found._replace(new=frozenset())
        found = _in_sight(found, group)
        since = group.pending_since
        if found.reason is None:
            since = None
        elif since is None or found.reason is not group.pending:
            since = now
        group = replace(group, pending=found.reason, pending_since=since)
        self._groups[id_] = replace(group, due_at=self._due_at(group, found, place))

    def _due_at(self, group: Group, found: News, place: Place | None) -> float | None:
        moments = (
            self._news_due(group, found, place),
            _repeat_due(group, found, place),
            group.retry_at if group.suppressed else None,
        )
        return min((moment for moment in moments if moment is not None), default=None)

    def _news_due(self, group: Group, found: News, place: Place | None) -> float | None:
        reason, since = found.reason, group.pending_since
        if reason is None or since is None:
            return None
        waited = since + self._wait(group, place)
        if reason is Reason.FIRST and place and place.level:
            return self._climbs_at(group, place)
        if not found.still or group.notified is None or place is None:
            return waited
        return max(waited, group.notified.at + place.branch.group_interval)

    def _climbs_at(self, group: Group, place: Place) -> float | None:
        """When a further level is told: counted from the first notification of level 0, and of what came
        later from then on.
        """
        root = self._groups.get(GroupID(group.key, place.branch.receiver))
        if root is None or root.notified is None or not root.told:
            return None
        return max(root.notified.began_at, group.pending_since or 0.0) + place.after

    def _wait(self, group: Group, place: Place | None) -> float:
        if place is not None and place.branch.group_wait is not None:
            return place.branch.group_wait
        severities = {alert.labels.get("severity") for alert in group.alerts}
        settings = self._settings
        return settings.group_wait_critical if CRITICAL in severities else settings.group_wait


def _in_sight(found: News, group: Group) -> News:
    """News without what was looked at and is held back: that has a time of its own."""
    if not group.suppressed:
        return found
    withheld = group.withheld
    return found._replace(new=found.new - withheld, ended=found.ended - withheld)


def _without(suppressed: tuple[str, ...], fingerprints: Collection[str]) -> tuple[str, ...]:
    return tuple(each for each in suppressed if each.rsplit(" ", 1)[1] not in fingerprints)


def _repeat_due(group: Group, found: News, place: Place | None) -> float | None:
    if not found.still - group.withheld or group.notified is None or place is None:
        return None
    return group.notified.at + place.branch.repeat_interval


def _is_about(group: Group, receiver: str) -> bool:
    return any(alert.labels.get(ABOUT_RECEIVER) == receiver for alert in group.alerts)


def _tells_of(group: Group, incidents: Collection[str]) -> bool:
    return any(alert.incident in incidents for alert in group.alerts)
