"""Alerts about integrations. Dialtone tells of most of it by itself and sooner; these speak where it cannot.

The label `dialtone_alert` names Dialtone's own alert of the same fact. deploy/alertmanager.yml holds a rule's
alert back while that one fires, so that nobody is called twice; each waits longer than Dialtone's own takes.
"""

from collections.abc import Iterable, Mapping

from dashboards.build.rules.model import Alert
from dashboards.build.rules.promql import WHOLE, grown, owned, pick

BY_TIER = '{{ if eq $labels.tier "1" }}critical{{ else }}warning{{ end }}'
"""What Dialtone's own alerts do: integrations of tier 1 page."""

FEW = 0.05
"""Requests per second under which a ratio says little: fifteen in five minutes."""

TO_OPEN = 'to="open"'
DAY = 86_400
WHO = "{{ $labels.integration }} ({{ $labels.vendor }})"
LINE = f"{WHO}, {{{{ $labels.capability }}}}"
OWNER = (
    "It belongs to team {{ or $labels.team `(none)` }} in {{ or $labels.environment `(no environment)` }}."
)


def alerts() -> Iterable[Alert]:
    """Return the alerts, those that matter most first."""
    yield from _health()
    yield from _heartbeats()
    yield from _calls()
    yield from _breakers()
    yield _quota()
    yield from _expiries()
    yield from _webhooks()
    yield from _changes()


def about(own: str = "") -> Mapping[str, str]:
    """Return the labels of an alert about an integration; `own` is Dialtone's own alert of the same fact."""
    return {"dialtone_subject": "integration", **({"dialtone_alert": own} if own else {})}


def _health() -> Iterable[Alert]:
    yield Alert(
        name="DialtoneIntegrationDown",
        expr=owned(f"{_health_is('down')} == 1"),
        wait="3m",
        severity=BY_TIER,
        labels=about("IntegrationDown"),
        summary=f"{WHO} is down",
        description=f"Dialtone has confirmed for more than 3 minutes that {WHO} fails. {OWNER}",
    )
    yield Alert(
        name="DialtoneCredentialRejected",
        expr=owned(f"{_health_is('unauthorized')} == 1"),
        wait="3m",
        severity=BY_TIER,
        labels=about("CredentialRejected"),
        summary=f"The vendor refuses the credential of {WHO}",
        description=f"{WHO} is answered with 401 or 403, so none of its calls work. {OWNER}",
    )
    yield Alert(
        name="DialtoneIntegrationDegraded",
        expr=owned(f"{_health_is('degraded', 'throttled')} == 1"),
        wait="15m",
        severity="warning",
        labels=about("IntegrationDegraded"),
        summary=f"{WHO} is degraded or throttled",
        description=f"For 15 minutes {WHO} has worked slowly, in part, or only as its vendor allows. {OWNER}",
    )
    yield Alert(
        name="DialtoneIntegrationFlapping",
        expr=owned(f"{pick('dialtone_health_flapping', WHOLE)} == 1"),
        wait="10m",
        severity="warning",
        labels=about("IntegrationFlapping"),
        summary=f"{WHO} goes up and down",
        description=f"The health of {WHO} changes too often to tell how it is. {OWNER}",
    )


def _health_is(*states: str) -> str:
    return _is("dialtone_health", *states, matchers=(WHOLE,))


def _is(metric: str, *states: str, matchers: tuple[str, ...] = ()) -> str:
    """1 where the state is one of these; without the label, so that an alert stays one while it changes."""
    either = "|".join(states)
    among = f'state=~"{either}"'
    return f"sum without (state) ({pick(metric, *matchers, among)})"


def _heartbeats() -> Iterable[Alert]:
    silent = f"{pick('dialtone_heartbeat_up')} == 0"
    # Dialtone's own alert knows a heartbeat by this name among integrations.
    yield Alert(
        name="DialtoneHeartbeatMissed",
        expr=f'label_replace({silent}, "integration", "heartbeat:$1", "heartbeat", "(.*)")',
        wait="3m",
        severity="warning",
        labels=about("IntegrationDown"),
        summary="The job {{ $labels.heartbeat }} is not heard of",
        description="It has reported no success in time, so it fails, hangs, or does not run.",
    )


def _calls() -> Iterable[Alert]:
    sent = "integration:dialtone_calls_sent:rate5m"
    yield Alert(
        name="DialtoneCallsFailing",
        expr=owned(f"integration:dialtone_calls:error_ratio_rate5m > 0.25 and {sent} > {FEW}"),
        wait="15m",
        severity="warning",
        labels=about("IntegrationDown"),
        summary=f"{{{{ $value | humanizePercentage }}}} of the calls of {WHO} fail",
        description=f"More than a quarter of its requests have failed for 15 minutes. {OWNER}",
    )
    attempts = "integration:dialtone_attempts_per_call:ratio_rate5m"
    yield Alert(
        name="DialtoneRetriesAddLoad",
        expr=owned(f"{attempts} > 1.5 and {sent} > {FEW}"),
        wait="15m",
        severity="warning",
        labels=about("IntegrationDegraded"),
        summary=f"Each call of {WHO} takes {{{{ $value | printf `%.1f` }}}} attempts",
        description=f"For 15 minutes retries have added half again to the load on its vendor. {OWNER}",
    )


