"""Runs one check through the framework and says what its result means."""

import asyncio
from collections.abc import Callable
from typing import Protocol

import structlog
from msgspec.structs import replace

from integrations.clock import Clock
from integrations.deadlines import Cancellable, Deadlines
from integrations.examination import Examination
from integrations.execution.outcome import FailureKind, Outcome, RejectReason
from integrations.signals import CheckResult, Evidence, Health, Signal
from monitors.health import EVIDENCE_OF, Observation, answered

log = structlog.get_logger("dialtone.checks")

GRACE = 2.0
"""Seconds a check may take beyond its own timeout before it is given up here."""

_WORDS = {FailureKind.EXPECTATION: "condition not met", FailureKind.DNS: "DNS", FailureKind.TLS: "TLS"}
_LOCAL = frozenset((FailureKind.THROTTLED, FailureKind.REJECTED, FailureKind.CANCELLED))


class Check(Protocol):
    """One synthetic probe: which action of which integration stands for which capability."""

    @property
    def integration(self) -> str:
        """The integration's id."""
        ...

    @property
    def capability(self) -> str:
        """The capability the result speaks of."""
        ...

    @property
    def action(self) -> str:
        """The vendor's action that is called."""
        ...

    @property
    def asks(self) -> str:
        """What it asks, in words."""
        ...


class Framework(Protocol):
    """Who carries checks out."""

    async def run_check(
        self,
        check: Check,
        /,
        *,
        timeout: float,  # noqa: ASYNC109 - its own deadline
        cold: bool,
        examination: Examination | None,
    ) -> Outcome:
        """Make the check's request, a cold one over a connection of its own; a third party's failure is an
        Outcome. An `examination` hears of everything.
        """
        ...


class Breakers(Protocol):
    """Who wants to know that a vendor answers again."""

    def check_succeeded(self, integration: str, capability: str, /) -> None:
        """Let an open circuit try again at once."""
        ...


class CheckRunner:
    """Runs checks and publishes their results. `errors` counts those that Dialtone itself could not carry
    out.
    """

    def __init__(
        self, *, framework: Framework, breakers: Breakers, clock: Clock, publish: Callable[[Signal], None]
    ) -> None:
        self._framework = framework
        self._breakers = breakers
        self._clock = clock
        self._publish = publish
        self._deadlines = Deadlines()
        self._failing: dict[tuple[str, str], str] = {}
        self.errors = 0

    async def run(
        self,
        check: Check,
        *,
        vendor: str,
        limit: float,
        task: Cancellable,
        lag: float,
        skipped: int,
        cold: bool = False,
        examination: Examination | None = None,
    ) -> Observation | None:
        """Run a check; return what it says of the capability's health, or None when it says nothing.

        `limit` is in seconds; the outcome of one that hangs longer is a timeout, whatever it does: `task`, in
        which this runs, is cancelled then. A check that raises is a fault of ours: counted, logged when it
        begins and ends, and unknown.
        """
        try:
            began = self._clock.monotonic()
            outcome = await self._outcome(check, limit, task=task, cold=cold, examination=examination)
            seen = self._told(check, outcome, vendor=vendor, began=began, lag=lag, skipped=skipped)
        except Exception as error:  # noqa: BLE001 - one check's fault must not stop the others
            return self._fail(check, error)
        if self._failing and self._failing.pop((check.integration, check.capability), ""):
            log.info("check works again", integration=check.integration, capability=check.capability)
        return seen

    def _told(
        self, check: Check, outcome: Outcome, *, vendor: str, began: float, lag: float, skipped: int
    ) -> Observation | None:
        state = evidence_of(outcome)
        # More than 15 keywords cost 1.2 µs, as in execution/record.py; hence a second step for what few have.
        result = CheckResult(
            at=self._clock.time(),
            integration=check.integration,
            vendor=vendor,
            capability=check.capability,
            action=check.action,
            run_id=outcome.run_id,
            ran=bool(outcome.attempts) or outcome.kind not in _LOCAL,
            status=outcome.status,
            duration=self._clock.monotonic() - began,
            lag=lag,
            skipped=skipped,
            evidence_health=state or Health.UNKNOWN,
            certificate_ends_at=outcome.certificate_ends_at,
        )
        if outcome.kind is not None or outcome.detail or outcome.code or outcome.phases is not None:
            result = _unusual(result, outcome)
        for attempt in outcome.attempts:
            if attempt.injected:
                result = replace(result, injected=True)
        self._publish(result)
        if outcome.ok:
            self._breakers.check_succeeded(check.integration, check.capability)
        if state is None:
            return None
        return Observation(
            at=result.at,
            state=state,
            evidence=Evidence.CHECK,
            reason="" if outcome.kind is None else explain(outcome, asked=check.asks),
            kind=outcome.kind,
            duration=outcome.duration,
            asked=check.asks,
        )

    def _fail(self, check: Check, error: Exception) -> Observation:
        self.errors += 1
        key, fault = (check.integration, check.capability), type(error).__name__
        if self._failing.get(key) != fault:
            self._failing[key] = fault
            log.error(
                "check raised", integration=check.integration, capability=check.capability, exc_info=error
            )
        reason = f"Dialtone could not carry out {check.action} ({fault}); its log says more."
        return Observation(
            at=self._clock.time(), state=Health.UNKNOWN, evidence=Evidence.CHECK, reason=reason
        )

    async def _outcome(
        self, check: Check, limit: float, *, task: Cancellable, cold: bool, examination: Examination | None
    ) -> Outcome:
        deadlines = self._deadlines
        deadlines.set(task, limit + GRACE)
        try:
            return await self._framework.run_check(check, timeout=limit, cold=cold, examination=examination)
        except asyncio.CancelledError:
            # A cancel scope for each check was measured to take 8 µs.
            if task in deadlines:
                raise
        finally:
            deadlines.drop(task)
        return Outcome(
            kind=FailureKind.TIMEOUT, detail=f"No end after {limit + GRACE:g} s.", duration=limit + GRACE
        )


def _unusual(result: CheckResult, outcome: Outcome) -> CheckResult:
    return replace(result, kind=outcome.kind, code=outcome.code, detail=outcome.detail, phases=outcome.phases)


def evidence_of(outcome: Outcome) -> Health | None:
    """What a check's outcome says of health; None for nothing.

    A check that our own quota held back was spared because the vendor wants quiet.
    """
    if outcome.kind is None:
        return Health.UP
    if outcome.reason is RejectReason.QUOTA:
        return Health.THROTTLED
    return EVIDENCE_OF[outcome.kind]


def explain(outcome: Outcome, *, asked: str) -> str:
    """One sentence on what became of a check."""
    if outcome.kind is None:
        return answered(asked, outcome.duration)
    kind = _WORDS.get(outcome.kind, outcome.kind.value.replace("_", " "))
    status = f", HTTP {outcome.status}" if outcome.status else ""
    code = f", {outcome.code}" if outcome.code else ""
    detail = f": {outcome.detail}" if outcome.detail else "."
    return f"{asked} failed ({kind}{status}{code}){detail}"
