"""The bodies of /v2/incidents."""

from typing import Annotated

import msgspec

from app.api.bodies import ExpiresIn, Reason
from app.desks.incidents import IncidentDesk
from integrations.signals import Health
from monitors.alerts.decisions import Decision
from monitors.incident import Acknowledgement, Impact, Incident
from monitors.incidents import MOST_TEXT

NoteText = Annotated[
    str,
    msgspec.Meta(
        max_length=MOST_TEXT, description="What is to be known.", examples=["rolled back the proxy"]
    ),
]
Link = Annotated[
    str,
    msgspec.Meta(
        max_length=2048,
        pattern=r"^https?://[^\s<>\"]+$",
        description="Where more is told.",
    ),
]


class IncidentSummary(msgspec.Struct, frozen=True, kw_only=True):
    """An incident without its timeline; `parent` is the id of the one that explains it."""

    id: str
    integration: str
    vendor: str
    state: Health
    reason: str
    began_at: float
    opened_at: float
    resolved_at: float | None
    parent: str
    flapping: bool
    reopened: int
    vendor_says: str
    acknowledgement: Acknowledgement | None
    impact: Impact | None


class IncidentList(msgspec.Struct, frozen=True, kw_only=True):
    """Incidents, the newest first; `next` is the `before` of the next page, or null. `open` counts all that
    go on.
    """

    incidents: tuple[IncidentSummary, ...]
    open: int
    next: float | None = None


class AlertInBrief(msgspec.Struct, frozen=True, kw_only=True):
    """An alert that tells of an incident now."""

    fingerprint: str
    name: str
    severity: str
    phase: str


class IncidentDetail(msgspec.Struct, frozen=True, kw_only=True):
    """An incident in full; `decisions` say why somebody was told of it or was not, the newest first. `alerts`
    are those that tell of it now, `explains` the ids of open incidents that it explains.
    """

    incident: Incident
    decisions: tuple[Decision, ...]
    alerts: tuple[AlertInBrief, ...] = ()
    explains: tuple[IncidentSummary, ...] = ()


class AcknowledgeRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why it is acknowledged, and for how long (without: a day); it ends with the incident in any case."""

    reason: Reason
    expires_in: ExpiresIn | None = None


class IncidentOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why."""

    reason: Reason


class NoteRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is written into the timeline: a text, a link, or both."""

    text: NoteText = ""
    link: Link | None = None


def summary_of(incident: Incident) -> IncidentSummary:
    """An incident without its timeline."""
    return IncidentSummary(**{name: getattr(incident, name) for name in IncidentSummary.__struct_fields__})


async def detail_of(desk: IncidentDesk, incident: Incident) -> IncidentDetail:
    """An incident in full."""
    return IncidentDetail(
        incident=incident,
        decisions=tuple(await desk.decisions(incident.id)),
        alerts=tuple(
            AlertInBrief(
                fingerprint=row.alert.fingerprint,
                name=row.alert.labels.get("alertname", ""),
                severity=row.alert.labels.get("severity", ""),
                phase=row.phase.value,
            )
            for row in desk.alerts(incident.id)
        ),
        explains=tuple(map(summary_of, desk.explained_by(incident.id))),
    )
