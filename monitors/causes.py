"""Finds the one cause behind integrations that fail together; pure but for the randomness that spreads
checks.

Causes, outermost first: our own way out (canaries), a mass failure of independent third parties, a region, a
vendor, a declared dependency. A suspicion asks some of those that seem well afresh, and is confirmed or
dropped within 45 s.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from random import Random
from typing import NamedTuple

import msgspec

from monitors.cause import WINDOW, Cause, one_a_line
from monitors.cause_evidence import CauseEvidence
from monitors.dependencies import DependencyGraph
from monitors.failing import FailingBoard
from monitors.members import Member
from monitors.parent import Certainty, Parent, ParentKind
from monitors.suspicion import (
    EVERYTHING,
    Suspicion,
    of_everything,
    of_integration,
    of_regions,
    of_vendors,
    scope_of,
)

SAMPLE = 10
"""Integrations that are asked afresh for a suspicion."""

RESAMPLE = 30.0
"""Seconds after which some children are asked again whether a cause is over, when one of them recovered."""

SPREAD = 30.0
"""Seconds over which children are checked again after a cause is over."""

RELEASE_LIMIT = 30.0
"""Seconds such a check may take; then its child is held no longer."""

_ORDER = {kind: rank for rank, kind in enumerate(ParentKind)}
_INNER = frozenset({ParentKind.REGION, ParentKind.VENDOR})
"""What an outer cause may explain as a whole, when it is found later."""

_OF_ANY_FAILURE = frozenset({ParentKind.EGRESS, ParentKind.MASS_FAILURE, ParentKind.DEPENDENCY})
"""What explains rejected credentials too: a wrong clock, or secrets that could not be read."""


class Now(NamedTuple):
    """One moment, monotonic and as UTC seconds, and the integrations of it."""

    at: float
    utc: float
    members: Mapping[str, Member]


class Causes:
    """All causes that are suspected or known. `wanted` are integrations to be checked as soon as possible;
    whoever checks them takes them out, and tells `heard` when one was.
    """

    def __init__(
        self,
        board: FailingBoard,
        *,
        graph: Callable[[], DependencyGraph],
        evidence: CauseEvidence,
        random: Random,
    ) -> None:
        self._board = board
        self._graph = graph
        self._evidence = evidence
        self._random = random
        self._causes: dict[str, Cause] = {}
        self._dropped: dict[str, tuple[float, int]] = {}
        self.wanted: dict[str, None] = {}

    def restore(self, parents: Iterable[Parent], now: Now) -> None:
        """Go on with the causes of before a restart."""
        for parent in parents:
            key = EVERYTHING if parent.kind is ParentKind.MASS_FAILURE else parent.key
            in_scope = scope_of(key, lambda name: self._graph().descendants(name))
            began = now.at - max(0.0, now.utc - parent.since)
            cause = self._causes[key] = Cause(parent, key=key, began=began, in_scope=in_scope)
            cause.sample = set(parent.children)
            self.wanted |= dict.fromkeys(parent.children)

    def known(self) -> tuple[Parent, ...]:
        """All causes that still matter, outermost first."""
        return tuple(cause.parent for cause in self._ordered() if cause.releases or not cause.is_over)

    def explaining(self, integration: str) -> Parent | None:
        """The outermost cause that explains an integration's failing now; or, given the key of the cause of a
        region or a vendor (no integration is called like one), the outer one that explains all its children.
        """
        inner = self._causes.get(integration)
        if inner is not None and inner.kind in _INNER:
            return self._enclosing(inner)
        for cause in self._ordered():
            if cause.kind is not ParentKind.DEPENDENCY and cause.explains(integration):
                return cause.parent
        blocking = self._graph().explained_by(integration, lambda name: self._blocks(name, integration))
        if blocking is None:
            return None
        return self.explaining(blocking) or self._causes[f"integration:{blocking}"].parent

    def _enclosing(self, inner: Cause) -> Parent | None:
        failing = [name for name in inner.children if self._board.fails(name)] or list(inner.children)
        for cause in self._ordered():
            if _ORDER[cause.kind] < _ORDER[inner.kind] and failing and all(map(cause.explains, failing)):
                return cause.parent
        return None

    def heard(self, integration: str) -> None:
        """Take that an integration that was asked has answered, or will not."""
        for cause in self._causes.values():
            cause.sample.discard(integration)

    def release(self, integration: str) -> None:
        """Take that a child was checked afresh after its cause was over."""
        for cause in self._causes.values():
            cause.releases.pop(integration, None)

    def due_releases(self, at: float) -> list[str]:
        """The children to be checked once more now; each is named once."""
        return [child for cause in self._causes.values() for child in cause.take_due(at)]

    def look(self, now: Now) -> list[Parent]:
        """Confirm, drop and end causes, then suspect others; return those that changed and last or ended."""
        changed = [cause for cause in self._ordered() if self._follow(cause, now)]
        for suspicion in self._suspicions(now):
            cause = self._open(suspicion, now)
            self._follow(cause, now)
            changed.append(cause)
        return [cause.parent for cause in changed if self._causes.get(cause.key) is cause]

    def _ordered(self) -> list[Cause]:
        return sorted(self._causes.values(), key=lambda cause: _ORDER[cause.kind])

    def _blocks(self, name: str, child: str) -> bool:
        cause = self._causes.get(f"integration:{name}")
        return cause is not None and (not cause.is_over or child in cause.releases)

    def _suspicions(self, now: Now) -> Iterator[Suspicion]:
        """From the outermost on: each finds only what no outer cause explains."""
        everything = of_everything(self._fresh(now), is_egress_down=self._evidence.egress.is_down)
        if everything is not None and self._is_new(everything, now):
            yield everything
        yield from self._new(of_regions(self._down(now)), now)
        yield from self._new(of_vendors(self._down(now), self._evidence.announced), now)
        yield from self._blocking(now)

    def _new(self, suspicions: Iterable[Suspicion], now: Now) -> Iterator[Suspicion]:
        for suspicion in suspicions:
            is_shared = sum(map(suspicion.in_scope, now.members.values())) > 1
            if is_shared and self._is_new(suspicion, now):
                yield suspicion

    def _blocking(self, now: Now) -> Iterator[Suspicion]:
        graph = self._graph()
        for name in graph.parents:
            is_bad = self._evidence.is_bad(name)
            if name in now.members and (is_bad or self._board.fails(name)):
                suspicion = of_integration(now.members[name], graph.descendants(name))
                if self._is_new(suspicion, now) or (is_bad and not self._lasts(suspicion.key)):
                    yield suspicion

    def _fresh(self, now: Now) -> list[Member]:
        """Those that have begun to fail within the window and that nothing explains."""
        explained = self._accounted(self._ordered())
        began = self._board.since(now.at - WINDOW)
        return [now.members[name] for name in began if name in now.members and name not in explained]

    def _accounted(self, causes: Iterable[Cause]) -> set[str]:
        known = [cause for cause in causes if cause.kind is not ParentKind.DEPENDENCY]
        return {name for cause in known for name in cause.accounts_for(self._board)}

    def _down(self, now: Now) -> list[Member]:
        return [member for member in self._fresh(now) if self._board.is_down(member.integration)]

    def _is_new(self, suspicion: Suspicion, now: Now) -> bool:
        """Whether it is none yet; one that was dropped counts after a while, or when twice as many fail."""
        if self._lasts(suspicion.key):
            return False
        dropped_at, size = self._dropped.get(suspicion.key, (-WINDOW, 0))
        return now.at - dropped_at >= WINDOW or suspicion.size >= 2 * size

    def _lasts(self, key: str) -> bool:
        cause = self._causes.get(key)
        return cause is not None and not cause.is_over

    def _open(self, suspicion: Suspicion, now: Now) -> Cause:
        parent = Parent(
            key=suspicion.key,
            kind=suspicion.kind,
            certainty=Certainty.UNCERTAIN,
            name=suspicion.name,
            reason=f"Integrations began to fail within {WINDOW:.0f} s of one another.",
            since=now.utc,
            vendor=suspicion.vendor,
            region=suspicion.region,
            integration=suspicion.integration,
        )
        cause = Cause(parent, key=suspicion.key, began=now.at, in_scope=suspicion.in_scope)
        if before := self._causes.get(cause.key):
            cause.adopt(before.releases)
        self._causes[cause.key] = cause
        self._grow(cause, now)
        if cause.kind is not ParentKind.DEPENDENCY:
            scope = filter(cause.in_scope, now.members.values())
            cause.sample = self._ask([one for one in scope if not self._board.fails(one.integration)])
        if cause.kind is ParentKind.EGRESS:
            self._evidence.egress.hurry()
        return cause

    def _ask(self, members: list[Member]) -> set[str]:
        chosen = one_a_line(members, SAMPLE)
        self.wanted |= dict.fromkeys(chosen)
        return set(chosen)

    def _follow(self, cause: Cause, now: Now) -> bool:
        """Lead a cause on; return whether others are to hear of it."""
        if cause.is_over:
            cause.let_go(now.at - RELEASE_LIMIT)
            if not cause.releases and now.at - cause.over_at >= WINDOW:
                del self._causes[cause.key]
            return False
        has_grown = self._grow(cause, now)
        if cause.parent.certainty is Certainty.CONFIRMED:
            return self._end(cause, now) or has_grown
        if reason := self._evidence.confirming(cause, now.members.values()):
            self._confirm(cause, now, reason)
            return True
        if self._evidence.is_refuted(cause, now.at):
            del self._causes[cause.key]
            self._dropped[cause.key] = now.at, len(cause.children)
        return False

    def _grow(self, cause: Cause, now: Now) -> bool:
        """Adopt what fails since the cause began, in its scope, and explained by no outer cause."""
        explained = self._accounted(
            one for one in self._ordered() if one.is_over or _ORDER[one.kind] < _ORDER[cause.kind]
        )
        found = [
            name
            for name in self._board.since(cause.began - WINDOW)
            if name in now.members
            and name not in explained
            and cause.in_scope(now.members[name])
            and (cause.kind in _OF_ANY_FAILURE or self._board.is_down(name))
        ]
        return cause.adopt(found)

    def _confirm(self, cause: Cause, now: Now, reason: str) -> None:
        is_ours = cause.kind is ParentKind.EGRESS and not self._evidence.egress.is_down
        mass = {"key": "mass-failure", "kind": ParentKind.MASS_FAILURE, "name": "Mass failure"}
        cause.parent = msgspec.structs.replace(
            cause.parent,
            certainty=Certainty.CONFIRMED,
            confirmed_at=now.utc,
            reason=reason,
            **(mass if is_ours else {}),
        )
        cause.sample.clear()

    def _end(self, cause: Cause, now: Now) -> bool:
        """Whether it is over; then what still fails is checked once more, spread over some time."""
        if not self._evidence.is_over(cause):
            self._ask_again(cause, now)
            return False
        cause.parent = msgspec.structs.replace(
            cause.parent, certainty=Certainty.RECOVERED, recovered_at=now.utc
        )
        cause.over_at = now.at
        still = [name for name in cause.children if self._board.fails(name) or self._evidence.is_bad(name)]
        cause.releases = {name: now.at + self._random.uniform(0, SPREAD) for name in still}
        return True

    def _ask_again(self, cause: Cause, now: Now) -> None:
        """When the first children are well again, find out soon whether the others are."""
        if now.at - cause.sampled_at >= RESAMPLE and cause.failing_share(self._board) < 1:
            cause.sampled_at = now.at
            failing = filter(self._board.fails, cause.children)
            self._ask([now.members[name] for name in failing if name in now.members])
