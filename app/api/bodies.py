"""The shapes of requests and answers: what OpenAPI describes and programs may rely on.

Times are UTC seconds since 1970, durations are seconds.
"""

from typing import Annotated, Literal

import msgspec

from integrations.connection import Labels
from integrations.credentials.state import CredentialState
from integrations.drift import DriftStatus
from integrations.endings import Ending
from integrations.execution.injection import LONGEST, MOST_FAULTS, Fault, Injection
from integrations.execution.outcome import Effect
from integrations.execution.status import BreakerStatus, LineStatus
from integrations.signals import Health, OperatorAction
from monitors.report import CapabilityHealth, IntegrationHealth, Pause, VendorWord

DAY = 86_400.0

Reason = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=500,
        pattern=r"[^\s\x1c-\x1f]",
        description="Why, for whoever looks at it later.",
        examples=["vendor announced maintenance"],
    ),
]
ExpiresIn = Annotated[
    float,
    msgspec.Meta(
        ge=1, le=30 * DAY, description="Seconds after which it undoes itself; without: never.", examples=[900]
    ),
]
Timeout = Annotated[
    float, msgspec.Meta(ge=0.01, le=600, description="Seconds that the whole action may take.", examples=[5])
]
IdempotencyKey = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="Lets a write be repeated safely, where the vendor has such keys.",
    ),
]


class IntegrationSummary(msgspec.Struct, frozen=True, kw_only=True):
    """An integration and how it is. `advice` says what to do, or is empty; `breakers` are those that are not
    closed.
    """

    id: str
    vendor: str
    vendor_name: str
    labels: Labels
    state: Health
    since: float
    reason: str
    advice: str
    needs_attention: bool
    capabilities: tuple[CapabilityHealth, ...]
    pause: Pause | None = None
    breakers: tuple[BreakerStatus, ...] = ()
    vendor_says: VendorWord | None = None
    fault: Injection | None = None


class IntegrationList(msgspec.Struct, frozen=True, kw_only=True):
    """The integrations that match, ordered by id; `total` counts all that are configured,
    `open_incidents` the incidents that go on, `receivers` those who can be told of them.
    """

    integrations: tuple[IntegrationSummary, ...]
    total: int
    needing_attention: int
    open_incidents: int = 0
    receivers: int = 0


class ActionSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that can be done through an integration. `scopes` are the permissions it needs,
    `missing_scopes` those that the credential is known to lack.
    """

    name: str
    title: str
    effect: Effect
    capabilities: tuple[str, ...]
    scopes: tuple[str, ...] = ()
    missing_scopes: tuple[str, ...] = ()


class IntegrationDetail(msgspec.Struct, frozen=True, kw_only=True):
    """An integration, how it is, what it can do and under which limits its calls run now. `endings` are what
    its vendor is about to end, `drift` is where answers no longer fit the vendor's contract, `granted` the
    scopes that its credential has (null while the vendor has not told).
    """

    integration: IntegrationSummary
    actions: tuple[ActionSummary, ...]
    line: LineStatus
    endings: tuple[Ending, ...] = ()
    drift: tuple[DriftStatus, ...] = ()
    granted: tuple[str, ...] | None = None


class IntegrationStatusBody(msgspec.Struct, frozen=True, kw_only=True):
    """An integration's health, and its limits now: breakers, quotas, calls in flight."""

    integration: str
    vendor: str
    health: IntegrationHealth
    line: LineStatus


class ActionRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to do an action: `params` are the inputs its vendor's manifest names."""

    params: dict[str, object] = {}
    timeout: Timeout | None = None
    idempotency_key: IdempotencyKey | None = None


class BreakerRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why a breaker is operated, for how long, and which (without capability: all of the integration's)."""

    reason: Reason
    capability: str | None = None
    expires_in: ExpiresIn | None = None


class PauseRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why checks are paused, and for how long."""

    reason: Reason
    expires_in: ExpiresIn | None = None


class FaultRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which faults are injected, why, and for how many seconds."""

    reason: Reason
    expires_in: Annotated[
        float, msgspec.Meta(ge=1, le=LONGEST, description="Seconds after which it ends.", examples=[900])
    ]
    faults: Annotated[list[Fault], msgspec.Meta(min_length=1, max_length=MOST_FAULTS)]


class FaultBody(msgspec.Struct, frozen=True, kw_only=True):
    """What is injected into an integration now, if anything."""

    integration: str
    fault: Injection | None = None


class FaultList(msgspec.Struct, frozen=True, kw_only=True):
    """The integrations that faults are injected into now, and whether the configuration allows any."""

    allowed: bool
    faults: tuple[FaultBody, ...]


class ReloadRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether the file is applied, or with `dry_run` only compared with what runs."""

    mode: Literal["apply", "dry_run"] = "apply"


class ResumeRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why checks start again."""

    reason: Reason


class VendorInput(msgspec.Struct, frozen=True, kw_only=True):
    """One input of an action."""

    name: str
    type: str
    required: bool
    description: str
    enum: tuple[str, ...] = ()


class VendorAction(msgspec.Struct, frozen=True, kw_only=True):
    """One thing a vendor can do."""

    name: str
    title: str
    effect: Effect
    capabilities: tuple[str, ...]
    inputs: tuple[VendorInput, ...]


class VendorBody(msgspec.Struct, frozen=True, kw_only=True):
    """A third party that Dialtone can call, with the ways to authenticate and all its actions."""

    id: str
    name: str
    docs: str
    lifecycle: str
    auth: tuple[str, ...]
    config: tuple[str, ...]
    webhooks: bool
    actions: tuple[VendorAction, ...]


class VendorList(msgspec.Struct, frozen=True, kw_only=True):
    """The catalogue, ordered by id."""

    vendors: tuple[VendorBody, ...]


class OperationList(msgspec.Struct, frozen=True, kw_only=True):
    """What operators did, the newest first."""

    operations: tuple[OperatorAction, ...]


class CredentialList(msgspec.Struct, frozen=True, kw_only=True):
    """What integrations authenticate with, in the order of the configuration."""

    credentials: tuple[CredentialState, ...]


class CredentialRefresh(msgspec.Struct, frozen=True, kw_only=True):
    """What became of renewing a credential: `ok`, or `detail` says why not and what to do."""

    ok: bool
    detail: str
    credentials: tuple[CredentialState, ...]


class Alive(msgspec.Struct, frozen=True, kw_only=True):
    """Dialtone answers."""

    status: str = "ok"


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """Whether Dialtone can do its work: `ok`, or why not. Analytics may be down without making it unready."""

    status: str
    storage: str
    analytics: str
