"""Inhibition: alerts that another alert, or a root cause, explains."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from monitors.alerts.alert import Alert
from monitors.alerts.matchers import Matcher, all_match, parse_matcher
from monitors.alerts.settings import InhibitRule
from monitors.parent import Parent

_DOWN = 'alertname=~"IntegrationDown|CredentialRejected"'

BUILTIN_INHIBITIONS = (
    InhibitRule(
        source_matchers=(_DOWN,),
        target_matchers=(
            'alertname=~"BreakerOpen|CredentialRefused|IntegrationDegraded|IntegrationThrottled"',
        ),
        equal=("integration",),
    ),
    InhibitRule(source_matchers=(_DOWN,), target_matchers=('alertname="VendorTrouble"',), equal=("vendor",)),
)
"""The rules that hold without any configuration: of an integration that is down nobody is told lesser things,
and not that its vendor is in trouble, which the message says already.
"""


class Parents(Protocol):
    """Knows the root causes there are."""

    def parent_of(self, integration: str) -> Parent | None:
        """What explains that this integration fails, or this root cause (by its key), now; None: nothing."""
        ...


class NoParents:
    """There are no root causes."""

    def parent_of(self, integration: str) -> Parent | None:  # noqa: ARG002 - the Protocol's parameter
        """None."""
        return None


MOST_KNOWN = 20_000
"""Alerts of which it is kept in mind which rules they are a source of."""


class _Rule(NamedTuple):
    source: tuple[Matcher, ...]
    target: tuple[Matcher, ...]
    equal: tuple[str, ...]

    def shared(self, labels: Mapping[str, str]) -> tuple[str, ...]:
        return tuple(labels.get(name, "") for name in self.equal)


class InhibitRules:
    """The built-in and the configured rules, ready to be asked about the alerts that fire."""

    def __init__(self, rules: Iterable[InhibitRule]) -> None:
        self._rules = tuple(
            _Rule(
                tuple(map(parse_matcher, rule.source_matchers)),
                tuple(map(parse_matcher, rule.target_matchers)),
                rule.equal,
            )
            for rule in (*BUILTIN_INHIBITIONS, *rules)
        )

        self._known: dict[str, tuple[bool, ...]] = {}

    def among(self, firing: Sequence[Alert]) -> "Inhibitors":
        """Which alerts inhibit others, of those that fire."""
        if len(self._known) > MOST_KNOWN:
            self._known.clear()
        sources = [self._source_of(alert) for alert in firing]
        chosen = (
            (rule, [alert for alert, fits in zip(firing, sources, strict=True) if fits[place]])
            for place, rule in enumerate(self._rules)
        )
        return Inhibitors(chosen)

    def _source_of(self, alert: Alert) -> tuple[bool, ...]:
        """For each rule, whether an alert is a source of it: its labels, which name it, never change."""
        known = self._known.get(alert.fingerprint)
        if known is None:
            known = tuple(all_match(rule.source, alert.labels) for rule in self._rules)
            self._known[alert.fingerprint] = known
        return known


class Inhibitors:
    """The alerts that inhibit others at one moment, by the labels they must share."""

    def __init__(self, sources: Iterable[tuple[_Rule, Sequence[Alert]]]) -> None:
        self._sources: list[tuple[_Rule, dict[tuple[str, ...], list[Alert]]]] = []
        for rule, alerts in sources:
            found: defaultdict[tuple[str, ...], list[Alert]] = defaultdict(list)
            for alert in alerts:
                found[rule.shared(alert.labels)].append(alert)
            self._sources.append((rule, found))

    def source_of(self, labels: Mapping[str, str]) -> Alert | None:
        """The alert that inhibits one with these labels. One that could be source and target of a rule is
        not inhibited by another such, so none inhibits itself.
        """
        for rule, found in self._sources:
            candidates = found.get(rule.shared(labels), ())
            if candidates and all_match(rule.target, labels):
                is_two_sided = all_match(rule.source, labels)
                for source in candidates:
                    if not (is_two_sided and all_match(rule.target, source.labels)):
                        return source
        return None


def explains(parent: Parent, alert: Alert) -> bool:
    """Whether an alert is the one that tells of this root cause itself."""
    if alert.labels.get("parent") == parent.key:
        return True
    return bool(parent.integration) and alert.labels.get("integration") == parent.integration


def children_of(alerts: Iterable[Alert], *, firing: Iterable[Alert], parents: Parents) -> tuple[str, ...]:
    """The integrations whose alerts are explained by the root causes that `alerts` tell of."""
    told = tuple(alerts)
    found: dict[str, None] = {}
    for alert in firing:
        integration = alert.labels.get("integration", "")
        parent = parents.parent_of(integration) if integration else None
        if parent and not explains(parent, alert) and any(explains(parent, each) for each in told):
            found[integration] = None
    return tuple(found)
