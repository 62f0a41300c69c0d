"""What integrations depend on, as the operator declares it: a graph without circles, at most 16 deep.

As in Icinga, dependencies add up, and those of one redundancy group stand in for one another: it fails when
all of them do (https://icinga.com/docs/icinga-2/latest/doc/03-monitoring-basics/#dependencies).
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

import msgspec

from integrations.manifest.source import nearest

MAX_DEPTH = 16
MAX_DEPENDENCIES = 10_000


class Dependency(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of `integrations` depend on all of `depends_on`, which are ids of integrations too. With
    `redundant`, one of `depends_on` is enough.
    """

    integrations: tuple[str, ...]
    depends_on: tuple[str, ...]
    redundant: bool = False

    def __post_init__(self) -> None:
        """Refuse one that says nothing.

        Raises:
            ValueError: with the key and what it must be.
        """
        if not self.integrations or not self.depends_on:
            raise ValueError("dependencies need integrations and depends_on, each with at least one id")


class DependencyError(ValueError):
    """Dependencies that cannot be kept: `index` says which of them is meant, the message what to change."""

    def __init__(self, message: str, *, index: int) -> None:
        super().__init__(message)
        self.index = index


Group = tuple[str, ...]
"""Integrations of which one is enough."""


class DependencyGraph:
    """Which integrations another depends on.

    `known` are the ids that exist; None: they are not compared.

    Raises:
        DependencyError: for an id that does not exist, a circle, or a chain that is too long.
    """

    def __init__(self, dependencies: Sequence[Dependency], *, known: Collection[str] | None = None) -> None:
        if known is not None:
            _require_known(dependencies, known)
        self._groups: dict[str, list[Group]] = {}
        for dependency in dependencies:
            for child in dependency.integrations:
                self._groups.setdefault(child, []).extend(_groups(dependency))
        self._children = _turned(self._groups)
        _require_end(dependencies, self._groups)

    def explained_by(self, integration: str, fails: Callable[[str], bool]) -> str | None:
        """The first of what an integration depends on whose failure explains its own; None when none does."""
        for group in self._groups.get(integration, ()):
            if all(map(fails, group)):
                return group[0]
        return None

    @property
    def parents(self) -> Collection[str]:
        """All that something depends on."""
        return self._children.keys()

    def children(self, integration: str) -> Sequence[str]:
        """Those that depend on an integration directly."""
        return self._children.get(integration, ())

    def descendants(self, integration: str) -> frozenset[str]:
        """Those that depend on an integration, directly or through others."""
        found: set[str] = set()
        waiting = [integration]
        while waiting:
            new = set(self.children(waiting.pop())) - found
            found |= new
            waiting += new
        return frozenset(found)


def _groups(dependency: Dependency) -> Iterable[Group]:
    if dependency.redundant:
        return (dependency.depends_on,)
    return ((each,) for each in dependency.depends_on)


def _turned(groups: Mapping[str, Sequence[Group]]) -> dict[str, tuple[str, ...]]:
    children: dict[str, dict[str, None]] = {}
    for child, its in groups.items():
        for parent in (each for group in its for each in group):
            children.setdefault(parent, {})[child] = None
    return {parent: tuple(found) for parent, found in children.items()}


def _require_known(dependencies: Sequence[Dependency], known: Collection[str]) -> None:
    for index, dependency in enumerate(dependencies):
        for name in (*dependency.integrations, *dependency.depends_on):
            if name not in known:
                hint = f"; did you mean {near}?" if (near := nearest(name, known)) else ""
                raise DependencyError(f"there is no integration {name!r}{hint}", index=index)


def _require_end(dependencies: Sequence[Dependency], groups: Mapping[str, Sequence[Group]]) -> None:
    parents = {child: {each for group in its for each in group} for child, its in groups.items()}
    depth: dict[str, int] = {}
    try:
        for name in TopologicalSorter(parents).static_order():
            depth[name] = 1 + max((depth[parent] for parent in parents.get(name, ())), default=0)
            if depth[name] > MAX_DEPTH:
                raise DependencyError(
                    f"{name} is at the end of a chain of more than {MAX_DEPTH} integrations; shorten it",
                    index=_index(dependencies, name),
                )
    except CycleError as error:
        circle = error.args[1]
        raise DependencyError(
            f"these depend on one another in a circle: {' -> '.join(reversed(circle))}; take one of them out",
            index=_index(dependencies, circle[0]),
        ) from error


def _index(dependencies: Sequence[Dependency], name: str) -> int:
    return next(
        (index for index, each in enumerate(dependencies) if name in (*each.integrations, *each.depends_on)),
        0,
    )
