"""Records as a busy Dialtone makes them: ids as it gives them, durations from a clock, some failures and
retries.
"""

import random
from collections.abc import Iterator

from integrations.execution.outcome import Attempt, Effect, FailureKind, Origin, Phases
from integrations.execution.tracing import CallIDs, new_run_id, trace_of
from integrations.signals import APIRequest, CallRecord, CheckResult, Health

INTEGRATIONS, VENDORS, CALLERS = 60, 20, 25
ACTIONS = ("users.list", "issues.get", "chat.post_message", "repos.get", "files.upload", "records.query")
FAILING = 0.04
FURTHER = 0.1
"""The share of calls that are further ones of a run, such as its second page."""

COLD_EVERY = 10
CERTIFICATE = 1_803_600_000.0
UPTIME = 400_000.0
"""Seconds that the clock stands at: differences of such readings have the noise of real durations."""

_KINDS = (FailureKind.TIMEOUT, FailureKind.SERVER_ERROR, FailureKind.THROTTLED, FailureKind.CONNECTION)
_STATUSES = {FailureKind.SERVER_ERROR: 503, FailureKind.THROTTLED: 429}


class Records:
    """Makes records, each different; the same seed makes the same."""

    def __init__(self, seed: int = 8) -> None:
        self._random = random.Random(seed)
        self._run, self._ids = "", CallIDs()

    def calls(self, count: int, *, first: int = 1, at: float, per_second: float) -> Iterator[CallRecord]:
        """Make records from `at` (UTC seconds) on, as they come to a service: each whenever it comes."""
        for number in range(first, first + count):
            yield self.call(number, at=at)
            at += self._random.expovariate(per_second)

    def call(self, number: int, *, at: float) -> CallRecord:
        """Make one record: one in 25 fails, and each that fails was tried twice; one in ten goes on with the
        run before it.
        """
        chance = self._random
        which = int(INTEGRATIONS * chance.random() ** 2)
        if not self._run or chance.random() >= FURTHER:
            self._run, self._ids = new_run_id(chance), CallIDs()
        run, span = self._run, self._ids.take(self._run) or f"{chance.getrandbits(64):016x}"
        kind = chance.choice(_KINDS) if chance.random() < FAILING else None
        attempts = self._attempts(kind)
        return CallRecord(
            at=at,
            seq=number,
            call_id=span,
            run_id=run,
            integration=f"integration-{which:02d}",
            vendor=f"vendor-{which % VENDORS:02d}",
            action=chance.choice(ACTIONS),
            capability="read",
            effect=Effect.READ,
            origin=Origin.TRAFFIC,
            caller=f"team-{int(CALLERS * chance.random() ** 2):02d}",
            kind=kind,
            status=attempts[-1].status,
            duration=attempts[-1].start + attempts[-1].duration,
            attempts=attempts,
            response_bytes=int(chance.lognormvariate(7, 1)),
            trace_id=trace_of(run),
            span_id=span,
            sampled=True,
        )

    def request(self, number: int, *, at: float) -> APIRequest:
        """Make the record of a request to the API, as comes with each call."""
        return APIRequest(
            at=at,
            seq=number,
            method="POST",
            route="/v2/integrations/{integration_id}/actions/{action}",
            status=200,
            duration=self._took(),
            caller=f"team-{self._random.randrange(CALLERS):02d}",
        )

    def checks(self, count: int, *, at: float, per_second: float) -> Iterator[CheckResult]:
        """Make results of checks, from `at` (UTC seconds) on, of all integrations in turn."""
        for number in range(count):
            yield self.check(number, at=at)
            at += self._random.expovariate(per_second)

    def check(self, number: int, *, at: float) -> CheckResult:
        """Make one result; each tenth of an integration's is of a connection of its own."""
        chance = self._random
        which = number % INTEGRATIONS
        kind = chance.choice(_KINDS) if chance.random() < FAILING else None
        is_cold = number // INTEGRATIONS % COLD_EVERY == 0
        return CheckResult(
            at=at,
            seq=number,
            integration=f"integration-{which:02d}",
            vendor=f"vendor-{which % VENDORS:02d}",
            capability="read",
            action=ACTIONS[which % len(ACTIONS)],
            run_id=new_run_id(chance),
            kind=kind,
            status=200 if kind is None else _STATUSES.get(kind),
            detail="" if kind is None else "it failed",
            duration=self._took(),
            lag=self._took() / 100,
            evidence_health=Health.UP if kind is None else Health.DOWN,
            phases=self._phases() if is_cold else None,
            certificate_ends_at=CERTIFICATE + which * 86_400 if is_cold else None,
        )

    def _phases(self) -> Phases:
        return Phases(
            dns=self._took(),
            connect=self._took(),
            tls=self._took(),
            first_byte=self._took(),
            transfer=self._took(),
        )

    def _attempts(self, kind: FailureKind | None) -> tuple[Attempt, ...]:
        if kind is None:
            return (Attempt(start=0.000_02, duration=self._took(), status=200),)
        status, first, wait = _STATUSES.get(kind), self._took(), self._took()
        return (
            Attempt(start=0.000_02, duration=first, kind=kind, status=status),
            Attempt(start=first + wait, duration=self._took(), kind=kind, status=status),
        )

    def _took(self) -> float:
        began = UPTIME + self._random.random()
        return round(began + self._random.lognormvariate(-2, 0.8), 9) - began
