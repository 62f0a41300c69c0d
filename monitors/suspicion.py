"""Which one cause may explain failures that have just begun."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from monitors.members import Member
from monitors.parent import ParentKind

EVERYTHING = "egress"
"""The key of the suspicion that our own way out, or something else all depend on, does not work."""

TOGETHER = 3
"""Integrations of different third parties that must begin to fail together to suspect something of ours."""


class Suspicion(NamedTuple):
    """One cause that may explain something; `size` is how many failures made it likely."""

    key: str
    kind: ParentKind
    name: str
    in_scope: Callable[[Member], bool]
    size: int
    vendor: str = ""
    region: str = ""
    integration: str = ""


def of_everything(fresh: Sequence[Member], *, is_egress_down: bool) -> Suspicion | None:
    """Whether it may be us."""
    together = len(fresh) >= TOGETHER and len({member.line for member in fresh}) > 1
    if not together and not (is_egress_down and fresh):
        return None
    return Suspicion(
        key=EVERYTHING,
        kind=ParentKind.EGRESS,
        name="Our way out",
        in_scope=lambda _: True,
        size=len(fresh),
    )


def of_regions(fresh: Sequence[Member]) -> Iterator[Suspicion]:
    """Regions in which different third parties begin to fail together."""
    for region, failing in _grouped(fresh, lambda member: member.region).items():
        if len({member.line for member in failing}) > 1:
            yield Suspicion(
                key=f"region:{region}",
                kind=ParentKind.REGION,
                name=f"Region {region}",
                in_scope=_in_region(region),
                size=len(failing),
                region=region,
            )


def of_vendors(fresh: Sequence[Member], announced: Callable[[str], str]) -> Iterator[Suspicion]:
    """Third parties of which several integrations begin to fail, or one, where the status page says more.

    `announced` tells the outage that an integration's vendor announces, or an empty text.
    """
    for line, failing in _grouped(fresh, lambda member: member.line).items():
        if len(failing) > 1 or announced(failing[0].integration):
            yield Suspicion(
                key=f"vendor:{line}",
                kind=ParentKind.VENDOR,
                name=failing[0].name,
                in_scope=_of_line(line),
                size=len(failing),
                vendor=failing[0].vendor,
            )


def of_integration(member: Member, children: frozenset[str]) -> Suspicion:
    """An integration that fails and that others depend on."""
    return Suspicion(
        key=f"integration:{member.integration}",
        kind=ParentKind.DEPENDENCY,
        name=member.integration,
        in_scope=lambda other: other.integration in children,
        size=1,
        vendor=member.vendor,
        integration=member.integration,
    )


def scope_of(key: str, children: Callable[[str], frozenset[str]]) -> Callable[[Member], bool]:
    """Whom a cause with this key may explain; `children` are those that depend on an integration."""
    kind, _, name = key.partition(":")
    match kind:
        case "region":
            return _in_region(name)
        case "vendor":
            return _of_line(name)
        case "integration":
            dependent = children(name)
            return lambda member: member.integration in dependent
        case _:
            return lambda _: True


def _in_region(region: str) -> Callable[[Member], bool]:
    return lambda member: member.region == region


def _of_line(line: str) -> Callable[[Member], bool]:
    return lambda member: member.line == line


def _grouped(members: Sequence[Member], group: Callable[[Member], str]) -> Mapping[str, list[Member]]:
    groups: dict[str, list[Member]] = {}
    for member in members:
        if name := group(member):
            groups.setdefault(name, []).append(member)
    return groups
