"""The routing tree: which receivers are told of an alert, and which alerts they are told of together.

Words and meanings are Alertmanager's (docs/configuration.md of prometheus/alertmanager): the deepest matching
routes win, children are asked in order, `continue` asks the next sibling too, values not given are the
parent's.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import msgspec

from monitors.alerts.matchers import Matcher, all_match, parse_matcher, quote, written

MAX_DEPTH = 16
ALL_LABELS = "..."
"""In `group_by`: every label, so that each alert is a group of its own."""


class Route(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One node of the tree, as it is configured. Durations are seconds; None takes the parent's.

    `matchers` must all hold. `mute_time_intervals` and `active_time_intervals` name time intervals; they are
    not inherited. `escalation` names the chain of receivers that is taken up while nobody acknowledges.
    """

    receiver: str = ""
    matchers: tuple[str, ...] = ()
    group_by: tuple[str, ...] | None = None
    group_wait: float | None = None
    group_interval: float | None = None
    repeat_interval: float | None = None
    proceed: bool = msgspec.field(default=False, name="continue")
    mute_time_intervals: tuple[str, ...] = ()
    active_time_intervals: tuple[str, ...] = ()
    escalation: str | None = None
    routes: tuple["Route", ...] = ()


class Branch(NamedTuple):
    """A node with what it inherits. `key` names it as Alertmanager's routeKey does: `{}/{team="a"}`."""

    key: str
    receiver: str
    matchers: tuple[Matcher, ...]
    group_by: tuple[str, ...]
    group_wait: float | None
    group_interval: float
    repeat_interval: float
    proceed: bool
    mute_time_intervals: tuple[str, ...]
    active_time_intervals: tuple[str, ...]
    escalation: str
    children: tuple["Branch", ...]

    def group_labels(self, labels: Mapping[str, str]) -> dict[str, str]:
        """The labels that make the group of an alert, sorted by name."""
        names = labels if ALL_LABELS in self.group_by else self.group_by
        return {name: labels[name] for name in sorted(names) if name in labels}

    def group_key(self, labels: Mapping[str, str]) -> str:
        """What names the group for as long as it lives, as in Alertmanager's webhook."""
        inner = ", ".join(f"{name}={quote(value)}" for name, value in self.group_labels(labels).items())
        return f"{self.key}:{{{inner}}}"


class Step(NamedTuple):
    """One node that was asked on the way, and why it was taken or left."""

    key: str
    receiver: str
    taken: bool
    why: str


class RoutingTree:
    """A whole tree, ready to be asked.

    Raises:
        ValueError: naming the route and what is wrong with it.
    """

    def __init__(
        self,
        root: Route,
        *,
        group_by: tuple[str, ...] = ("vendor", "environment", "severity"),
        group_interval: float = 300.0,
        repeat_interval: float = 14_400.0,
    ) -> None:
        if root.matchers or root.proceed:
            raise ValueError("route: the root matches every alert: it takes neither matchers nor continue")
        if not root.receiver:
            raise ValueError(
                "route.receiver: the root needs a receiver, for alerts that no other route takes"
            )
        unset = Branch(
            key="",
            receiver="",
            matchers=(),
            group_by=group_by,
            group_wait=None,
            group_interval=group_interval,
            repeat_interval=repeat_interval,
            proceed=False,
            mute_time_intervals=(),
            active_time_intervals=(),
            escalation="",
            children=(),
        )
        self.root = _grown(root, parent=unset, place="route", depth=0)

    def match(self, labels: Mapping[str, str]) -> tuple[Branch, ...]:
        """The branches an alert goes to, at least one."""
        return tuple(_matching(self.root, labels))

    def explain(self, labels: Mapping[str, str]) -> tuple[Step, ...]:
        """Every node that is asked for these labels, in order."""
        return tuple(_explained(self.root, labels))

    def branches(self) -> Iterator[Branch]:
        """All nodes, parents first."""
        yield from _walk(self.root)


def _walk(branch: Branch) -> Iterator[Branch]:
    yield branch
    for child in branch.children:
        yield from _walk(child)


def _grown(route: Route, *, parent: Branch, place: str, depth: int) -> Branch:
    if depth > MAX_DEPTH:
        raise ValueError(f"{place}: routes may be {MAX_DEPTH} deep")
    matchers = tuple(parse_matcher(text) for text in route.matchers)
    own = parent._replace(
        key=f"{parent.key}/{written(matchers)}" if depth else "{}",
        receiver=route.receiver or parent.receiver,
        matchers=matchers,
        group_by=parent.group_by if route.group_by is None else route.group_by,
        group_wait=parent.group_wait if route.group_wait is None else route.group_wait,
        group_interval=_positive(
            route.group_interval, parent.group_interval, place=f"{place}.group_interval"
        ),
        repeat_interval=_positive(
            route.repeat_interval, parent.repeat_interval, place=f"{place}.repeat_interval"
        ),
        proceed=route.proceed,
        mute_time_intervals=route.mute_time_intervals,
        active_time_intervals=route.active_time_intervals,
        escalation=parent.escalation if route.escalation is None else route.escalation,
        children=(),
    )
    children = tuple(
        _grown(child, parent=own, place=f"{place}.routes[{index}]", depth=depth + 1)
        for index, child in enumerate(route.routes)
    )
    return own._replace(children=children)


def _positive(given: float | None, inherited: float, *, place: str) -> float:
    if given is not None and given <= 0:
        raise ValueError(f"{place}: must be above 0 seconds")
    return inherited if given is None else given


def _matching(branch: Branch, labels: Mapping[str, str]) -> Iterator[Branch]:
    """The deepest nodes below, or the node itself where no child takes the alert."""
    taken = False
    for child in branch.children:
        if all_match(child.matchers, labels):
            taken = True
            yield from _matching(child, labels)
            if not child.proceed:
                return
    if not taken:
        yield branch


def _explained(branch: Branch, labels: Mapping[str, str]) -> Iterator[Step]:
    missed = [str(matcher) for matcher in branch.matchers if not matcher.matches(labels)]
    if missed:
        yield Step(branch.key, branch.receiver, taken=False, why=f"{', '.join(missed)} does not hold")
        return
    below: list[Step] = []
    taken = False
    for child in branch.children:
        below += _explained(child, labels)
        if all_match(child.matchers, labels):
            taken = True
            if not child.proceed:
                break
    why = (
        "a route below takes it" if taken else "no route below takes it" if branch.children else "it matches"
    )
    yield Step(branch.key, branch.receiver, taken=not taken, why=why)
    yield from below
