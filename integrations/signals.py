"""The signals: everything that happens in Dialtone, as frozen values in one tagged union.

Bus, exporters and DuckDB tables all speak these. `at` is UTC seconds since 1970; durations are seconds. A
field holds nothing secret, no query string and no body. Adding a field needs a default, so that rows written
before still decode.
"""

from enum import StrEnum

import msgspec

from integrations.execution.outcome import Attempt, Effect, FailureKind, Origin, Phases, RejectReason, Source


class BreakerState(StrEnum):
    """What a circuit breaker does with calls; shadow counts and never rejects."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"
    FORCED_OPEN = "forced_open"
    DISABLED = "disabled"
    SHADOW = "shadow"


class Health(StrEnum):
    """How an integration, or one capability of it, is."""

    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"
    THROTTLED = "throttled"
    UNAUTHORIZED = "unauthorized"
    UNKNOWN = "unknown"
    PAUSED = "paused"


class Evidence(StrEnum):
    """What a health verdict rests on."""

    CHECK = "check"
    TRAFFIC = "traffic"
    BREAKER = "breaker"
    REPORTED = "reported"
    OPERATOR = "operator"
    QUOTA = "quota"
    CREDENTIAL = "credential"
    WEBHOOK = "webhook"
    HEARTBEAT = "heartbeat"
    VENDOR = "vendor"


class Indicator(StrEnum):
    """How a vendor says that it is, on its status page."""

    OPERATIONAL = "operational"
    MAINTENANCE = "maintenance"
    DEGRADED = "degraded"
    PARTIAL_OUTAGE = "partial_outage"
    MAJOR_OUTAGE = "major_outage"


class _Signal(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag_field="signal"):
    """What all signals carry. `seq` is given by the bus: rising by one within a process. The collector of
    garbage need not walk them: data forms no rings.
    """

    at: float
    seq: int = 0


class CallRecord(_Signal, frozen=True, kw_only=True, tag="call_record"):
    """One request through the executor, with all its attempts.

    `run_id` names the action it belongs to (an action may take several requests), `step` says which
    (`page-2`, `request`). `queued` is the time spent waiting for quota and bulkhead. `breaker_state` is the
    state that admitted or refused it. `injected`: an operator's fault struck an attempt of it. `method` and
    `server` (`https://api.example.com`) are the last request's, told of calls that are traced. Holds all that
    a replay of a policy needs.
    """

    call_id: str
    run_id: str
    integration: str
    vendor: str
    action: str
    capability: str
    effect: Effect
    origin: Origin
    caller: str = ""
    step: str = "request"
    kind: FailureKind | None = None
    reason: RejectReason | None = None
    status: int | None = None
    code: str = ""
    detail: str = ""
    source: Source = Source.LIVE
    duration: float = 0.0
    queued: float = 0.0
    retry_after: float | None = None
    attempts: tuple[Attempt, ...] = ()
    breaker_state: BreakerState = BreakerState.CLOSED
    request_bytes: int = 0
    response_bytes: int = 0
    trace_id: str = ""
    span_id: str = ""
    parent_span_id: str = ""
    sampled: bool = False
    method: str = ""
    server: str = ""
    injected: bool = False


class CheckResult(_Signal, frozen=True, kw_only=True, tag="check_result"):
    """One synthetic probe and its result; `lag` is how late it started, `skipped` how many slots passed
    before it.

    `kind` and `detail` are the outcome's. `evidence_health` is what this result alone says; the confirmed
    health may differ. A check that did not run because the vendor asked for quiet has `ran` false. `phases`
    are told of one that had a connection of its own, `certificate_ends_at` (UTC seconds) of one over TLS.
    `injected`: an operator's fault struck it.
    """

    integration: str
    vendor: str
    capability: str
    action: str
    run_id: str = ""
    ran: bool = True
    kind: FailureKind | None = None
    status: int | None = None
    code: str = ""
    detail: str = ""
    duration: float = 0.0
    lag: float = 0.0
    skipped: int = 0
    evidence_health: Health = Health.UNKNOWN
    phases: Phases | None = None
    certificate_ends_at: float | None = None
    injected: bool = False


class BreakerTransition(_Signal, frozen=True, kw_only=True, tag="breaker_transition"):
    """A breaker changed its state; counts are those of the window that decided."""

    integration: str
    vendor: str
    capability: str
    before: BreakerState
    after: BreakerState
    reason: str
    actor: str = ""
    calls: int = 0
    failures: int = 0
    slow: int = 0
    open_seconds: float = 0.0


class QuotaSample(_Signal, frozen=True, kw_only=True, tag="quota_sample"):
    """What the vendor said is left in one bucket; `reset_at` is UTC seconds."""

    integration: str
    vendor: str
    bucket: str
    limit: float | None = None
    remaining: float | None = None
    reset_at: float | None = None
    throttled_until: float | None = None


class Ground(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One piece of evidence that a verdict rests on, or that was weighed with it.

    `age` is how many seconds before the verdict it was seen, `says` the state it points to (None: none by
    itself), `weight` its share of what confirms that state: with 1 in sum it is confirmed.
    """

    source: Evidence
    text: str
    age: float
    weight: float = 0.0
    says: Health | None = None


