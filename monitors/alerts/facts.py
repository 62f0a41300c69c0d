"""What signals claim: turns them into facts about subjects, for the rules.

Health comes from incidents, everything else from the signal itself:

signal                                 subject                        ends
CredentialNotice rejected              credential:ID                  a new value, a new token, a good check
CredentialNotice expiring, expired     expiry:ID:credential           a new value; else a day after its end
ContractDrift                          drift:ID:action                a day after it was seen last
QuotaSample                            quota:ID:bucket                enough is left; else the window's end
VendorNotice status                    vendor:VENDOR                  the vendor says that all is well
VendorNotice deprecation               ending:VENDOR:action           never: the vendor keeps its word
BreakerTransition                      breaker:ID:capability          it closes, or is disabled
CheckResult                            certificate:ID:capability      a certificate that lasts longer
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from integrations.signals import (
    BreakerState,
    BreakerTransition,
    CheckResult,
    ContractDrift,
    CredentialNotice,
    Evidence,
    Health,
    HealthChange,
    Indicator,
    QuotaSample,
    Signal,
    VendorNotice,
)
from monitors.alerts.rules import DAY, Condition, Fact
from monitors.health import BROKEN
from monitors.incident import Incident

HEARD = frozenset(
    (CredentialNotice, ContractDrift, QuotaSample, VendorNotice, BreakerTransition, CheckResult)
)
"""Signals that are facts, beside health."""

SHORTEST_QUOTA_WINDOW = 300.0
"""Seconds: a quota that is full again sooner is the executor's business, and nobody's alert."""

_TROUBLE = frozenset((Indicator.PARTIAL_OUTAGE, Indicator.MAJOR_OUTAGE))
_OPEN = frozenset((BreakerState.OPEN, BreakerState.FORCED_OPEN, BreakerState.HALF_OPEN))
_RENEWED = frozenset(("reread", "refreshed"))


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """What rules may know of an integration: its vendor, the vendor's name for people, the labels of its
    configuration, what to do now, and what the vendor's status page says of it now (one sentence, empty while
    all is well).
    """

    vendor: str
    vendor_name: str
    labels: Mapping[str, str] = {}
    advice: str = ""
    vendor_says: str = ""


class Claim(NamedTuple):
    """All that holds of one subject now; no fact takes the earlier ones back."""

    subject: str
    facts: Sequence[Fact] = ()


Subjects = Callable[[str], Subject | None]


class FactReader:
    """Makes facts. `subjects` knows the watched integrations."""

    def __init__(self, subjects: Subjects) -> None:
        self._subjects = subjects

    def of_incident(self, incident: Incident) -> Sequence[Fact]:
        """What an incident claims: its state; that it flaps, where the state says nothing."""
        if not incident.is_open:
            return ()
        condition = _condition(incident)
        if condition is None:
            return ()
        words = {"state": incident.state.value, "reason": incident.reason}
        return (
            self._fact(
                condition, incident.integration, since=incident.opened_at, words=words, incident=incident.id
            ),
        )

    def of_capability(self, change: HealthChange, incident: str) -> Sequence[Fact]:
        """What a change of one capability claims."""
        condition = _of_health(change.after, change.evidence)
        if condition is None:
            return ()
        words = {"state": change.after.value, "reason": change.reason}
        more = {"capability": change.capability}
        return (
            self._fact(
                condition, change.integration, since=change.at, words=words, incident=incident, more=more
            ),
        )

    def claims(self, signal: Signal) -> Iterator[Claim]:
        """What a signal claims."""
        match signal:
            case CredentialNotice():
                yield from self._credential(signal)
            case ContractDrift():
                yield self._drift(signal)
            case QuotaSample():
                yield from self._quota(signal)
            case BreakerTransition():
                yield self._breaker(signal)
            case VendorNotice():
                yield from self._vendor(signal)
            case CheckResult():
                yield from self._check(signal)
            case _:
                return

    def _fact(
        self,
        condition: Condition,
        integration: str,
        *,
        since: float,
        words: Mapping[str, str],
        more: Mapping[str, str] | None = None,
        incident: str = "",
        value: float | None = None,
        lasts: float | None = None,
    ) -> Fact:
        subject = self._subjects(integration)
        labels = {"integration": integration}
        if subject is not None:
            labels |= {**subject.labels, "vendor": subject.vendor}
            words = {"vendor_name": subject.vendor_name, "advice": subject.advice, **words}
        return Fact(
            condition=condition,
            labels=labels | dict(more or {}),
            since=since,
            words=words,
            incident=incident,
            value=value,
            lasts=lasts,
        )

    def _credential(self, notice: CredentialNotice) -> Iterator[Claim]:
        id_ = notice.integration
        if notice.event == "rejected":
            fact = self._fact(
                Condition.CREDENTIAL_REJECTED, id_, since=notice.at, words={"reason": notice.detail}
            )
            yield Claim(f"credential:{id_}", (fact,))
        elif notice.event in _RENEWED:
            yield Claim(f"credential:{id_}")
            yield Claim(f"expiry:{id_}:*")
        elif notice.event in {"expiring", "expired"} and notice.expires_at is not None:
            left = notice.expires_at - notice.at
            fact = self._fact(
                Condition.CREDENTIAL_EXPIRING,
                id_,
                since=notice.at,
                words={"reason": notice.detail, "value": f"{max(0.0, left) / DAY:.0f}"},
                more={"credential": notice.credential},
                value=left / DAY,
                lasts=max(0.0, left) + DAY,
            )
            yield Claim(f"expiry:{id_}:{notice.credential}", (fact,))

    def _drift(self, drift: ContractDrift) -> Claim:
        reason = f"{drift.action} gives {drift.found} at {drift.pointer}, its contract says {drift.expected}."
        fact = self._fact(
            Condition.CONTRACT_DRIFT,
            drift.integration,
            since=drift.at,
            words={"reason": reason},
            more={"action": drift.action},
            lasts=DAY,
        )
        return Claim(f"drift:{drift.integration}:{drift.action}", (fact,))

    def _quota(self, sample: QuotaSample) -> Iterator[Claim]:
        if not sample.limit or sample.remaining is None or sample.reset_at is None:
            return
        subject, left = f"quota:{sample.integration}:{sample.bucket}", sample.remaining / sample.limit
        ahead = sample.reset_at - sample.at
        if ahead < SHORTEST_QUOTA_WINDOW:
            yield Claim(subject)
            return
        reason = f"{sample.remaining:.0f} of {sample.limit:.0f} are left for {ahead / 60:.0f} min."
        fact = self._fact(
            Condition.QUOTA_LOW,
            sample.integration,
            since=sample.at,
            words={"reason": reason, "value": f"{left:.0%}"},
            more={"bucket": sample.bucket},
            value=left,
            lasts=ahead,
        )
        yield Claim(subject, (fact,))

    def _breaker(self, change: BreakerTransition) -> Claim:
        subject = f"breaker:{change.integration}:{change.capability}"
        if change.after not in _OPEN:
            return Claim(subject)
        fact = self._fact(
            Condition.BREAKER_OPEN,
            change.integration,
            since=change.at,
            words={"reason": change.reason, "state": change.after.value},
            more={"capability": change.capability},
        )
        return Claim(subject, (fact,))

    def _vendor(self, notice: VendorNotice) -> Iterator[Claim]:
        labels = {"vendor": notice.vendor}
        if notice.kind == "status":
            fact = Fact(
                condition=Condition.VENDOR_TROUBLE,
                labels=labels,
                since=notice.started_at or notice.at,
                words={"reason": notice.title, "state": notice.indicator.value, "vendor_name": notice.vendor},
                link=notice.url,
            )
            yield Claim(f"vendor:{notice.vendor}", (fact,) if notice.indicator in _TROUBLE else ())
        elif notice.sunset_at is not None:
            left = notice.sunset_at - notice.at
            fact = Fact(
                condition=Condition.ENDING_SOON,
                labels=labels | ({"action": notice.action} if notice.action else {}),
                since=notice.at,
                words={
                    "reason": notice.title or f"{notice.vendor} ends {notice.action or 'its service'}.",
                    "value": f"{max(0.0, left) / DAY:.0f}",
                    "vendor_name": notice.vendor,
                },
                value=left / DAY,
                link=notice.url,
                lasts=max(0.0, left) + DAY,
            )
            yield Claim(f"ending:{notice.vendor}:{notice.action}", (fact,))

    def _check(self, result: CheckResult) -> Iterator[Claim]:
        id_ = result.integration
        if result.ran and result.kind is None:
            yield Claim(f"credential:{id_}")
        if result.certificate_ends_at is None:
            return
        left = result.certificate_ends_at - result.at
        fact = self._fact(
            Condition.CERTIFICATE_EXPIRING,
            id_,
            since=result.at,
            words={
                "reason": f"The certificate ends in {max(0.0, left) / DAY:.0f} d.",
                "value": f"{max(0.0, left) / DAY:.0f}",
            },
            more={"capability": result.capability},
            value=left / DAY,
        )
        yield Claim(f"certificate:{id_}:{result.capability}", (fact,))


def _condition(incident: Incident) -> Condition | None:
    known = _of_health(incident.state, incident.evidence)
    return Condition.FLAPPING if known is None and incident.flapping else known


def _of_health(state: Health, evidence: Evidence) -> Condition | None:
    """What a state of health claims; None for one that is not bad."""
    if state is Health.DEGRADED:
        return Condition.WEBHOOK_SILENT if evidence is Evidence.WEBHOOK else Condition.DEGRADED
    return Condition(state.value) if state in BROKEN else None
