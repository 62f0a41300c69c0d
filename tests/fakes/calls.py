"""Calls and samples for tests of what reads them."""

from collections.abc import Iterable
from typing import Any

from integrations.execution.outcome import Attempt, Effect, Origin
from integrations.samples import Sample
from integrations.signals import CallRecord


def call_record(**changes: Any) -> CallRecord:
    """An ordinary read that succeeded at once; `changes` replace fields."""
    fields: dict[str, Any] = {
        "at": 1_800_000_000.0,
        "call_id": "c1",
        "run_id": "r1",
        "integration": "github-prod",
        "vendor": "github",
        "action": "repos.get",
        "capability": "read",
        "effect": Effect.READ,
        "origin": Origin.TRAFFIC,
        "status": 200,
        "duration": 0.12,
        "attempts": (Attempt(start=0.0, duration=0.12, status=200),),
        "request_bytes": 10,
        "response_bytes": 2_000,
    }
    return CallRecord(**(fields | changes))


class SampleList:
    """An owner whose samples a test sets."""

    def __init__(self, *samples: Sample) -> None:
        self.values: Iterable[Sample] = samples

    def samples(self) -> Iterable[Sample]:
        yield from self.values
