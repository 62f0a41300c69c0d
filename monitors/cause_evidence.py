"""What speaks for a cause and against it: the share that fails, canaries, status pages, verdicts."""

from collections.abc import Callable, Iterable
from typing import Protocol

from integrations.signals import Indicator
from monitors.cause import RECOVERING_SHARE, Cause
from monitors.failing import FailingBoard
from monitors.members import Member
from monitors.parent import ParentKind
from monitors.report import VendorWord

HOLD = 45.0
"""Seconds a suspicion lasts at most, so that no page waits longer for it."""

_ANNOUNCED = {Indicator.PARTIAL_OUTAGE: "a partial outage", Indicator.MAJOR_OUTAGE: "a major outage"}


class Verdict(Protocol):
    """How one integration is judged."""

    @property
    def bad_since(self) -> float | None:
        """Since when it is in a confirmed bad state, as UTC seconds; None while it is in none."""
        ...

    @property
    def vendor_says(self) -> VendorWord | None:
        """What its vendor's status page says."""
        ...


class Egress(Protocol):
    """The canaries on our own way out."""

    @property
    def is_down(self) -> bool:
        """Whether most of them fail; False without any."""
        ...

    @property
    def reason(self) -> str:
        """What they show, in one sentence; empty without any."""
        ...

    def hurry(self) -> None:
        """Ask them now."""
        ...


class NoEgress:
    """No canaries are configured: the vendors' failing together is all there is."""

    is_down = False
    reason = ""

    def hurry(self) -> None:
        """There is nothing to ask."""


class CauseEvidence:
    """Weighs the evidence on causes; changes nothing."""

    def __init__(
        self, board: FailingBoard, *, verdicts: Callable[[str], Verdict | None], egress: Egress
    ) -> None:
        self._board = board
        self._verdicts = verdicts
        self.egress = egress

    def is_bad(self, integration: str) -> bool:
        """Whether an integration is in a confirmed bad state."""
        verdict = self._verdicts(integration)
        return verdict is not None and verdict.bad_since is not None

    def announced(self, integration: str) -> str:
        """The outage that an integration's vendor announces; empty when it announces none."""
        verdict = self._verdicts(integration)
        word = verdict.vendor_says if verdict is not None else None
        if word is None or word.indicator not in _ANNOUNCED:
            return ""
        return _ANNOUNCED[word.indicator] + (f" ({word.title})" if word.title else "")

    def confirming(self, cause: Cause, members: Iterable[Member]) -> str:
        """Why a suspicion is to be confirmed, in a sentence; empty while it is not."""
        if cause.kind is ParentKind.DEPENDENCY:
            name = cause.parent.integration
            return f"{name}, on which others depend, is in a bad state." if self.is_bad(name) else ""
        if cause.kind is ParentKind.EGRESS and self.egress.is_down:
            return self.egress.reason
        word = next(filter(None, map(self.announced, self._failing(cause))), "")
        if cause.kind is ParentKind.VENDOR and word:
            return f"{cause.parent.name} announces {word}."
        share = cause.share(self._board, members)
        if cause.sample or not share.confirms(cause.kind):
            return ""
        return f"{share}. {self.egress.reason}".strip()

    def is_refuted(self, cause: Cause, at: float) -> bool:
        """Whether a suspicion that is not confirmed now is to be dropped."""
        if at - cause.began >= HOLD:
            return True
        if cause.kind is ParentKind.DEPENDENCY:
            return not self._board.fails(cause.parent.integration)
        return not cause.sample or not self._failing(cause)

    def is_over(self, cause: Cause) -> bool:
        """Whether a confirmed cause explains nothing any more."""
        if cause.kind is ParentKind.DEPENDENCY:
            name = cause.parent.integration
            return not self._board.fails(name) and not self.is_bad(name)
        if cause.kind is ParentKind.EGRESS and self.egress.is_down:
            return False
        return cause.failing_share(self._board) <= RECOVERING_SHARE

    def _failing(self, cause: Cause) -> list[str]:
        return [name for name in cause.children if self._board.fails(name)]