def _breakers() -> Iterable[Alert]:
    state, transitions = "dialtone_breaker_state", "dialtone_breaker_transitions_total"
    yield Alert(
        name="DialtoneBreakerOpen",
        expr=owned(f"{_is(state, 'open', 'half_open')} == 1"),
        wait="10m",
        severity="warning",
        labels=about("BreakerOpen"),
        summary=f"The circuit of {LINE} is open",
        description=f"For 10 minutes its calls have been refused, trial calls apart. {OWNER}",
    )
    yield Alert(
        name="DialtoneBreakerFlapping",
        expr=owned(f"sum without (to) (increase({pick(transitions, TO_OPEN)}[15m])) >= 3"),
        wait="5m",
        keep="10m",
        severity="warning",
        labels=about("BreakerOpen"),
        summary=f"The circuit of {LINE} opens again and again",
        description=f"It opened {{{{ $value | printf `%.0f` }}}} times in 15 minutes. {OWNER}",
    )
    yield Alert(
        name="DialtoneBreakerForced",
        expr=owned(f"{_is(state, 'forced_open')} == 1"),
        wait="4h",
        severity="warning",
        labels=about(),
        summary=f"The circuit of {LINE} has been forced open for 4 hours",
        description=f"Somebody stopped all its calls, and may have forgotten it. {OWNER}",
    )


def _quota() -> Alert:
    reset, empty = (pick(f"dialtone_quota_{what}_timestamp_seconds") for what in ("reset", "exhaustion"))
    return Alert(
        name="DialtoneQuotaRunsOut",
        expr=owned(f"{reset} - {empty} > 300"),
        wait="10m",
        severity="warning",
        labels=about("QuotaLow"),
        summary=f"The quota {{{{ $labels.bucket }}}} of {WHO} will not last",
        description="At this period's rate it is used up {{ $value | humanizeDuration }} before "
        f"the vendor fills it again. {OWNER}",
    )


def _expiries() -> Iterable[Alert]:
    credential, certificate = (
        pick(f"dialtone_{what}_expiry_timestamp_seconds") for what in ("credential", "certificate")
    )
    for days, severity, not_yet in ((14, "warning", 2), (2, "critical", None)):
        later = "" if not_yet is None else f" >= {not_yet * DAY}"
        ends = "ends in {{ $value | humanizeDuration }}"
        yield Alert(
            name="DialtoneCredentialExpiring",
            expr=owned(f"{credential} - time() < {days * DAY}{later}"),
            wait="10m",
            severity=severity,
            labels=about("CredentialExpiring"),
            summary=f"The credential {{{{ $labels.credential }}}} of {WHO} {ends}",
            description=f"It cannot renew itself; after that its calls are refused. {OWNER}",
        )
        yield Alert(
            name="DialtoneCertificateExpiring",
            expr=owned(f"{certificate} - time() < {days * DAY}{later}"),
            wait="10m",
            severity=severity,
            labels=about("CertificateExpiring"),
            summary=f"The certificate that {WHO} meets {ends}",
            description=f"After that its connections fail, unless whoever runs the server renews it. {OWNER}",
        )


def _webhooks() -> Iterable[Alert]:
    received = "dialtone_webhooks_received_total"
    refused, all_of_them = (
        f"sum without (verdict) (increase({one}[15m]))"
        for one in (pick(received, 'verdict=~"bad_signature|unverifiable"'), pick(received))
    )
    yield Alert(
        name="DialtoneWebhooksSilent",
        expr=owned(f"{pick('dialtone_webhook_silent')} == 1"),
        wait="10m",
        severity="warning",
        labels=about("WebhookSilent"),
        summary=f"No webhook comes for {WHO}",
        description=f"Less has come than `webhooks.expect` says. {OWNER}",
    )
    yield Alert(
        name="DialtoneWebhookSignaturesFail",
        expr=owned(f"{refused} >= 5 and {refused} / {all_of_them} > 0.1"),
        wait="5m",
        severity="warning",
        labels=about(),
        summary=f"{{{{ $value | printf `%.0f` }}}} webhooks for {WHO} were not proved genuine",
        description=f"More than a tenth of what came in 15 minutes: a wrong secret, or a forger. {OWNER}",
    )
    yield Alert(
        name="DialtoneWebhooksGivenUp",
        expr=owned(grown("dialtone_webhook_dead_letters_total", over="1h")),
        severity="warning",
        labels=about(),
        summary=f"Webhooks for {WHO} were given up",
        description=f"Their handler failed at every attempt; they are kept and can be replayed. {OWNER}",
    )


def _changes() -> Iterable[Alert]:
    yield Alert(
        name="DialtoneContractDrift",
        expr=owned(grown("dialtone_contract_drift_total", over="1h")),
        severity="info",
        labels=about("ContractDrift"),
        summary=f"Answers of {{{{ $labels.action }}}} of {WHO} no longer fit the contract",
        description=f"The vendor has changed something, or the contract was wrong. {OWNER}",
    )
    sunset = pick("dialtone_deprecation_sunset_timestamp_seconds")
    yield Alert(
        name="DialtoneActionEnding",
        expr=owned(f"{sunset} - time() < {30 * DAY}"),
        wait="10m",
        severity="info",
        labels=about("EndingSoon"),
        summary="The vendor {{ $labels.vendor }} ends {{ or $labels.action `its API` }} in "
        "{{ $value | humanizeDuration }}",
        description=f"{WHO} uses it, and must change before. {OWNER}",
    )
