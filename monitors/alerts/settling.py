"""Which alerts stand: what incidents, capabilities, signals and parents claim, put before the rules."""

from collections.abc import Sequence

from msgspec.structs import replace

from integrations.signals import CheckResult, HealthChange, QuotaSample, Signal
from monitors.alerts.alert import Alert
from monitors.alerts.facts import Claim, FactReader, Subjects
from monitors.alerts.rules import DAY, Condition, RuleBook
from monitors.alerts.standing import Moment, Phase, Standing, StandingAlerts, Wanted
from monitors.incident import Incident
from monitors.parent import Certainty, Parent, alert_of

_LASTING = frozenset(("raised", "parent", "vendor", "ending"))
"""Subjects that are not one integration's."""


class AlertBook:
    """All alerts that stand, and the rules that make them. Each method returns what changed."""

    def __init__(self, rules: RuleBook, subjects: Subjects) -> None:
        self.standing = StandingAlerts()
        self._subjects = subjects
        self._facts = FactReader(subjects)
        self._use(rules)

    def configure(self, rules: RuleBook, incidents: Sequence[Incident], *, now: Moment) -> list[Standing]:
        """Take other rules: alerts of rules that are gone end, new rules look at what is open."""
        self._use(rules)
        changed = []
        for subject in self.standing.subjects():
            rows = self.standing.of(subject)
            stay = [_as_wanted(row) for row in rows if not row.rule or row.rule in rules.names]
            if len(stay) < len(rows):
                changed += self.standing.settle(subject, stay, now=now)
        for incident in incidents:
            changed += self.settle_incident(incident, now=now)
        return changed

    def vendor_says(self, integration: str) -> str:
        """What the vendor's status page says of an integration now; empty for nothing."""
        subject = self._subjects(integration)
        return subject.vendor_says if subject is not None else ""

    def settle_incident(self, incident: Incident, *, now: Moment) -> list[Standing]:
        """Let the alerts of an incident be those that its state makes. While it flaps they stay as they are;
        a root cause's are told of by itself.
        """
        if incident.is_root:
            return []
        subject = f"health:{incident.integration}"
        rows = self.standing.of(subject)
        if incident.flapping and rows:
            return self.standing.settle(subject, map(_as_wanted, rows), now=now)
        return self.standing.settle(subject, self._rules.wanted(self._facts.of_incident(incident)), now=now)

    def settle_capability(self, change: HealthChange, *, incident: str, now: Moment) -> list[Standing]:
        """Let the alerts of one capability be those that its state makes."""
        subject = f"health:{change.integration}/{change.capability}"
        if change.flapping and self.standing.of(subject):
            return []
        wanted = self._rules.wanted(self._facts.of_capability(change, incident))
        return self.standing.settle(subject, wanted, now=now)

    def settle_signal(self, signal: Signal, *, now: Moment) -> list[Standing]:
        """Take what a signal claims."""
        if self.is_dull(signal):
            return []
        return [row for claim in self._facts.claims(signal) for row in self.settle_claim(claim, now=now)]

    def settle_claim(self, claim: Claim, *, now: Moment) -> list[Standing]:
        """Let exactly these facts hold of a subject; a subject that ends with `*` is all that begin so."""
        if not claim.subject.endswith("*"):
            return self.standing.settle(claim.subject, self._rules.wanted(claim.facts), now=now)
        mine = [each for each in self.standing.subjects() if each.startswith(claim.subject[:-1])]
        return [row for each in mine for row in self.standing.settle(each, (), now=now)]

    def settle_parent(self, parent: Parent, *, incident: str, now: Moment) -> list[Standing]:
        """Let the alert of a parent fire while it is confirmed."""
        subject = f"parent:{parent.key}"
        if parent.certainty is not Certainty.CONFIRMED:
            return self.standing.settle(subject, (), now=now)
        alert = replace(alert_of(parent, now=now.utc), incident=incident)
        return self.standing.settle(subject, [Wanted(alert, "")], now=now)

    def raise_alert(self, alert: Alert, *, keep: float, now: Moment) -> list[Standing]:
        """Let an alert fire that no rule makes."""
        wanted = Wanted(alert, "", keep=keep)
        return self.standing.settle(f"raised:{alert.fingerprint}", [wanted], now=now)

    def end_alert(self, fingerprint: str, *, now: Moment) -> list[Standing]:
        """End an alert that was raised so."""
        return self.standing.settle(f"raised:{fingerprint}", (), now=now)

    def forget(self, integration: str, *, now: Moment) -> list[Standing]:
        """End everything that is about an integration, or about a root cause of this key."""
        mine = [each for each in self.standing.subjects() if _belongs(each, integration)]
        return [row for each in mine for row in self.standing.settle(each, (), now=now)]

    def _use(self, rules: RuleBook) -> None:
        self._rules = rules
        self._quota_interest = rules.highest_threshold(Condition.QUOTA_LOW)
        self._certificate_interest = rules.highest_threshold(Condition.CERTIFICATE_EXPIRING) * DAY

    def is_dull(self, signal: Signal) -> bool:
        """Whether no rule can be interested, and none was before: nearly all signals are so."""
        if type(signal) is CheckResult:
            return self._is_dull_check(signal)
        if type(signal) is not QuotaSample or not signal.limit or signal.remaining is None:
            return False
        is_plenty = signal.remaining > signal.limit * self._quota_interest
        return is_plenty and not self.standing.has(f"quota:{signal.integration}:{signal.bucket}")

    def _is_dull_check(self, result: CheckResult) -> bool:
        ends = result.certificate_ends_at
        if ends is not None and ends - result.at <= self._certificate_interest:
            return False
        if self.standing.is_empty:
            return True
        if self.standing.has(f"credential:{result.integration}"):
            return False
        return ends is None or not self.standing.has(f"certificate:{result.integration}:{result.capability}")


def told(rows: Sequence[Standing]) -> tuple[Alert, ...]:
    """The alerts that began, changed or ended for others: one that ended while pending was never there."""
    firing = [row for row in rows if row.phase in {Phase.FIRING, Phase.ENDING}]
    ended = [row for row in rows if row.phase is Phase.ENDED and not row.alert.is_firing]
    return tuple(row.alert for row in (*firing, *ended))


def _as_wanted(row: Standing) -> Wanted:
    return Wanted(row.alert, row.rule, keep=row.keep)


def _belongs(subject: str, integration: str) -> bool:
    kind, _, rest = subject.partition(":")
    if subject == f"parent:{integration}":
        return True
    is_about = rest == integration or rest.startswith((f"{integration}:", f"{integration}/"))
    return is_about and kind not in _LASTING
