"""Escalation: further receivers that are told while nobody acknowledges."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from monitors.alerts.routing import Branch, RoutingTree
from monitors.alerts.settings import Escalation


class Place(NamedTuple):
    """A receiver's place on a branch: level 0 is the branch's own, told after the group's wait; the others
    are told `after` seconds from its first notification. In `quiet_hours` only critical alerts climb.
    `about` names the receiver that this one stands in for, in alerts about it.
    """

    branch: Branch
    receiver: str
    level: int = 0
    after: float = 0.0
    quiet_hours: tuple[str, ...] = ()
    about: str = ""


class Chains:
    """All receivers of all branches of a tree. `stand_ins` names, for each receiver, who is told of what
    concerns that receiver itself.
    """

    def __init__(
        self, tree: RoutingTree, escalations: Sequence[Escalation], *, stand_ins: Mapping[str, str]
    ) -> None:
        self._stand_ins = stand_ins
        by_name = {each.name: each for each in escalations}
        self._places: dict[tuple[str, str], tuple[Place, ...]] = {}
        self._by_receiver: dict[tuple[str, str], Place] = {}
        for branch in tree.branches():
            places = tuple(_chain(branch, by_name.get(branch.escalation)))
            self._places.setdefault((branch.key, branch.receiver), places)
            for place in places:
                self._by_receiver.setdefault((branch.key, place.receiver), place)
        for branch in tree.branches():
            if branch.receiver in stand_ins:
                place = self._stand_in(branch)
                self._by_receiver.setdefault((branch.key, place.receiver), place)

    def places(self, branch: Branch, *, about: str = "") -> tuple[Place, ...]:
        """Who is told on a branch, level 0 first; `about` is the receiver that an alert is about, which is
        never told of it itself.
        """
        places = self._places[branch.key, branch.receiver]
        if not about:
            return places
        others = tuple(place for place in places if place.receiver != about)
        if branch.receiver == about and about in self._stand_ins:
            return (self._stand_in(branch), *others)
        return others

    def _stand_in(self, branch: Branch) -> Place:
        return Place(branch, self._stand_ins[branch.receiver], about=branch.receiver)

    def find(self, route: str, receiver: str) -> Place | None:
        """The place of a receiver on the branch of this key; None when it has none any more."""
        return self._by_receiver.get((route, receiver))


def _chain(branch: Branch, escalation: Escalation | None) -> list[Place]:
    places = [Place(branch, branch.receiver)]
    for number, level in enumerate(escalation.levels if escalation else (), start=1):
        places += [
            Place(branch, receiver, number, level.after, escalation.quiet_hours if escalation else ())
            for receiver in level.receivers
            if receiver != branch.receiver
        ]
    return places
