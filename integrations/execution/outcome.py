"""A call's result as a value, and what kinds of failure there are.

FailureKind      what went wrong          health        breaker   retry
timeout          no answer in time        down          failure   idempotent only
connection       refused, reset, cut      down          failure   any, when no byte was sent
tls, dns         before the request       down          failure   any
server_error     500 502 503 504 408 425  down          failure   idempotent only (501 505: no, success)
throttled        429 and vendors' forms   throttled     neither   after the vendor's wait
unauthorized     401                      unauthorized  neither   once, with a fresh credential
forbidden        403                      unauthorized  neither   no
not_found        404 410                  unknown       success   no
client_error     other 4xx                unknown       success   no
malformed        the body is not readable down          failure   idempotent only
vendor_error     a 200 that says no       down          failure   as the manifest says
expectation      a condition is not met   down          failure   no
too_large        over the body cap        down          success   no
rejected         by us, locally           no evidence   never     no
cancelled        the caller went away     no evidence   never     no
"""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from integrations.execution.trace import TraceEvent


class FailureKind(StrEnum):
    """Why a call failed; the closed list behind metrics, health and HTTP answers."""

    TIMEOUT = "timeout"
    CONNECTION = "connection"
    TLS = "tls"
    DNS = "dns"
    THROTTLED = "throttled"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    CLIENT_ERROR = "client_error"
    SERVER_ERROR = "server_error"
    MALFORMED = "malformed"
    VENDOR_ERROR = "vendor_error"
    EXPECTATION = "expectation"
    TOO_LARGE = "too_large"
    REJECTED = "rejected"
    CANCELLED = "cancelled"


class RejectReason(StrEnum):
    """Which local limit refused a call."""

    OPEN_CIRCUIT = "open_circuit"
    QUOTA = "quota"
    BULKHEAD = "bulkhead"
    DEADLINE = "deadline"
    SHUTDOWN = "shutdown"
    CREDENTIAL = "credential"


class Source(StrEnum):
    """Where an answer came from."""

    LIVE = "live"
    SHARED = "shared"
    STALE = "stale"
    FALLBACK = "fallback"


class Origin(StrEnum):
    """On whose behalf a call is made. Usage counts traffic only."""

    TRAFFIC = "traffic"
    CHECK = "check"
    DELIVERY = "delivery"
    EXPORT = "export"
    CREDENTIAL = "credential"
    STATUS = "status"


class Effect(StrEnum):
    """Whether an action changes something at the vendor."""

    READ = "read"
    WRITE = "write"


class Attempt(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One try of one request.

    `start` is seconds after the call began, `duration` seconds on the wire, waits not included.
    `kind` is None for success, `status` is None when no answer came. `injected`: an operator's fault struck
    it.
    """

    start: float
    duration: float
    kind: FailureKind | None = None
    status: int | None = None
    injected: bool = False


class Phases(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """How long each part of one request over a connection of its own took, in seconds; cold.py says from when
    to when. None: there was no such part.
    """

    dns: float | None = None
    connect: float | None = None
    tls: float | None = None
    first_byte: float | None = None
    transfer: float | None = None


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a call.

    `kind` is None exactly when the call succeeded. `detail` is one sentence for a person, without secret,
    query string or body. `code` is the vendor's own error word (`channel_not_found`). `retry_after` is in
    seconds. `data` is the decoded answer (JSON values, or text), `headers` have lower-case names; both are
    empty on failure unless the vendor sent them. `phases` are those of a check over a connection of its own,
    `certificate_ends_at` (UTC seconds) is the end of the server's certificate where the call asked for it.
    `age` is how many seconds ago a stale answer was live, `trace` what happened on the way, where that was
    asked for.
    """

    kind: FailureKind | None = None
    status: int | None = None
    detail: str = ""
    code: str = ""
    reason: RejectReason | None = None
    retry_after: float | None = None
    data: object = None
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    attempts: tuple[Attempt, ...] = ()
    duration: float = 0.0
    source: Source = Source.LIVE
    call_id: str = ""
    run_id: str = ""
    phases: Phases | None = None
    certificate_ends_at: float | None = None
    age: float | None = None
    trace: tuple[TraceEvent, ...] | msgspec.UnsetType = msgspec.UNSET

    @property
    def ok(self) -> bool:
        """Whether the call succeeded."""
        return self.kind is None
