"""A group: the alerts that one receiver is told of together, and what it has been told of them."""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from monitors.alerts.alert import Alert
from monitors.alerts.notification import Reason

CRITICAL = "critical"
"""The value of the label `severity` that pages."""


class Notified(msgspec.Struct, frozen=True, kw_only=True):
    """What a receiver was told last: the entry of the notification log.

    `firing` are the fingerprints it takes to be firing, `began_at` when it was told of the first of these.
    `digested`: it heard of them in a digest only, and of their end it hears in one too.
    """

    at: float
    began_at: float
    reason: Reason
    firing: tuple[str, ...] = ()
    digested: bool = False


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """The alerts of one route with the same group labels, for one receiver.

    `key` is Alertmanager's group key, `route` the branch's. `level` is the escalation level its receiver is
    told at. `due_at` is when it must be looked at next (seconds of SteadyClock.now(), None: nothing waits).
    `pending` is why the receiver is to be told, `pending_since` since when; `retry_at` is when what was held
    back is looked at again. `sequence` counts the notifications so far, and `suppressed` says what was in the
    way at the last look (`verdict cause fingerprint`). `crowded_since` is since when it waits for a digest;
    `recent` are the times of its own notifications within the last minute, for the storm guard.
    """

    key: str
    route: str
    receiver: str
    labels: Mapping[str, str]
    alerts: tuple[Alert, ...] = ()
    level: int = 0
    due_at: float | None = None
    pending: Reason | None = None
    pending_since: float | None = None
    retry_at: float | None = None
    sequence: int = 0
    notified: Notified | None = None
    suppressed: tuple[str, ...] = ()
    crowded_since: float | None = None
    recent: tuple[float, ...] = ()

    @property
    def id(self) -> "GroupID":
        """What tells it from all others."""
        return GroupID(self.key, self.receiver)

    @property
    def withheld(self) -> AbstractSet[str]:
        """The fingerprints of which the last look found that something is in the way."""
        return frozenset(each.rsplit(" ", 1)[1] for each in self.suppressed)

    @property
    def told(self) -> AbstractSet[str]:
        """The fingerprints its receiver takes to be firing."""
        return frozenset(self.notified.firing) if self.notified else frozenset()


class GroupID(NamedTuple):
    """The group key and the receiver."""

    key: str
    receiver: str


class News(NamedTuple):
    """What a receiver does not know yet, as fingerprints: alerts that fire and it was not told of, alerts
    that it takes to be firing and ended, and those it knows of that go on.
    """

    new: AbstractSet[str]
    ended: AbstractSet[str]
    still: AbstractSet[str]

    @property
    def reason(self) -> Reason | None:
        """Why a notification is due; None when there is nothing new. Never a resolve for what was never
        notified.
        """
        if self.new:
            return Reason.NEW_ALERTS if self.still or self.ended else Reason.FIRST
        if self.ended:
            return Reason.SOME_RESOLVED if self.still else Reason.ALL_RESOLVED
        return None


def fires_for(told: AbstractSet[str], alerts: Mapping[str, Alert]) -> AbstractSet[str]:
    """The fingerprints of alerts that fire, as far as a receiver is concerned that was told of some: what
    fires on only because it may begin again is no news.
    """
    return {each for each, alert in alerts.items() if alert.is_firing and (each in told or not alert.may_end)}


def news(firing: AbstractSet[str], told: AbstractSet[str]) -> News:
    """Compare what fires with what a receiver was told."""
    return News(new=firing - told, ended=told - firing, still=told & firing)


def is_critical(alerts: Iterable[Alert]) -> bool:
    """Whether one of them is of severity critical."""
    return any(alert.labels.get("severity") == CRITICAL for alert in alerts)


def taken_up(group: Group, *, now: float) -> Group:
    """A stored group without a moment that lies ahead: a wall clock that was set back before the start would
    keep everything waiting for as long as it was set back.
    """
    told = group.notified
    return replace(
        group,
        pending_since=_past(group.pending_since, now),
        crowded_since=_past(group.crowded_since, now),
        recent=tuple(min(at, now) for at in group.recent),
        notified=told and replace(told, at=min(told.at, now), began_at=min(told.began_at, now)),
    )


def _past(moment: float | None, now: float) -> float | None:
    return None if moment is None else min(moment, now)
