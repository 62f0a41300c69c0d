"""The documented types of what receivers are told: docs/events/ has a JSON Schema for each."""

from collections.abc import Mapping

from monitors.alerts.notification import Notification, Reason

FAILED = "integration.failed"
DEGRADED = "integration.degraded"
RECOVERED = "integration.recovered"
OPENED = "incident.opened"
UPDATED = "incident.updated"
RESOLVED = "incident.resolved"
FIRING = "alert.firing"
ENDED = "alert.resolved"
DIGEST = "alert.digest"
TEST = "receiver.test"

BY_ALERT: Mapping[str, str] = {
    "IntegrationDown": FAILED,
    "IntegrationDegraded": DEGRADED,
    "IntegrationThrottled": "integration.throttled",
    "IntegrationFlapping": "integration.flapping",
    "VendorTrouble": "vendor.trouble",
    "EndingSoon": "vendor.ending",
    "EgressDown": "egress.failed",
    "MassFailure": "egress.suspected",
    "RegionDown": "region.failed",
    "VendorDown": "vendor.failed",
    "SLOBurnRate": "slo.burning",
    "CredentialRejected": "credential.rejected",
    "CredentialRefused": "credential.refused",
    "CredentialExpiring": "credential.expiring",
    "CertificateExpiring": "certificate.expiring",
    "QuotaLow": "quota.low",
    "ContractDrift": "contract.drift",
    "BreakerOpen": "breaker.opened",
    "WebhookSilent": "webhook.silent",
    "ReceiverFailing": "receiver.failing",
    "Watchdog": "watchdog",
}
"""The type of a group whose firing alerts all have this name."""

_HEALTH = frozenset({FAILED, DEGRADED})

TYPES = (*BY_ALERT.values(), RECOVERED, OPENED, UPDATED, RESOLVED, FIRING, ENDED, DIGEST, TEST)
"""All of them."""


def event_type(notification: Notification) -> str:
    """The type of a notification: by the one name its alerts share, else by what became of the incidents,
    else by whether anything fires.
    """
    if notification.reason is Reason.TEST:
        return TEST
    if notification.reason is Reason.DIGEST:
        return DIGEST
    names = {alert.labels.get("alertname", "") for alert in notification.alerts}
    known = BY_ALERT.get(names.pop()) if len(names) == 1 else None
    is_over = notification.status == "resolved"
    if known is not None and not is_over:
        return known
    if known in _HEALTH:
        return RECOVERED
    if notification.incidents:
        return _of_incidents(notification, is_over=is_over)
    return ENDED if is_over else FIRING


def _of_incidents(notification: Notification, *, is_over: bool) -> str:
    if is_over:
        return RESOLVED
    return OPENED if notification.reason is Reason.FIRST else UPDATED
