"""What no rule can be interested in is told from the rest, without asking the rules each time."""

import pytest

from integrations.execution.outcome import FailureKind
from integrations.signals import CheckResult, CredentialNotice, QuotaSample, Signal
from monitors.alerts.builtin_rules import BUILTIN_RULES
from monitors.alerts.rules import DAY, Condition, Rule, RuleBook
from monitors.alerts.settling import AlertBook
from monitors.alerts.standing import Moment

NOW = Moment(monotonic=1_000.0, utc=10_000_000.0)
EVERY = Rule(name="Any", when=(Condition.CERTIFICATE_EXPIRING, Condition.QUOTA_LOW), severity="info")


def book(*rules: Rule, builtin: tuple[Rule, ...] = BUILTIN_RULES) -> AlertBook:
    return AlertBook(RuleBook(rules, builtin=builtin), lambda _: None)


def check(*, days: float | None = None, kind: FailureKind | None = None) -> CheckResult:
    ends = None if days is None else NOW.utc + days * DAY
    return CheckResult(
        at=NOW.utc,
        integration="shop",
        vendor="http",
        capability="read",
        action="fetch",
        kind=kind,
        certificate_ends_at=ends,
    )


def quota(left: float) -> QuotaSample:
    return QuotaSample(
        at=NOW.utc,
        integration="shop",
        vendor="http",
        bucket="",
        limit=100.0,
        remaining=left,
        reset_at=NOW.utc + 7_200,
        throttled_until=None,
    )


SIGNALS = [check(), check(kind=FailureKind.TIMEOUT), check(days=90), check(days=3), quota(90.0), quota(5.0)]


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("rules", [(), (EVERY,)], ids=["built-in rules", "a rule without a threshold"])
@pytest.mark.parametrize("builtin", [BUILTIN_RULES, ()], ids=["with the others", "alone"])
def test_what_is_dull_makes_no_alert(
    signal: Signal, rules: tuple[Rule, ...], builtin: tuple[Rule, ...]
) -> None:
    alerts = book(*rules, builtin=builtin)
    is_dull = alerts.is_dull(signal)
    claims = alerts._facts.claims(signal)
    changed = [row for claim in claims for row in alerts.settle_claim(claim, now=NOW)]
    assert not (is_dull and changed)


@pytest.mark.parametrize(
    ("signal", "is_dull"), list(zip(SIGNALS, [True, True, True, False, True, False], strict=True))
)
def test_most_signals_are_dull(signal: Signal, is_dull: bool) -> None:
    assert book().is_dull(signal) is is_dull


def test_a_check_that_can_end_an_alert_is_not_dull() -> None:
    alerts = book()
    refused = CredentialNotice(
        at=NOW.utc,
        integration="shop",
        vendor="http",
        credential="token",
        event="rejected",
        detail="refused",
    )
    assert alerts.settle_signal(refused, now=NOW)
    assert not alerts.is_dull(check())
    alerts = book()
    assert alerts.settle_signal(check(days=3), now=NOW)
    assert not alerts.is_dull(check(days=90))
