"""The bodies of /v2/alerts, /v2/silences, /v2/maintenance and /v2/routes."""

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

from app.api.bodies import Reason
from app.desks.alerts import AlertStatus, SeenAlert
from app.desks.silences import Planned, SilenceDesk
from monitors.alerts.silences import LONGEST_SECONDS, MOST_MATCHERS, Silence
from monitors.alerts.standing import Phase

Matchers = Annotated[
    list[str],
    msgspec.Meta(
        min_length=1,
        max_length=MOST_MATCHERS,
        description="Conditions on labels, all of which must hold: =, !=, =~ and !~ (RE2, whole value).",
    ),
]
Lasts = Annotated[
    float,
    msgspec.Meta(
        ge=1, le=LONGEST_SECONDS, description="Seconds it lasts; without: two hours.", examples=[7200]
    ),
]
SilenceKind = Literal["silence", "maintenance"]

LabelMap = Annotated[
    dict[str, str],
    msgspec.Meta(max_length=64, description="Labels of an alert.", examples=[{"vendor": "github"}]),
]


class AlertBody(msgspec.Struct, frozen=True, kw_only=True):
    """An alert as it stands: pending until it has held long enough, firing, ending. `receivers` are told of
    it, unless `status` names what keeps it quiet.
    """

    fingerprint: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    phase: Phase
    starts_at: float
    updated_at: float
    rule: str
    incident: str
    receivers: tuple[str, ...]
    status: AlertStatus
    link: str = ""


class AlertList(msgspec.Struct, frozen=True, kw_only=True):
    """Alerts, critical ones first, then the longest firing."""

    alerts: tuple[AlertBody, ...]


class SilenceRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What nobody is to be notified of, why, from when (UTC seconds; without: now) and for how long. One
    of the kind `maintenance` stands for planned work, which objectives leave out.
    """

    matchers: Matchers
    reason: Reason
    starts_at: float | None = None
    expires_in: Lasts | None = None
    kind: SilenceKind = "silence"


class ExpireRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why a silence is ended."""

    reason: Reason


class PreviewRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The matchers that a silence would have."""

    matchers: Matchers


class SilenceBody(msgspec.Struct, frozen=True, kw_only=True):
    """A silence. `state` is pending, active or expired; `matches` counts the alerts it holds for now."""

    id: str
    state: str
    matchers: tuple[str, ...]
    starts_at: float
    ends_at: float
    actor: str
    reason: str
    maintenance: bool
    matches: int


class SilenceList(msgspec.Struct, frozen=True, kw_only=True):
    """Silences, those that end last first."""

    silences: tuple[SilenceBody, ...]


class MaintenanceBody(msgspec.Struct, frozen=True, kw_only=True):
    """Maintenance that the configuration plans, and whether it holds now."""

    name: str
    matchers: tuple[str, ...]
    reason: str
    holds: bool


class MaintenanceList(msgspec.Struct, frozen=True, kw_only=True):
    """Planned maintenance, and silences that stand for planned work."""

    planned: tuple[MaintenanceBody, ...]
    silences: tuple[SilenceBody, ...]


class RouteRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The labels of an alert that need not exist."""

    labels: LabelMap


class RouteStep(msgspec.Struct, frozen=True, kw_only=True):
    """A route that was asked, and why it was taken or left."""

    route: str
    receiver: str
    taken: bool
    why: str


class RouteEnd(msgspec.Struct, frozen=True, kw_only=True):
    """Where alerts with these labels go: the receiver, the group they are told in, and its times."""

    route: str
    receiver: str
    group: str
    group_wait: float
    group_interval: float
    repeat_interval: float
    escalation: str


class RouteReport(msgspec.Struct, frozen=True, kw_only=True):
    """What the routing tree does with labels; without a route in the configuration nobody is told."""

    ends: tuple[RouteEnd, ...]
    steps: tuple[RouteStep, ...]


def alert_body(seen: SeenAlert) -> AlertBody:
    """An alert as it is shown."""
    alert, row = seen.alert, seen.standing
    return AlertBody(
        fingerprint=alert.fingerprint,
        labels=alert.labels,
        annotations=alert.annotations,
        phase=row.phase,
        starts_at=alert.starts_at,
        updated_at=alert.updated_at,
        rule=row.rule,
        incident=alert.incident,
        receivers=seen.receivers,
        status=seen.status,
        link=alert.link,
    )


def silence_body(desk: SilenceDesk, silence: Silence) -> SilenceBody:
    """A silence as it is shown."""
    return SilenceBody(
        id=silence.id,
        state=desk.state(silence).value,
        matchers=tuple(map(str, silence.matchers)),
        starts_at=silence.starts_at,
        ends_at=silence.ends_at,
        actor=silence.actor,
        reason=silence.comment,
        maintenance=silence.is_maintenance,
        matches=len(desk.matching(silence.matchers)),
    )


def maintenance_body(planned: Planned) -> MaintenanceBody:
    """A plan as it is shown."""
    plan = planned.plan
    return MaintenanceBody(name=plan.name, matchers=plan.matchers, reason=plan.reason, holds=planned.holds)
