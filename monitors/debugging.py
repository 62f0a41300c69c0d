"""The debug answer of checks: what was asked, what came back, how it was judged, what health made of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple, Protocol

import msgspec

from integrations.connection import CheckPolicy
from integrations.examination import Examination, Exchange
from integrations.execution.outcome import Outcome
from integrations.manifest.evaluate import Finding
from monitors.checks import Check
from monitors.health import needed
from monitors.report import CapabilityHealth, IntegrationHealth


class CheckDebug(msgspec.Struct, frozen=True, kw_only=True):
    """One check in full. `conditions` are those of its expectation that an answer was held against.

    `before` and `after` are the capability's health; `missing` is how many more results of this kind in a row
    it takes to confirm `after.pending`, 0 when nothing is pending.
    """

    capability: str
    action: str
    asks: str
    exchanges: tuple[Exchange, ...]
    conditions: tuple[Finding, ...]
    outcome: Outcome | None
    before: CapabilityHealth
    after: CapabilityHealth
    missing: int


class IntegrationDebug(msgspec.Struct, frozen=True, kw_only=True):
    """The checks of an integration that were just run, in full, and the health that followed."""

    health: IntegrationHealth
    checks: tuple[CheckDebug, ...]


class Look:
    """One look into the checks of an integration: of a check that ran twice meanwhile, it keeps the later."""

    def __init__(self) -> None:
        self.checks: dict[tuple[str, str], CheckDebug] = {}

    def report(self, health: IntegrationHealth) -> IntegrationDebug:
        """Return all that was seen, with the health that followed."""
        return IntegrationDebug(health=health, checks=tuple(self.checks.values()))


class Looked(NamedTuple):
    """A check that somebody looks into while it runs."""

    check: Check
    examination: Examination
    before: CapabilityHealth


class Knows(Protocol):
    """Who knows how a capability is."""

    def capability(self, name: str) -> CapabilityHealth:
        """Its confirmed health."""
        ...


class Looks:
    """Who looks into the checks of one integration now."""

    __slots__ = ("_open",)

    def __init__(self) -> None:
        self._open: tuple[Look, ...] = ()

    @contextmanager
    def open(self) -> Iterator[Look]:
        """Look, as long as the context lasts."""
        look = Look()
        self._open = (*self._open, look)
        try:
            yield look
        finally:
            self._open = tuple(other for other in self._open if other is not look)

    def begin(self, check: Check, watched: Knows) -> Looked | None:
        """A check begins; None when nobody looks."""
        if not self._open:
            return None
        return Looked(check, Examination(), watched.capability(check.capability))

    def end(self, looked: Looked | None, watched: Knows, policy: CheckPolicy) -> None:
        """It has run, and its result is counted."""
        if looked is None:
            return
        check, examination = looked.check, looked.examination
        after = watched.capability(check.capability)
        done = CheckDebug(
            capability=check.capability,
            action=check.action,
            asks=check.asks,
            exchanges=tuple(examination.exchanges),
            conditions=tuple(examination.findings.all),
            outcome=examination.outcome,
            before=looked.before,
            after=after,
            missing=_missing(after, policy),
        )
        for look in self._open:
            look.checks[check.capability, check.action] = done


def _missing(health: CapabilityHealth, policy: CheckPolicy) -> int:
    if health.pending is None:
        return 0
    wanted = needed(health, health.pending, fail_after=policy.fail_after, recover_after=policy.recover_after)
    return max(0, wanted - health.pending_count)
