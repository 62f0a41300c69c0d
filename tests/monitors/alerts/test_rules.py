"""Rules: which facts make which alerts, and which rules are refused."""

from math import inf

import msgspec
import pytest

from monitors.alerts.builtin_rules import BUILTIN_RULES
from monitors.alerts.rules import Condition, Fact, Rule, RuleBook, RuleError
from monitors.alerts.standing import Wanted


def fact(condition: Condition = Condition.DOWN, *, value: float | None = None, **labels: str) -> Fact:
    given = {"integration": "github-prod", "vendor": "github"} | labels
    words = {"reason": "no answer within 10 s", "vendor_name": "GitHub", "state": "down", "value": "7"}
    return Fact(condition=condition, labels=given, since=100.0, words=words, value=value, incident="inc-1")


def names(wanted: list[Wanted]) -> list[str]:
    return [each.alert.labels["alertname"] for each in wanted]


def test_the_top_tier_pages_and_the_others_warn() -> None:
    book = RuleBook((), builtin=BUILTIN_RULES)
    assert [book.wanted([fact(tier=tier)])[0].alert.labels["severity"] for tier in ("1", "2", "")] == [
        "critical",
        "warning",
        "warning",
    ]


@pytest.mark.parametrize(
    ("condition", "value", "name"),
    [
        (Condition.DOWN, None, "IntegrationDown"),
        (Condition.DEGRADED, None, "IntegrationDegraded"),
        (Condition.THROTTLED, None, "IntegrationThrottled"),
        (Condition.UNAUTHORIZED, None, "CredentialRejected"),
        (Condition.FLAPPING, None, "IntegrationFlapping"),
        (Condition.BREAKER_OPEN, None, "BreakerOpen"),
        (Condition.CREDENTIAL_REJECTED, None, "CredentialRefused"),
        (Condition.CREDENTIAL_EXPIRING, 13.0, "CredentialExpiring"),
        (Condition.CERTIFICATE_EXPIRING, 13.0, "CertificateExpiring"),
        (Condition.QUOTA_LOW, 0.05, "QuotaLow"),
        (Condition.CONTRACT_DRIFT, None, "ContractDrift"),
        (Condition.VENDOR_TROUBLE, None, "VendorTrouble"),
        (Condition.WEBHOOK_SILENT, None, "WebhookSilent"),
        (Condition.ENDING_SOON, 29.0, "EndingSoon"),
    ],
)
def test_each_condition_has_a_rule_without_configuration(
    condition: Condition, value: float | None, name: str
) -> None:
    book = RuleBook((), builtin=BUILTIN_RULES)
    assert names(book.wanted([fact(condition, value=value)])) == [name]


def test_every_condition_has_a_built_in_rule() -> None:
    assert {condition for rule in BUILTIN_RULES for condition in rule.when} == set(Condition)


@pytest.mark.parametrize(
    "condition", [Condition.CREDENTIAL_EXPIRING, Condition.CERTIFICATE_EXPIRING, Condition.QUOTA_LOW]
)
def test_a_value_above_the_threshold_makes_no_alert(condition: Condition) -> None:
    book = RuleBook((), builtin=BUILTIN_RULES)
    assert book.wanted([fact(condition, value=20.0)]) == []
    assert book.highest_threshold(condition) in {14.0, 0.1}


def test_a_rule_without_a_threshold_is_interested_in_every_value() -> None:
    book = RuleBook((Rule(name="Any", when=(Condition.QUOTA_LOW,)),), builtin=BUILTIN_RULES)
    assert book.highest_threshold(Condition.QUOTA_LOW) == inf
    assert RuleBook(()).highest_threshold(Condition.QUOTA_LOW) == -inf


def test_a_configured_rule_takes_the_place_of_those_of_its_name() -> None:
    book = RuleBook((Rule(name="IntegrationDown", severity="page"),), builtin=BUILTIN_RULES)
    assert [each.alert.labels["severity"] for each in book.wanted([fact(tier="1")])] == ["page"]
    assert names(book.wanted([fact(Condition.DEGRADED)])) == ["IntegrationDegraded"]