class HealthChange(_Signal, frozen=True, kw_only=True, tag="health_change"):
    """A confirmed change of health; `capability` is empty for the integration as a whole.

    `since` is when the first evidence of the new state was seen, `grounds` all evidence there was. While a
    capability is `flapping` it is held degraded. Stored before it is published.
    """

    integration: str
    vendor: str
    capability: str
    before: Health
    after: Health
    evidence: Evidence
    reason: str
    since: float
    kind: FailureKind | None = None
    flapping: bool = False
    grounds: tuple[Ground, ...] = ()


class CredentialNotice(_Signal, frozen=True, kw_only=True, tag="credential_notice"):
    """Something about a credential: `rejected`, `reread` (its file gave a new value) or `reread_failed`."""

    integration: str
    vendor: str
    event: str
    detail: str = ""
    credential: str = ""
    expires_at: float | None = None


class VendorNotice(_Signal, frozen=True, kw_only=True, tag="vendor_notice"):
    """What a vendor says of itself. `kind` status: its status page changed, for the `integrations` that
    depend on the same `components`; `started_at` and `announced_at` are by the vendor's word, `lag` is how
    many seconds after our own detection it said so (below 0: before). `kind` deprecation: an `action` (empty:
    the vendor as a whole) is to end, at `sunset_at` where a day is known, as `source` says: header or
    manifest. Times are UTC seconds.
    """

    vendor: str
    kind: str
    integrations: tuple[str, ...] = ()
    indicator: Indicator = Indicator.OPERATIONAL
    before: Indicator = Indicator.OPERATIONAL
    components: tuple[str, ...] = ()
    title: str = ""
    url: str = ""
    started_at: float | None = None
    announced_at: float | None = None
    lag: float | None = None
    action: str = ""
    sunset_at: float | None = None
    source: str = ""


class ContractDrift(_Signal, frozen=True, kw_only=True, tag="contract_drift"):
    """Answers of an action no longer fit the shape that the vendor's contract gives them, at `pointer`.

    `expected` and `found` are JSON types, never values; `seen` counts the answers since it was told last.
    """

    integration: str
    vendor: str
    action: str
    pointer: str
    expected: str
    found: str
    seen: int = 1


class WebhookReceipt(_Signal, frozen=True, kw_only=True, tag="webhook_receipt"):
    """An inbound webhook: verdict is `accepted`, `duplicate`, `handshake`, `bad_signature`, `stale`,
    `malformed` or `unverifiable` (the vendor's keys could not be fetched).

    `lag` is how many seconds after the vendor's own time it came, where the vendor tells it. `missing` is how
    many deliveries before it never came, where the vendor numbers them.
    """

    integration: str
    vendor: str
    event_type: str
    verdict: str
    webhook_id: str = ""
    detail: str = ""
    body_bytes: int = 0
    lag: float | None = None
    missing: int = 0


