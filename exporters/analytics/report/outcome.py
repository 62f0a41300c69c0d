"""What a report holds. Times are UTC seconds, durations seconds, shares from 0 to 1."""

import msgspec

from exporters.analytics.report.period import Period


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Good and bad requests that count for availability."""

    good: int = 0
    bad: int = 0

    @property
    def ratio(self) -> float | None:
        """The share of good ones; None without any."""
        return self.good / (self.good + self.bad) if self.good + self.bad else None


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of which nothing was recorded at all."""

    start: float
    end: float


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """How much of the period was recorded: `hours` passed, `hours_seen` have a call or a check. `first_at` is
    the first call or check there was at all, None without any; before `counts_until` only counts by the hour
    are left of some, None where all is kept.
    """

    first_at: float | None
    counts_until: float | None
    hours: int
    hours_seen: int
    gaps: tuple[Gap, ...] = ()


class ObjectiveResult(msgspec.Struct, frozen=True, kw_only=True):
    """An objective over the period, counted as the live one counts. `budget_left` is the share of the error
    budget, below 0 when overspent; `met` is None without requests. `days` go with the period's days.
    """

    name: str
    objective: float
    latency_below: float | None
    counted: str
    integrations: tuple[str, ...]
    good: int
    bad: int
    ratio: float | None
    budget_left: float
    met: bool | None
    days: tuple[Part, ...]


class VendorObjective(msgspec.Struct, frozen=True, kw_only=True):
    """What one vendor gave under one objective."""

    name: str
    objective: float
    good: int
    bad: int
    ratio: float | None
    met: bool | None


class IntegrationAvailability(msgspec.Struct, frozen=True, kw_only=True):
    """How available one integration was. `p95` is of live calls, at most 2.5 % off; `seconds` is how long its
    confirmed health was in each state that is not up.
    """

    integration: str
    good: int
    bad: int
    ratio: float | None
    p95: float | None
    seconds: dict[str, float]


class VendorAvailability(msgspec.Struct, frozen=True, kw_only=True):
    """How available a vendor was, calls and checks together, worst integration first; `objectives` are those
    that cover one of its integrations.
    """

    vendor: str
    good: int
    bad: int
    ratio: float | None
    objectives: tuple[VendorObjective, ...]
    integrations: tuple[IntegrationAvailability, ...]
    days: tuple[Part, ...]


class IncidentLine(msgspec.Struct, frozen=True, kw_only=True):
    """One incident: `seconds` of it lie in the period; `failures` and `rejected` are runs of callers that
    failed or were refused while it lasted; `explained` counts the incidents that it is the cause of.
    """

    incident: str
    integration: str
    vendor: str
    state: str
    reason: str
    began_at: float
    opened_at: float
    resolved_at: float | None
    seconds: float
    parent: str = ""
    explained: int = 0
    reopened: int = 0
    acknowledged_by: str = ""
    acknowledged_after: float | None = None
    failures: int = 0
    rejected: int = 0
    callers: tuple[str, ...] = ()
    caller_count: int = 0


class Incidents(msgspec.Struct, frozen=True, kw_only=True):
    """All incidents of the period, worst first: most runs hit, then longest. `count` is that of causes of
    their own, `explained` of those that another explains; all else is of the former. `opened` counts those
    that began in the period, `before` those of the time compared with.
    """

    count: int
    opened: int
    before: int
    explained: int
    open: int
    seconds: float
    acknowledged: int
    acknowledged_median: float | None
    resolved_median: float | None
    lines: tuple[IncidentLine, ...]
    more: int = 0


class Growth(msgspec.Struct, frozen=True, kw_only=True):
    """Runs of one of many, now and in the time compared with: those that failed at the vendor, and those that
    Dialtone refused.
    """

    name: str
    runs: int
    failed: int
    refused: int
    before: int
    team: str = ""


class Use(msgspec.Struct, frozen=True, kw_only=True):
    """Who used what: runs of actions on behalf of callers. `before` is None where the time compared with was
    not recorded from its start; `days` are runs, failed and refused ones of each. `is_exact` is false where
    days of UTC stand for days of the zone, of which no calls are kept.
    """

    runs: int
    failed: int
    refused: int
    before: int | None
    callers: int
    days: tuple[tuple[int, int, int], ...]
    by_team: tuple[Growth, ...]
    by_caller: tuple[Growth, ...]
    by_integration: tuple[Growth, ...]
    is_exact: bool = True


class QuotaLine(msgspec.Struct, frozen=True, kw_only=True):
    """The least that a vendor said was left of a bucket, as a share of its limit where it told one;
    `throttled` is how long it asked for quiet.
    """

    integration: str
    vendor: str
    bucket: str
    share: float | None
    remaining: float | None
    limit: float | None
    at: float | None
    throttled: float


class CostLine(msgspec.Struct, frozen=True, kw_only=True):
    """What calls cost, by what was declared when they were made."""

    currency: str
    name: str
    cost: float
    before: float


class Costs(msgspec.Struct, frozen=True, kw_only=True):
    """By currency, by integration and by team; all empty where no integration declares a cost."""

    totals: tuple[CostLine, ...] = ()
    by_integration: tuple[CostLine, ...] = ()
    by_team: tuple[CostLine, ...] = ()


class DriftLine(msgspec.Struct, frozen=True, kw_only=True):
    """Answers that no longer fit the vendor's contract at one place."""

    vendor: str
    action: str
    pointer: str
    expected: str
    found: tuple[str, ...]
    seen: int
    first_at: float
    last_at: float


class CredentialLine(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to credentials of an integration: one event, how often, and what was said last."""

    integration: str
    credential: str
    event: str
    count: int
    detail: str
    last_at: float


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """Something that ends: `kind` is credential, certificate or a vendor's announced end (api)."""

    kind: str
    name: str
    ends_at: float
    detail: str = ""


class WebhookLine(msgspec.Struct, frozen=True, kw_only=True):
    """What one integration sent: accepted, refused, numbered ones that never came, and times of silence where
    webhooks were expected.
    """

    integration: str
    accepted: int
    duplicates: int
    refused: int
    missing: int
    silences: int
    silent: float


class ReceiverLine(msgspec.Struct, frozen=True, kw_only=True):
    """How messages to one receiver went: messages, those that arrived, tries that failed, and messages given
    up; `lag` is the median time from decision to delivery.
    """

    receiver: str
    messages: int
    delivered: int
    failed_tries: int
    dead: int
    lag: float | None


class StatusPage(msgspec.Struct, frozen=True, kw_only=True):
    """What a vendor's status page announced: how often, and the median of how many seconds after our own
    detection.
    """

    vendor: str
    notices: int
    lag: float | None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A whole report. `days` are the period's, as the zone counts them."""

    period: Period
    made_at: float
    recorded: Recorded
    objectives: tuple[ObjectiveResult, ...]
    vendors: tuple[VendorAvailability, ...]
    incidents: Incidents
    use: Use
    quotas: tuple[QuotaLine, ...]
    costs: Costs
    drifts: tuple[DriftLine, ...]
    credentials: tuple[CredentialLine, ...]
    endings: tuple[Ending, ...]
    webhooks: tuple[WebhookLine, ...]
    receivers: tuple[ReceiverLine, ...]
    status_pages: tuple[StatusPage, ...]
    days: tuple[str, ...]
