"""Why an alert is not to be notified of now: a silence, maintenance, what explains it, or who works on it."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from monitors.alerts import acknowledging
from monitors.alerts.alert import Alert
from monitors.alerts.decisions import Verdict
from monitors.alerts.inhibition import Inhibitors, InhibitRules, Parents, explains
from monitors.alerts.maintenance import Maintenance
from monitors.alerts.matchers import all_match
from monitors.alerts.silences import Silence, Silences
from monitors.alerts.steady import SteadyClock
from monitors.incident import Incident
from monitors.parent import Certainty, Parent

LOOK_AGAIN = 60.0
"""How soon what is suppressed is looked at again, in seconds, when nothing tells that its cause is gone."""
_MINUTE = 60.0
LONGEST_CHECK = 75.0
"""For how long an alert waits for a fresh check after maintenance, in seconds."""
LONGEST_HOLDS = {Certainty.UNCERTAIN: 45.0, Certainty.RECOVERED: 120.0}
"""For how long an alert waits for a parent to become certain, and for its own check after it is over."""


class Cause(NamedTuple):
    """What suppresses an alert. `name` tells causes of one verdict apart, `until` is when to look again."""

    verdict: Verdict
    name: str
    reason: str
    until: float


class Afresh(Protocol):
    """Checks integrations once more."""

    def ask(self, integration: str) -> None:
        """Have one checked soon."""
        ...

    def is_waiting(self, integration: str) -> bool:
        """Whether that is still to be done."""
        ...


class Suppression:
    """Asks everything that may suppress an alert, in a fixed order, so that the reason told is the strongest:
    silence, maintenance, inhibition, the parent, acknowledgement.
    """

    def __init__(
        self,
        *,
        clock: SteadyClock,
        silences: Silences,
        maintenance: Maintenance,
        parents: Parents,
        incident: Callable[[str], Incident | None],
        afresh: Afresh | None = None,
    ) -> None:
        self._clock = clock
        self._silences = silences
        self._maintenance = maintenance
        self._parents = parents
        self._incident = incident
        self._rules = InhibitRules(())
        self._afresh = afresh
        self._held: dict[tuple[str, Certainty], float] = {}
        self._maintained: set[str] = set()
        self._asked: dict[str, float] = {}

    def configure(self, rules: InhibitRules) -> None:
        """Take other inhibit rules."""
        self._rules = rules

    def among(self, firing: Mapping[str, Alert]) -> "Suppressors":
        """What suppresses alerts at this moment, while these fire; by fingerprint."""
        self._held = {key: since for key, since in self._held.items() if key[0] in firing}
        self._maintained &= firing.keys()
        self._asked = {each: at for each, at in self._asked.items() if each in firing}
        return Suppressors(
            self, inhibitors=self._rules.among(tuple(firing.values())), silences=self._silences.active()
        )

    def silenced(self, alert: Alert, silences: Sequence[Silence]) -> Cause | None:
        """By one of these silences, one made for maintenance too: of several the one that ends last."""
        muting = [each for each in silences if all_match(each.matchers, alert.labels)]
        if not muting:
            return None
        silence = max(muting, key=lambda each: each.ends_at)
        until = max(self._clock.deadline(each.ends_at) for each in muting)
        verdict = Verdict.MAINTENANCE if silence.is_maintenance else Verdict.SILENCED
        return Cause(verdict, silence.id, _told(silence), until)

    def maintained(self, alert: Alert) -> Cause | None:
        """By maintenance that comes again."""
        plan = self._maintenance.plan(alert.labels)
        if plan is None:
            return None
        reason = f"Maintenance {plan.name}: {plan.reason or 'planned work'}."
        now = self._clock.now()
        # Plans begin and end at full minutes of the wall clock.
        until = now + _MINUTE - self._clock.wall(now) % _MINUTE
        return Cause(Verdict.MAINTENANCE, plan.name, reason, until)

    def remember(self, fingerprint: str) -> None:
        """Note that an alert is under maintenance: after it, it is told of only if a fresh check says so."""
        if self._afresh is not None:
            self._maintained.add(fingerprint)

    def unchecked(self, fingerprint: str, alert: Alert) -> Cause | None:
        """By maintenance that is just over: the fresh check is not done."""
        integration = alert.labels.get("integration", "")
        if self._afresh is None or fingerprint not in self._maintained or not integration:
            return None
        now = self._clock.now()
        if fingerprint not in self._asked:
            self._asked[fingerprint] = now
            self._afresh.ask(integration)
        until = self._asked[fingerprint] + LONGEST_CHECK
        if until <= now or not self._afresh.is_waiting(integration):
            self._maintained.discard(fingerprint)
            del self._asked[fingerprint]
            return None
        reason = "Maintenance is over: a fresh check tells whether it still fails."
        return Cause(Verdict.HELD, "maintenance", reason, until)

    def explained(self, fingerprint: str, alert: Alert) -> Cause | None:
        """By a root cause: held for a while when it is not certain, or just over; inhibited while it is. What
        tells of a root cause may be explained by an outer one, which was found after it.
        """
        failing = alert.labels.get("integration") or alert.labels.get("parent", "")
        parent = self._parents.parent_of(failing) if failing else None
        if parent is None or explains(parent, alert):
            return None
        if parent.certainty is Certainty.CONFIRMED:
            return self._cause(Verdict.INHIBITED, parent.key, f"{parent.name} explains it: {parent.reason}")
        now = self._clock.now()
        until = self._held.setdefault((fingerprint, parent.certainty), now) + LONGEST_HOLDS[parent.certainty]
        if until <= now:
            return None
        return Cause(Verdict.HELD, parent.key, _doubt(parent), until=min(until, now + LOOK_AGAIN))

    def acknowledged(self, alert: Alert) -> Cause | None:
        """By somebody who works on its incident."""
        found = acknowledging.standing(self._incident(alert.incident), clock=self._clock)
        if found is None:
            return None
        reason = f"{found.actor} works on it" + (f": {found.reason}" if found.reason else ".")
        cause = self._cause(Verdict.ACKNOWLEDGED, found.actor, reason)
        if found.expires_at is None:
            return cause
        return cause._replace(until=min(cause.until, self._clock.deadline(found.expires_at)))

    def inhibited(self, alert: Alert, source: Alert | None) -> Cause | None:
        """By another alert."""
        if source is None:
            return None
        name = source.labels.get("alertname", "another alert")
        of = source.labels.get("integration", "")
        reason = f"{name}{' of ' + of if of else ''} inhibits {alert.labels.get('alertname', 'it')}."
        return self._cause(Verdict.INHIBITED, source.fingerprint, reason)

    def _cause(self, verdict: Verdict, name: str, reason: str) -> Cause:
        return Cause(verdict, name, reason, until=self._clock.now() + LOOK_AGAIN)


class Suppressors:
    """What suppresses alerts at one moment; each alert is asked about once."""

    def __init__(
        self, suppression: Suppression, *, inhibitors: Inhibitors, silences: Sequence[Silence]
    ) -> None:
        self._suppression = suppression
        self._inhibitors = inhibitors
        self._silences = silences
        self._known: dict[str, Cause | None] = {}

    def cause(self, fingerprint: str, alert: Alert) -> Cause | None:
        """Why an alert is not to be notified of now; None when nothing is in the way."""
        if fingerprint not in self._known:
            self._known[fingerprint] = self._find(fingerprint, alert)
        return self._known[fingerprint]

    def _find(self, fingerprint: str, alert: Alert) -> Cause | None:
        cause = self._strongest(fingerprint, alert)
        if cause is not None and cause.verdict is Verdict.MAINTENANCE:
            self._suppression.remember(fingerprint)
        return cause or self._suppression.unchecked(fingerprint, alert)

    def _strongest(self, fingerprint: str, alert: Alert) -> Cause | None:
        ask = self._suppression
        return (
            ask.silenced(alert, self._silences)
            or ask.maintained(alert)
            or ask.inhibited(alert, self._inhibitors.source_of(alert.labels))
            or ask.explained(fingerprint, alert)
            or ask.acknowledged(alert)
        )


def _told(silence: Silence) -> str:
    kind = "Maintenance" if silence.is_maintenance else "Silenced"
    return f"{kind} by {silence.actor}: {silence.comment}"


def _doubt(parent: Parent) -> str:
    if parent.certainty is Certainty.RECOVERED:
        return f"{parent.name} is over: a fresh check tells whether this one is."
    return f"{parent.name} may explain it: that is being found out."