class IncidentChange(_Signal, frozen=True, kw_only=True, tag="incident_change"):
    """An incident was opened, worsened, eased, acknowledged, noted, reopened or resolved: `event` says which.

    `opened_at` is when it was confirmed, `resolved_at` when it ended. Stored before it is published.
    """

    incident: str
    integration: str
    vendor: str
    capability: str
    event: str
    state: Health
    opened_at: float
    reason: str = ""
    actor: str = ""
    parent: str = ""
    resolved_at: float | None = None


class DeliveryAttempt(_Signal, frozen=True, kw_only=True, tag="delivery_attempt"):
    """One try to deliver a message to a receiver. `result` is delivered, failed (it is tried again), dead,
    disabled or superseded. `status` is the answer's, `kind` why there was none or no good one. `lag` is the
    time since the message was decided on, `since_detection` that since the newest alert in it began, told of
    a delivered message that is the first to tell of it. Stored before it is published.
    """

    message: str
    receiver: str
    format: str
    type: str
    attempt: int
    result: str
    status: int | None = None
    kind: FailureKind | None = None
    detail: str = ""
    duration: float = 0.0
    lag: float = 0.0
    since_detection: float | None = None


class OperatorAction(_Signal, frozen=True, kw_only=True, tag="operator_action"):
    """What a person or program did: `action` such as `force_open`, `pause`; `expires_at` is UTC seconds."""

    actor: str
    action: str
    integration: str
    capability: str = ""
    reason: str = ""
    expires_at: float | None = None


class ConfigChange(_Signal, frozen=True, kw_only=True, tag="config_change"):
    """A configuration took effect: its sha256 and how many integrations it holds."""

    source: str
    sha256: str
    integrations: int
    version: str


class ObjectiveChange(_Signal, frozen=True, kw_only=True, tag="objective_change"):
    """The alert of an objective began, changed its severity or ended: `before` and `after` are severities,
    empty for none. `burn` is how many times as fast as allowed the budget is spent in the longer of the two
    `windows` (`5m/1h`) that fire, `budget_left` the share that is left; None where the objective is gone.
    """

    objective: str
    before: str
    after: str
    windows: str = ""
    burn: float | None = None
    budget_left: float | None = None


class HeartbeatReport(_Signal, frozen=True, kw_only=True, tag="heartbeat_report"):
    """A job said success, start, fail or log (`beat`) of a `run`: a digest of its name, empty for none."""

    heartbeat: str
    beat: str
    run: str = ""
    exit_status: int | None = None


class APIRequest(_Signal, frozen=True, kw_only=True, tag="api_request"):
    """One request that a client made to Dialtone; `route` is the template, never the URL."""

    method: str
    route: str
    status: int
    duration: float
    caller: str = ""


class QueryRun(_Signal, frozen=True, kw_only=True, tag="query_run"):
    """One analytics query: who asked what, and what it cost. `cpu` (seconds) and `statement` are of free SQL
    alone, whose `query` is "sql"; the statement is cut to 2,000 characters.
    """

    query: str
    caller: str
    duration: float
    rows: int
    error: str = ""
    cpu: float = 0.0
    statement: str = ""


Signal = (
    CallRecord
    | CheckResult
    | BreakerTransition
    | QuotaSample
    | HealthChange
    | CredentialNotice
    | VendorNotice
    | ContractDrift
    | WebhookReceipt
    | IncidentChange
    | DeliveryAttempt
    | OperatorAction
    | ConfigChange
    | ObjectiveChange
    | HeartbeatReport
    | APIRequest
    | QueryRun
)
