"""Rules: which facts make which alerts.

A fact is a claim that holds about a subject now: an integration is down, a quota is low. A rule names the
conditions it is about, matchers over the subject's labels, and the alert to raise. Text in its labels and
annotations may hold `{name}` of a closed list; there is no expression language.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from math import inf

import msgspec

from monitors.alerts.alert import Alert
from monitors.alerts.matchers import Matcher, all_match, parse_matcher
from monitors.alerts.standing import Wanted

KEEP_FIRING = 90.0
"""Seconds: one and a half intervals of a check, so that the next one can still contradict a recovery."""

DAY = 86_400.0

_PLACE = re.compile(r"\{([^{}]*)\}")
_LABEL_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

LABELS = frozenset(
    (
        "integration",
        "vendor",
        "capability",
        "team",
        "environment",
        "tier",
        "region",
        "action",
        "bucket",
        "credential",
        "receiver",
        "slo",
        "heartbeat",
        "event_type",
    )
)
"""The labels a subject may have; all come from configuration or a manifest."""

WORDS = frozenset(("state", "reason", "vendor_name", "advice", "value"))
"""What annotations may name beside labels. Labels may not: these change while an alert stands."""


class Condition(StrEnum):
    """What a fact may claim. Those with a value hold at or below a rule's threshold: the share of a quota
    that is left, days until an end.
    """

    DOWN = "down"
    DEGRADED = "degraded"
    THROTTLED = "throttled"
    UNAUTHORIZED = "unauthorized"
    FLAPPING = "flapping"
    BREAKER_OPEN = "breaker_open"
    CREDENTIAL_REJECTED = "credential_rejected"
    CREDENTIAL_EXPIRING = "credential_expiring"
    CERTIFICATE_EXPIRING = "certificate_expiring"
    QUOTA_LOW = "quota_low"
    CONTRACT_DRIFT = "contract_drift"
    VENDOR_TROUBLE = "vendor_trouble"
    WEBHOOK_SILENT = "webhook_silent"
    ENDING_SOON = "ending_soon"


class RuleError(ValueError):
    """A rule cannot be used; the message names the rule, the key and what is expected."""


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One rule. `name` becomes the label alertname; all built-in rules of the same name give way to it.

    `when` are conditions, one of which must hold, `matchers` conditions on labels. A rule on the health of an
    integration speaks of the whole, unless a matcher names `capability`. `for` is how long the condition must
    hold first, `keep_firing_for` how long the alert fires on when it does not any longer; seconds.
    """

    name: str
    when: tuple[Condition, ...] = (Condition.DOWN,)
    matchers: tuple[str, ...] = ()
    severity: str = "warning"
    wait: float = msgspec.field(default=0.0, name="for")
    keep_firing_for: float = KEEP_FIRING
    threshold: float | None = None
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}
    enabled: bool = True

    def __post_init__(self) -> None:
        """Refuse what can never work.

        Raises:
            RuleError: naming the rule, the key and what is expected.
        """
        _check(self)


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """A claim about a subject: that `condition` holds since `since`. `labels` are the subject's, `words` fill
    annotations. `lasts` is after how many seconds it is no longer believed unless told again, None for
    never.
    """

    condition: Condition
    labels: Mapping[str, str]
    since: float
    words: Mapping[str, str] = {}
    value: float | None = None
    incident: str = ""
    link: str = ""
    lasts: float | None = None


