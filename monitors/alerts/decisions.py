"""Decisions: why a receiver was told of something, or was not; kept, so that it can be explained."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

import msgspec

from monitors.alerts.group import Group, GroupID
from monitors.alerts.outbox import Message
from monitors.incident import Incident, TimelineEntry


class Verdict(StrEnum):
    """What became of a notification that was due."""

    SENT = "sent"
    DIGESTED = "digested"
    SILENCED = "silenced"
    MAINTENANCE = "maintenance"
    INHIBITED = "inhibited"
    ACKNOWLEDGED = "acknowledged"
    MUTED = "muted"
    HELD = "held"
    UNWANTED = "unwanted"
    OVER = "over"


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """One decision about alerts of one group for one receiver. `alerts` are their fingerprints, `incidents`
    the incidents they tell of. `cause` names what decided (a silence's id, a parent, a time interval), and
    `reason` is one sentence for a person. `message` is the id of what was sent. Times are UTC seconds.
    """

    at: float
    group_key: str
    receiver: str
    verdict: Verdict
    reason: str
    cause: str = ""
    level: int = 0
    message: str = ""
    alerts: tuple[str, ...] = ()
    incidents: tuple[str, ...] = ()


class Flush(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided at one moment, as rows of one unit: groups as they are now, messages for the outbox,
    decisions, and what the timelines of incidents say of it. `forgotten` are groups to delete; `incidents`
    are filled in by who owns them, with the timeline's entries.
    """

    groups: tuple[Group, ...] = ()
    messages: tuple[Message, ...] = ()
    decisions: tuple[Decision, ...] = ()
    timeline: tuple[tuple[str, TimelineEntry], ...] = ()
    forgotten: tuple[GroupID, ...] = ()
    incidents: tuple[Incident, ...] = ()


class DecisionReader(Protocol):
    """Reads what was decided."""

    async def decisions(self, incident: str, *, limit: int) -> Sequence[Decision]:
        """Return the decisions about an incident, newest first."""
        ...
