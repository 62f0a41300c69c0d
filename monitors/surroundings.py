"""What is known around an integration: quotas, its credential, its webhooks, its vendor's word.

None of it is a verdict. What stands for a bad state by itself becomes a concern; the rest makes a failure of
checks more believable.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from integrations.signals import CredentialNotice, Evidence, Health, Indicator, QuotaSample, WebhookReceipt
from monitors.concerns import Finding
from monitors.report import VendorWord

NO_DATA = "no data"
QUOTA = "quota"
SILENCE = "silent webhooks"
WEBHOOKS = "webhooks"
"""The capability that silence speaks of."""

LEAST_WAIT = 60.0
"""Seconds for which a quota must be used up to be a state, and no hiccup."""

OUTAGES = frozenset((Indicator.PARTIAL_OUTAGE, Indicator.MAJOR_OUTAGE))
NO_BUCKETS: Mapping[str, str] = MappingProxyType({})
_NO_QUOTAS: Mapping[str, QuotaSample] = MappingProxyType({})
_REFUSED = frozenset(("rejected", "expired", "refresh_failed", "reread_failed"))


class Surroundings:
    """The newest word on each subject. `buckets` says which quota each capability's checks draw on, `every`
    how often a webhook is expected, in seconds, `proved_at` when a check succeeded last (UTC seconds).
    """

    __slots__ = (
        "_received_now",
        "buckets",
        "credential",
        "every",
        "proved_at",
        "quotas",
        "received",
        "vendor_says",
    )

    def __init__(self) -> None:
        self.proved_at = 0.0
        self._received_now: float | None = None
        # Both are replaced as a whole, so that the many without a quota share what is empty.
        self.buckets: Mapping[str, str] = NO_BUCKETS
        self.every: float | None = None
        self.vendor_says: VendorWord | None = None
        self.credential: CredentialNotice | None = None
        self.received: WebhookReceipt | None = None
        self.quotas: Mapping[str, QuotaSample] = _NO_QUOTAS

    def hear(self, signal: QuotaSample | CredentialNotice | WebhookReceipt, *, now: float) -> None:
        """Take what a signal says; `now` is monotonic."""
        if type(signal) is QuotaSample:
            self.quotas = {**self.quotas, signal.bucket: signal}
        elif type(signal) is CredentialNotice:
            self.credential = signal
        elif type(signal) is WebhookReceipt and signal.verdict in {"accepted", "duplicate"}:
            self.received, self._received_now = signal, now

    @property
    def says_outage(self) -> bool:
        """Whether the vendor says that what we depend on is out."""
        return self.vendor_says is not None and self.vendor_says.indicator in OUTAGES

    @property
    def is_refused(self) -> bool:
        """Whether the last that was heard of the credential is that it does not work, and no check has
        succeeded since.
        """
        notice = self.credential
        return notice is not None and notice.event in _REFUSED and notice.at >= self.proved_at

    def support(self, state: Health) -> Iterator[Evidence]:
        """What makes a failed check that looks like `state` more believable."""
        if self.says_outage and state is Health.DOWN:
            yield Evidence.VENDOR
        if self.is_refused and state is Health.UNAUTHORIZED:
            yield Evidence.CREDENTIAL

    def support_of(self, state: Health, *, is_failing_live: bool) -> int:
        """How much else speaks for a check that looks like `state`, live calls that fail among it."""
        if state is Health.UP:
            return 0
        live = is_failing_live and state is Health.DOWN
        return live + sum(1 for _ in self.support(state))

    def used_up(self, capability: str, *, at: float) -> Finding | None:
        """Whether the quota that a capability draws on is used up for a minute or longer."""
        sample = self.quotas.get(self.buckets.get(capability, ""))
        ends = _ends(sample) if sample is not None else None
        if sample is None or ends is None or ends <= at:
            return None
        if ends - sample.at < LEAST_WAIT:
            return None
        named = f"The quota {sample.bucket}" if sample.bucket else "The quota"
        return Finding(
            source=QUOTA,
            evidence=Evidence.QUOTA,
            state=Health.THROTTLED,
            reason=f"{named} is used up, for {_length(ends - at)} more.",
        )

    def knows_quota(self, capability: str) -> bool:
        """Whether the vendor has told of the quota that a capability draws on, or taken a check, since the
        start; before, what was known then holds.
        """
        return self.proved_at > 0 or self.buckets.get(capability, "") in self.quotas

    def silence(self, *, now: float, was_silent: bool) -> Finding | None:
        """Whether webhooks stay away longer than is expected (`now` is monotonic). The time before the first
        look does not count; what was silent before a restart is so until one comes.
        """
        if self.every is None:
            return None
        if self._received_now is None:
            self._received_now = now
        quiet = now - self._received_now
        if quiet <= self.every and not (was_silent and self.received is None):
            return None
        return Finding(
            source=SILENCE,
            evidence=Evidence.WEBHOOK,
            state=Health.DEGRADED,
            reason=f"No webhook came for {_length(max(quiet, self.every))}; one is expected every "
            f"{_length(self.every)}.",
        )


def missing(seconds: float) -> Finding:
    """Nothing was heard for so long that how a capability is can no longer be known."""
    return Finding(
        source=NO_DATA,
        evidence=Evidence.CHECK,
        state=Health.UNKNOWN,
        reason=f"No check has answered for {_length(seconds)}.",
    )


def _ends(sample: QuotaSample) -> float | None:
    """Until when nothing is allowed; None while something is."""
    waits = [sample.throttled_until] if sample.throttled_until is not None else []
    if sample.remaining is not None and sample.remaining <= 0 and sample.reset_at is not None:
        waits.append(sample.reset_at)
    return max(waits, default=None)


def _length(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5_400 else f"{seconds / 3_600:.1f} h"
