"""One cause under suspicion: its scope, its children, and how far its verdict has come."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import msgspec

from monitors.failing import FailingBoard
from monitors.members import Member
from monitors.parent import Certainty, Parent, ParentKind

WINDOW = 60.0
"""Seconds in which failures begin that one cause may explain."""

CONFIRMING_SHARE = 0.6
RECOVERING_SHARE = 0.4
"""Of those that a cause may explain, how many fail when it is confirmed, and at most when it is over."""

_FEWEST = {ParentKind.EGRESS: 5, ParentKind.MASS_FAILURE: 5, ParentKind.REGION: 3, ParentKind.VENDOR: 3}
_LINES = {ParentKind.EGRESS: 3, ParentKind.MASS_FAILURE: 3, ParentKind.REGION: 2, ParentKind.VENDOR: 1}


class Cause:
    """A suspected, confirmed or past cause. `began` is monotonic, the times in `parent` are UTC seconds.

    `sample` are integrations asked afresh that have not answered yet; `releases` are the children to be
    checked once more after it is over at `over_at`, with when (monotonic).
    """

    def __init__(self, parent: Parent, *, key: str, began: float, in_scope: Callable[[Member], bool]) -> None:
        self.parent = parent
        self.key = key
        self.began = began
        self.in_scope = in_scope
        self.children: dict[str, None] = dict.fromkeys(parent.children)
        self.sample: set[str] = set()
        self.sampled_at = began
        self.releases: dict[str, float] = {}
        self.over_at = math.inf
        self._asked: set[str] = set()

    @property
    def kind(self) -> ParentKind:
        """What failed."""
        return self.parent.kind

    @property
    def is_over(self) -> bool:
        """Whether it has ended, and only its children's fresh checks are waited for."""
        return self.parent.certainty is Certainty.RECOVERED

    def explains(self, integration: str) -> bool:
        """Whether it says anything of an integration now."""
        return integration in (self.releases if self.is_over else self.children)

    def accounts_for(self, board: FailingBoard) -> set[str]:
        """The children whose failing it explains or explained: of them no other cause is sought."""
        return {name for name in self.children if (board.began(name) or 0.0) <= self.over_at}

    def adopt(self, integrations: Iterable[str]) -> bool:
        """Take further children; return whether any is new."""
        before = len(self.children)
        self.children |= dict.fromkeys(integrations)
        if len(self.children) == before:
            return False
        self.parent = msgspec.structs.replace(self.parent, children=tuple(self.children))
        return True

    def take_due(self, at: float) -> list[str]:
        """The children whose fresh check is due; each is named once."""
        due = [name for name, moment in self.releases.items() if moment <= at and name not in self._asked]
        self._asked.update(due)
        return due

    def let_go(self, at: float) -> None:
        """Hold no child any longer whose check was due before a moment."""
        self.releases = {name: moment for name, moment in self.releases.items() if moment > at}

    def share(self, board: FailingBoard, members: Iterable[Member]) -> "Share":
        """How much of its scope fails, counting of the others those heard of since the suspicion began."""
        scope = [member for member in members if self.in_scope(member)]
        failing = [one for one in scope if one.integration in self.children and board.fails(one.integration)]
        well = [
            one
            for one in scope
            if not board.fails(one.integration) and board.was_heard(one.integration, self.began)
        ]
        return Share(
            failing=len(failing),
            heard=len(failing) + len(well),
            lines=len({one.line for one in failing}),
            of_lines=len({one.line for one in (*failing, *well)}),
        )

    def failing_share(self, board: FailingBoard) -> float:
        """The share of its children that still fail, or have not answered since a restart."""
        failing = sum(1 for name in self.children if name in self.sample or board.fails(name))
        return failing / len(self.children) if self.children else 0.0


class Share(NamedTuple):
    """How much of a scope fails: integrations, and independent third parties among them."""

    failing: int
    heard: int
    lines: int
    of_lines: int

    def confirms(self, kind: ParentKind) -> bool:
        """Whether so many fail that one cause is the best explanation."""
        enough = self.heard >= _FEWEST[kind] and self.lines >= _LINES[kind]
        return enough and self.failing >= CONFIRMING_SHARE * self.heard

    def __str__(self) -> str:
        third_parties = f", of {self.lines} third parties," if self.of_lines > 1 else ""
        return f"{self.failing} of {self.heard} integrations heard of{third_parties} fail together"


def one_a_line(members: Sequence[Member], limit: int) -> list[str]:
    """Up to `limit` integrations, of as many third parties as there are."""
    first = {member.line: member.integration for member in reversed(members)}
    chosen = dict.fromkeys(first.values())
    chosen |= dict.fromkeys(member.integration for member in members)
    return list(chosen)[:limit]