def test_a_rule_can_be_switched_off() -> None:
    book = RuleBook((Rule(name="IntegrationDown", enabled=False),), builtin=BUILTIN_RULES)
    assert book.wanted([fact()]) == []
    assert "IntegrationDown" not in book.names


def test_of_rules_of_one_name_the_first_that_holds_decides() -> None:
    rules = (
        Rule(name="Down", matchers=('environment="prod"',), severity="critical"),
        Rule(name="Down", severity="info"),
    )
    book = RuleBook(rules)
    assert [
        each.alert.labels["severity"]
        for each in book.wanted([fact(environment="prod"), fact(environment="test")])
    ] == ["critical", "info"]


def test_a_rule_speaks_of_the_whole_unless_it_names_a_capability() -> None:
    book = RuleBook((Rule(name="Whole"), Rule(name="Writing", matchers=('capability=~"write.*"',))))
    assert names(book.wanted([fact()])) == ["Whole"]
    assert names(book.wanted([fact(capability="write")])) == ["Writing"]


def test_texts_are_filled() -> None:
    rule = Rule(
        name="Down",
        labels={"service": "{team}/{integration}", "nothing": "{team}"},
        annotations={"summary": "{vendor_name} is {state}: {reason}"},
        wait=60.0,
        keep_firing_for=5.0,
    )
    (wanted,) = RuleBook((rule,)).wanted([fact()])
    assert dict(wanted.alert.labels) == {
        "alertname": "Down",
        "integration": "github-prod",
        "service": "/github-prod",
        "severity": "warning",
        "vendor": "github",
    }
    assert wanted.alert.annotations == {"summary": "GitHub is down: no answer within 10 s"}
    assert (wanted.wait, wanted.keep, wanted.alert.starts_at, wanted.alert.incident) == (
        60.0,
        5.0,
        100.0,
        "inc-1",
    )


def test_a_text_that_came_from_outside_is_filled_in_once() -> None:
    rule = Rule(name="Down", annotations={"summary": "{reason}"})
    hostile = msgspec.structs.replace(fact(), words={"reason": "{integration} {{reason}}"})
    (wanted,) = RuleBook((rule,)).wanted([hostile])
    assert wanted.alert.annotations["summary"] == "{integration} {{reason}}"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"name": " "}, "a rule needs a name"),
        ({"when": ()}, "rule Down: when names no condition"),
        ({"wait": -1.0}, "for and keep_firing_for must be at least 0"),
        ({"keep_firing_for": -1.0}, "for and keep_firing_for must be at least 0"),
        ({"severity": ""}, "severity must not be empty"),
        ({"matchers": ("team=~(",)}, "rule Down: matchers:"),
        ({"labels": {"severity": "x"}}, "labels: severity is set already"),
        ({"labels": {"a-b": "x"}}, "'a-b' is no name of a label"),
        ({"labels": {"why": "{reason}"}}, "labels.why: {reason} is not known; known are action"),
        ({"annotations": {"text": "{oops}"}}, "annotations.text: {oops} is not known"),
    ],
)
def test_a_rule_that_cannot_work_is_refused(given: dict[str, object], says: str) -> None:
    with pytest.raises(RuleError, match=says.replace("{", r"\{").replace("}", r"\}")):
        Rule(**{"name": "Down", **given})  # type: ignore[arg-type]  # each case gives one wrong value


def test_a_rule_reads_as_it_is_written_in_configuration() -> None:
    body = b'{"name": "Slow", "when": ["degraded"], "for": 300.0, "matchers": ["tier=\\"1\\""]}'
    rule = msgspec.json.decode(body, type=Rule)
    assert (rule.when, rule.wait) == ((Condition.DEGRADED,), 300.0)
