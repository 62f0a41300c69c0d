"""The rules that hold without any configuration; a configured rule takes the place of those of its name."""

from monitors.alerts.rules import Condition, Rule

TOP_TIER = "1"
"""The value of the label `tier` whose integrations page."""

_REASON = "{reason}"


def _by_tier(name: str, condition: Condition, summary: str) -> tuple[Rule, Rule]:
    """Critical for the top tier, a warning for all others."""
    texts = {"summary": summary, "description": _REASON, "advice": "{advice}"}
    return (
        Rule(
            name=name,
            when=(condition,),
            matchers=(f'tier="{TOP_TIER}"',),
            severity="critical",
            annotations=texts,
        ),
        Rule(name=name, when=(condition,), annotations=texts),
    )


BUILTIN_RULES: tuple[Rule, ...] = (
    *_by_tier("IntegrationDown", Condition.DOWN, "{integration} ({vendor_name}) is down"),
    *_by_tier(
        "CredentialRejected",
        Condition.UNAUTHORIZED,
        "{vendor_name} refuses the credential of {integration}",
    ),
    Rule(
        name="CredentialRefused",
        when=(Condition.CREDENTIAL_REJECTED,),
        # Checks confirm a refusal within half a minute, and then CredentialRejected tells of it.
        wait=300.0,
        annotations={
            "summary": "{vendor_name} refuses the credential of {integration} in calls",
            "description": _REASON,
        },
    ),
    Rule(
        name="IntegrationDegraded",
        when=(Condition.DEGRADED,),
        annotations={
            "summary": "{integration} ({vendor_name}) is degraded",
            "description": _REASON,
            "advice": "{advice}",
        },
    ),
    Rule(
        name="IntegrationThrottled",
        when=(Condition.THROTTLED,),
        annotations={
            "summary": "{vendor_name} throttles {integration}",
            "description": _REASON,
            "advice": "{advice}",
        },
    ),
    Rule(
        name="IntegrationFlapping",
        when=(Condition.FLAPPING,),
        annotations={
            "summary": "{integration} ({vendor_name}) goes up and down",
            "description": _REASON,
        },
    ),
    Rule(
        name="BreakerOpen",
        when=(Condition.BREAKER_OPEN,),
        wait=300.0,
        annotations={
            "summary": "The circuit of {integration} to {vendor_name} is open ({capability})",
            "description": _REASON,
        },
    ),
    Rule(
        name="QuotaLow",
        when=(Condition.QUOTA_LOW,),
        threshold=0.1,
        annotations={
            "summary": "{value} of the quota {bucket} of {integration} is left",
            "description": _REASON,
        },
    ),
    Rule(
        name="CredentialExpiring",
        when=(Condition.CREDENTIAL_EXPIRING,),
        threshold=14.0,
        keep_firing_for=0.0,
        annotations={
            "summary": "The credential {credential} of {integration} ends in {value} d",
            "description": _REASON,
        },
    ),
    Rule(
        name="CertificateExpiring",
        when=(Condition.CERTIFICATE_EXPIRING,),
        threshold=14.0,
        annotations={
            "summary": "The certificate of {vendor_name} that {integration} meets ends in {value} d",
            "description": _REASON,
        },
    ),
    Rule(
        name="ContractDrift",
        when=(Condition.CONTRACT_DRIFT,),
        severity="info",
        keep_firing_for=0.0,
        annotations={
            "summary": "Answers of {action} of {integration} no longer fit the vendor's contract",
            "description": _REASON,
        },
    ),
    Rule(
        name="VendorTrouble",
        when=(Condition.VENDOR_TROUBLE,),
        severity="info",
        annotations={"summary": "{vendor_name} says that it has trouble", "description": _REASON},
    ),
    Rule(
        name="WebhookSilent",
        when=(Condition.WEBHOOK_SILENT,),
        annotations={
            "summary": "Less comes by webhook from {vendor_name} for {integration} than is expected",
            "description": _REASON,
        },
    ),
    Rule(
        name="EndingSoon",
        when=(Condition.ENDING_SOON,),
        threshold=30.0,
        severity="info",
        keep_firing_for=0.0,
        annotations={
            "summary": "{vendor_name} ends {action} in {value} d",
            "description": _REASON,
        },
    ),
)
