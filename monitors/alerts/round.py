"""One round of decisions: what was decided at one moment, gathered to be stored as one unit."""

from collections import defaultdict
from collections.abc import Mapping

from msgspec.structs import replace

from monitors.alerts.alert import Alert
from monitors.alerts.decisions import Decision, Flush, Verdict
from monitors.alerts.group import Group, GroupID
from monitors.alerts.outbox import Message
from monitors.alerts.suppression import Cause
from monitors.incident import TimelineEntry


class Round:
    """Gathers groups, messages and decisions. `now` is SteadyClock's, `at` the same moment in UTC seconds;
    `firing` are all alerts that fire, by fingerprint.
    """

    def __init__(self, *, now: float, at: float, firing: Mapping[str, Alert]) -> None:
        self.now = now
        self.at = at
        self.firing = firing
        self.messages: list[Message] = []
        self.decisions: list[Decision] = []
        self.forgotten: tuple[GroupID, ...] = ()
        self._groups: dict[GroupID, Group] = {}
        self._timeline: list[tuple[str, TimelineEntry]] = []

    def keep(self, group: Group) -> None:
        """Store a group as it is now."""
        self._groups[group.id] = group

    def tell(
        self, group: Group, alerts: Mapping[str, Alert], *, verdict: Verdict, reason: str, message: Message
    ) -> None:
        """Note that the group's receiver is told of these alerts in a message."""
        decision = self._decision(group, alerts, verdict=verdict, reason=reason)
        self.decisions.append(replace(decision, message=message.id))
        self._note(decision.incidents, event="notified", text=reason)

    def withhold(self, group: Group, alerts: Mapping[str, Alert], cause: Cause) -> None:
        """Note that the group's receiver is not told of these alerts."""
        decision = self._decision(group, alerts, verdict=cause.verdict, reason=cause.reason)
        self.decisions.append(replace(decision, cause=cause.name))
        self._note(
            decision.incidents, event="suppressed", text=f"{group.receiver} is not told. {cause.reason}"
        )

    def withhold_new(self, group: Group, causes: Mapping[str, Cause], alerts: Mapping[str, Alert]) -> Group:
        """Note of each cause what it withholds, unless that was noted at the last look; returns the group
        with what is in the way now, and when to look again.
        """
        keys = {fingerprint: _key(fingerprint, cause) for fingerprint, cause in causes.items()}
        by_cause: defaultdict[Cause, dict[str, Alert]] = defaultdict(dict)
        for fingerprint, cause in causes.items():
            if keys[fingerprint] not in group.suppressed:
                by_cause[cause][fingerprint] = alerts[fingerprint]
        for cause, withheld in by_cause.items():
            self.withhold(group, withheld, cause)
        retry_at = min((cause.until for cause in causes.values()), default=None)
        return replace(group, suppressed=tuple(sorted(keys.values())), retry_at=retry_at)

    def flush(self) -> Flush | None:
        """All of it; None when there is nothing to store."""
        if not (self._groups or self.messages or self.decisions or self.forgotten):
            return None
        return Flush(
            groups=tuple(self._groups.values()),
            messages=tuple(self.messages),
            decisions=tuple(self.decisions),
            timeline=tuple(self._timeline),
            forgotten=self.forgotten,
        )

    def _decision(
        self, group: Group, alerts: Mapping[str, Alert], *, verdict: Verdict, reason: str
    ) -> Decision:
        return Decision(
            at=self.at,
            group_key=group.key,
            receiver=group.receiver,
            verdict=verdict,
            reason=reason,
            level=group.level,
            alerts=tuple(alerts),
            incidents=tuple(dict.fromkeys(each.incident for each in alerts.values() if each.incident)),
        )

    def _note(self, incidents: tuple[str, ...], *, event: str, text: str) -> None:
        self._timeline += [
            (incident, TimelineEntry(at=self.at, event=event, text=text)) for incident in incidents
        ]


def withheld_by(group: Group, verdict: Verdict) -> tuple[str, ...]:
    """The fingerprints of what the last look at a group withheld for this reason."""
    mine = (each for each in group.suppressed if each.startswith(f"{verdict} "))
    return tuple(each.rsplit(" ", 1)[1] for each in mine)


def _key(fingerprint: str, cause: Cause) -> str:
    return f"{cause.verdict} {cause.name} {fingerprint}"
