"""Alerts as they stand, what keeps them quiet, the groups they are told in, and where labels would lead."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from monitors.alerts import acknowledging
from monitors.alerts.alert import Alert, fingerprint
from monitors.alerts.engine import AlertEngine, Parents
from monitors.alerts.group import Group
from monitors.alerts.grouping import Grouping
from monitors.alerts.inhibition import Inhibitors, InhibitRules, explains
from monitors.alerts.maintenance import Maintenance
from monitors.alerts.matchers import all_match
from monitors.alerts.routing import Branch, Step
from monitors.alerts.settings import AlertSettings
from monitors.alerts.silences import Silence, Silences
from monitors.alerts.standing import Phase, Standing
from monitors.alerts.steady import SteadyClock
from monitors.parent import Certainty, ParentKind, labels_of

FIRES = frozenset({Phase.FIRING, Phase.ENDING})


class AlertStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What keeps an alert quiet: ids of silences, fingerprints of alerts, names of maintenance, and who has
    acknowledged its incident.
    """

    silenced_by: tuple[str, ...] = ()
    inhibited_by: tuple[str, ...] = ()
    muted_by: tuple[str, ...] = ()
    acknowledged_by: str = ""

    @property
    def is_suppressed(self) -> bool:
        """Whether nobody is notified of it, in Alertmanager's sense."""
        return bool(self.silenced_by or self.inhibited_by or self.muted_by)


class SeenAlert(msgspec.Struct, frozen=True, kw_only=True):
    """An alert as it stands, what keeps it quiet, and who is told of it."""

    standing: Standing
    status: AlertStatus
    receivers: tuple[str, ...]

    @property
    def alert(self) -> Alert:
        """The alert itself."""
        return self.standing.alert

    @property
    def fires(self) -> bool:
        """Whether it fires."""
        return self.standing.phase in FIRES


class SeenGroup(msgspec.Struct, frozen=True, kw_only=True):
    """A group with its alerts; `muted_by` are the time intervals that mute its route now."""

    group: Group
    alerts: tuple[SeenAlert, ...]
    muted_by: tuple[str, ...] = ()

    def only(self, alerts: tuple[SeenAlert, ...]) -> "SeenGroup":
        """The group with some of its alerts."""
        return msgspec.structs.replace(self, alerts=alerts)


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What suppresses alerts at one moment."""

    silences: tuple[Silence, ...]
    inhibitors: Inhibitors


class AlertDesk:
    """Reads; it changes nothing. `settings` are those in effect."""

    def __init__(
        self,
        *,
        engine: AlertEngine,
        grouping: Grouping,
        silences: Silences,
        maintenance: Maintenance,
        parents: Parents,
        settings: Callable[[], AlertSettings],
        steady: SteadyClock,
    ) -> None:
        self._engine = engine
        self._grouping = grouping
        self._silences = silences
        self._maintenance = maintenance
        self._parents = parents
        self._settings = settings
        self._steady = steady

    @property
    def settings(self) -> AlertSettings:
        """Those in effect."""
        return self._settings()

    def alerts(self) -> Sequence[SeenAlert]:
        """All that stand, pending ones too."""
        look, tree = self._look(), self._settings().tree()
        return [
            SeenAlert(
                standing=row,
                status=self._status(row.alert, look),
                receivers=tuple(dict.fromkeys(each.receiver for each in tree.match(row.alert.labels)))
                if tree
                else (),
            )
            for row in self._engine.alerts()
        ]

    def groups(self) -> Sequence[SeenGroup]:
        """The groups with alerts that fire, in the order of their keys."""
        seen = {each.alert.fingerprint: each for each in self.alerts() if each.fires}
        branches = self._branches()
        found = []
        for group in sorted(self._grouping.groups(), key=lambda each: (each.key, each.level, each.receiver)):
            alerts = tuple(seen[alert.fingerprint] for alert in group.alerts if alert.fingerprint in seen)
            if alerts:
                muted = tuple(self._muted(branches.get(group.route)))
                found.append(SeenGroup(group=group, alerts=alerts, muted_by=muted))
        return found

    def route(self, labels: Mapping[str, str]) -> tuple[Sequence[Branch], Sequence[Step]]:
        """The branches that alerts with these labels go to, and every route that is asked on the way."""
        tree = self._settings().tree()
        return (tree.match(labels), tree.explain(labels)) if tree else ((), ())

    def _look(self) -> Look:
        firing = [row.alert for row in self._engine.alerts() if row.phase in FIRES]
        rules = InhibitRules(self._settings().inhibit_rules)
        return Look(silences=self._silences.active(), inhibitors=rules.among(firing))

    def _status(self, alert: Alert, look: Look) -> AlertStatus:
        plan = self._maintenance.plan(alert.labels)
        held = acknowledging.standing(self._engine.incidents.get(alert.incident), clock=self._steady)
        return AlertStatus(
            silenced_by=tuple(each.id for each in look.silences if all_match(each.matchers, alert.labels)),
            inhibited_by=tuple(self._inhibitors(alert, look)),
            muted_by=() if plan is None else (f"maintenance {plan.name}",),
            acknowledged_by=held.actor if held else "",
        )

    def _inhibitors(self, alert: Alert, look: Look) -> Iterator[str]:
        source = look.inhibitors.source_of(alert.labels)
        if source is not None:
            yield source.fingerprint
        integration = alert.labels.get("integration", "")
        parent = self._parents.parent_of(integration) if integration else None
        if parent is None or explains(parent, alert) or parent.certainty is not Certainty.CONFIRMED:
            return
        if parent.kind is not ParentKind.DEPENDENCY:
            yield fingerprint(labels_of(parent))
            return
        for row in self._engine.alerts():
            if row.phase in FIRES and explains(parent, row.alert):
                yield row.alert.fingerprint

    def _branches(self) -> dict[str, Branch]:
        tree = self._settings().tree()
        return {branch.key: branch for branch in tree.branches()} if tree else {}

    def _muted(self, branch: Branch | None) -> Iterator[str]:
        """The time intervals that mute a route now, or outside of which it is."""
        if branch is None:
            return
        calendar, now = self._settings().calendar(), self._steady.wall(self._steady.now())
        yield from (name for name in branch.mute_time_intervals if calendar.holds(name, now))
        active = branch.active_time_intervals
        if active and not any(calendar.holds(name, now) for name in active):
            yield from active
