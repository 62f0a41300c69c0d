"""An incident: from the confirmed bad state until the confirmed recovery of one integration or capability."""

import msgspec

from integrations.execution.outcome import FailureKind
from integrations.signals import Evidence, Health


class Acknowledgement(msgspec.Struct, frozen=True, kw_only=True):
    """Who works on it since when, and until when that holds (UTC seconds; None: until it is resolved)."""

    actor: str
    at: float
    reason: str = ""
    expires_at: float | None = None


class TimelineEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened in an incident: `event` is opened, worsened, eased, evidence, vendor_notice,
    explained, flapping, steady, paused, acknowledged, unacknowledged, note, link, notified, suppressed,
    reopened or resolved; `text` is one sentence for a person.
    """

    at: float
    event: str
    text: str
    actor: str = ""
    link: str = ""


class Impact(msgspec.Struct, frozen=True, kw_only=True):
    """What it cost callers since it began: runs with origin traffic, those that failed or were rejected, the
    callers met (most affected first, at most ten). `source` is `memory` at first and `analytics` afterwards.
    """

    calls: int
    failures: int
    rejected: int
    callers: tuple[str, ...] = ()
    source: str = "memory"


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """One incident. `capability` is empty for the integration as a whole; `began_at` is when the first
    evidence was seen, `opened_at` when it was confirmed. `parent` is the id of the incident that explains
    this one (the egress, the vendor, a declared dependency). While it is `flapping` it stays open, whatever
    `state` is; `reopened` is how often it began again soon after its end. `is_root`: it is a root cause's own
    incident, and `integration` is that cause's key. `version` rises with every change.
    """

    id: str
    integration: str
    vendor: str
    capability: str
    state: Health
    evidence: Evidence
    reason: str
    began_at: float
    opened_at: float
    kind: FailureKind | None = None
    resolved_at: float | None = None
    parent: str = ""
    vendor_says: str = ""
    acknowledgement: Acknowledgement | None = None
    timeline: tuple[TimelineEntry, ...] = ()
    impact: Impact | None = None
    flapping: bool = False
    reopened: int = 0
    is_root: bool = False
    version: int = 1

    @property
    def is_open(self) -> bool:
        """Whether it goes on."""
        return self.resolved_at is None