class RuleBook:
    """All rules in effect: the configured ones, and built-in ones of other names."""

    def __init__(self, rules: Sequence[Rule], *, builtin: Sequence[Rule] = ()) -> None:
        configured = {rule.name for rule in rules}
        self.rules = (*rules, *(rule for rule in builtin if rule.name not in configured))
        self._read = [(rule, tuple(map(parse_matcher, rule.matchers))) for rule in self.rules if rule.enabled]

    @property
    def names(self) -> frozenset[str]:
        """Of all rules that are enabled."""
        return frozenset(rule.name for rule, _ in self._read)

    def wanted(self, facts: Iterable[Fact]) -> list[Wanted]:
        """The alerts that facts make; of several rules of one name the first that holds."""
        found = []
        for fact in facts:
            told: set[str] = set()
            for rule, matchers in self._read:
                if rule.name not in told and _holds(rule, matchers, fact):
                    told.add(rule.name)
                    found.append(_wanted(rule, fact))
        return found

    def highest_threshold(self, condition: Condition) -> float:
        """Above which value no rule is interested in a condition: inf where one always is, -inf where none
        ever is.
        """
        values = [rule.threshold for rule, _ in self._read if condition in rule.when]
        return max((inf if value is None else value for value in values), default=-inf)


def _holds(rule: Rule, matchers: Sequence[Matcher], fact: Fact) -> bool:
    if fact.condition not in rule.when or not all_match(matchers, fact.labels):
        return False
    if fact.condition in _OF_HEALTH and "capability" in fact.labels:
        return any(matcher.name == "capability" for matcher in matchers)
    return fact.value is None or rule.threshold is None or fact.value <= rule.threshold


_OF_HEALTH = frozenset(
    (
        Condition.DOWN,
        Condition.DEGRADED,
        Condition.THROTTLED,
        Condition.UNAUTHORIZED,
        Condition.FLAPPING,
        Condition.WEBHOOK_SILENT,
    )
)


def _wanted(rule: Rule, fact: Fact) -> Wanted:
    words = {**fact.labels, **fact.words}
    labels = {name: value for name, value in fact.labels.items() if value}
    labels |= {name: value for name, text in rule.labels.items() if (value := _filled(text, fact.labels))}
    labels |= {"alertname": rule.name, "severity": rule.severity}
    alert = Alert(
        labels=dict(sorted(labels.items())),
        annotations={name: _filled(text, words) for name, text in sorted(rule.annotations.items())},
        starts_at=fact.since,
        incident=fact.incident,
        link=fact.link,
    )
    return Wanted(alert, rule.name, wait=rule.wait, lasts=fact.lasts, keep=rule.keep_firing_for)


def _filled(text: str, words: Mapping[str, str]) -> str:
    return _PLACE.sub(lambda found: words.get(found[1], ""), text)


def _check(rule: Rule) -> None:
    if not rule.name.strip():
        raise RuleError("rules: a rule needs a name, which becomes its alerts' alertname")
    if not rule.when:
        raise RuleError(f"rule {rule.name}: when names no condition; one is {Condition.DOWN}")
    if rule.wait < 0 or rule.keep_firing_for < 0:
        raise RuleError(f"rule {rule.name}: for and keep_firing_for must be at least 0 seconds")
    if not rule.severity.strip():
        raise RuleError(f"rule {rule.name}: severity must not be empty; usual are critical, warning, info")
    _check_texts(rule)
    for text in rule.matchers:
        try:
            parse_matcher(text)
        except ValueError as error:
            raise RuleError(f"rule {rule.name}: matchers: {error}") from error


def _check_texts(rule: Rule) -> None:
    for name in (*rule.labels, *rule.annotations):
        if not _LABEL_NAME.fullmatch(name):
            raise RuleError(f"rule {rule.name}: {name!r} is no name of a label: letters, digits and _")
    if fixed := {"alertname", "severity", "integration"} & set(rule.labels):
        raise RuleError(f"rule {rule.name}: labels: {min(fixed)} is set already; leave it out")
    for part, texts, known in (
        ("labels", rule.labels, LABELS),
        ("annotations", rule.annotations, LABELS | WORDS),
    ):
        for name, text in texts.items():
            if unknown := set(_PLACE.findall(text)) - known:
                raise RuleError(
                    f"rule {rule.name}: {part}.{name}: {{{min(unknown)}}} is not known;"
                    f" known are {', '.join(sorted(known))}"
                )
