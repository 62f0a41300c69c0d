"""Digests: what does not fit into a receiver's minute, told in one message."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from msgspec.structs import replace

from monitors.alerts.alert import Alert
from monitors.alerts.composing import Composer
from monitors.alerts.group import Group, Notified
from monitors.alerts.judging import Judgement
from monitors.alerts.notification import Reason
from monitors.alerts.outbox import Message

DIGEST_KEY = "{}:{digest}"
"""The group key of digests; no group of a route has it."""


class Waiting(NamedTuple):
    """A group that waits for a digest; `told` are the alerts to be told of, by fingerprint."""

    group: Group
    judgement: Judgement
    told: Mapping[str, Alert]


class Digests:
    """The digests of all receivers: each has one group, so that they are told in order."""

    def __init__(self) -> None:
        self._groups: dict[str, Group] = {}
        self.waiting: defaultdict[str, list[Waiting]] = defaultdict(list)

    def load(self, groups: Iterable[Group]) -> None:
        """Go on with stored ones."""
        self._groups = {group.receiver: group for group in groups}

    def add(self, waiting: Waiting) -> None:
        """Let a group wait for the next digest."""
        self.waiting[waiting.group.receiver].append(waiting)

    def take(self) -> dict[str, list[Waiting]]:
        """What waits, by receiver; afterwards nothing does."""
        taken = dict(self.waiting)
        self.waiting.clear()
        return taken

    def compose(
        self, receiver: str, alerts: Mapping[str, Alert], *, composer: Composer, now: float, at: float
    ) -> tuple[Group, Message]:
        """The next digest of a receiver, and the group that remembers it."""
        group = self._groups.get(receiver) or Group(key=DIGEST_KEY, route="", receiver=receiver, labels={})
        message = composer.message(group, tuple(alerts.values()), reason=Reason.DIGEST, at=at)
        notified = Notified(at=now, began_at=now, reason=Reason.DIGEST)
        self._groups[receiver] = replace(group, sequence=group.sequence + 1, notified=notified)
        return self._groups[receiver], message


def is_digest(group: Group) -> bool:
    """Whether a group stands for a receiver's digests."""
    return group.key == DIGEST_KEY


def is_digested(group: Group) -> bool:
    """Whether what a group's receiver takes to be firing was told in digests only."""
    return group.notified is not None and group.notified.digested and bool(group.told)
