"""Records as a busy Dialtone makes them: ids of chance, durations from a clock, some failures and retries."""

import random
from collections.abc import Iterator

from integrations.execution.outcome import Attempt, Effect, FailureKind, Origin
from integrations.execution.tracing import trace_of
from integrations.signals import APIRequest, CallRecord

INTEGRATIONS, VENDORS, CALLERS = 60, 20, 25
ACTIONS = ("users.list", "issues.get", "chat.post_message", "repos.get", "files.upload", "records.query")
FAILING = 0.04
UPTIME = 400_000.0
"""Seconds that the clock stands at: differences of such readings have the noise of real durations."""

_KINDS = (FailureKind.TIMEOUT, FailureKind.SERVER_ERROR, FailureKind.THROTTLED, FailureKind.CONNECTION)
_STATUSES = {FailureKind.SERVER_ERROR: 503, FailureKind.THROTTLED: 429}


class Records:
    """Makes records, each different; the same seed makes the same."""

    def __init__(self, seed: int = 8) -> None:
        self._random = random.Random(seed)

    def calls(self, count: int, *, first: int = 1, at: float, per_second: float) -> Iterator[CallRecord]:
        """Make records from `at` (UTC seconds) on, at an even pace."""
        for number in range(first, first + count):
            yield self.call(number, at=at + (number - first) / per_second)

    def call(self, number: int, *, at: float) -> CallRecord:
        """Make one record: one in 25 fails, and each that fails was tried twice."""
        chance = self._random
        which = int(INTEGRATIONS * chance.random() ** 2)
        run, span = f"{chance.getrandbits(128):032x}", f"{chance.getrandbits(64):016x}"
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
