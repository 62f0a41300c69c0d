"""What follows a try: when the next one is, or why there is none. Pure; sources stand in docs/alerting.md.

Alerts are tried 14 times over 16 hours, events by the list of Standard Webhooks over three days. A receiver
that says how long to wait (429, 503 with Retry-After) is believed for up to an hour; one that refuses the
message itself (other 4xx) is asked three times within five minutes; 410, or what a format calls gone, ends
deliveries to the receiver.
"""

import random
from enum import StrEnum

import msgspec

from integrations.execution.outcome import FailureKind
from monitors.alerts.receivers import Schedule

ALERT_WAITS = (1.0, 3.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0, 14_400.0, 28_800.0)
EVENT_WAITS = (5.0, 300.0, 1800.0, 7200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0, 86_400.0)
REFUSED_WAITS = (60.0, 240.0)
JITTER = 0.2
LONGEST_RETRY_AFTER = 3600.0
REJECTED_WAIT = 1.0
"""When a local limit, not the receiver, stood in the way and did not say for how long."""

_GONE = 410
_MAY_PASS = frozenset({408, 425, 429})
_SAYS_WHEN = frozenset({429, 503})


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one try. `kind` is None when the receiver took the message. `retry_after` and `duration`
    are seconds; `reference` is what the receiver calls the message; `is_gone`: it will never take another;
    `is_refused`: it means this message, not the moment, where no HTTP status says so.
    """

    kind: FailureKind | None = None
    status: int | None = None
    detail: str = ""
    retry_after: float | None = None
    reference: str = ""
    is_gone: bool = False
    is_refused: bool = False
    duration: float = 0.0


class Next(StrEnum):
    """What is done after a try."""

    DONE = "done"
    RETRY = "retry"
    DEAD = "dead"
    DISABLE = "disable"


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What follows: for RETRY after `wait` seconds; for DEAD and DISABLE `reason` says why. `counts`: the try
    reached out to the receiver, so it is one of those that are numbered.
    """

    next: Next
    wait: float = 0.0
    reason: str = ""
    counts: bool = True


def step_after(sent: Sent, *, attempt: int, schedule: Schedule, rng: random.Random) -> Step:
    """What follows the `attempt`-th try (from 1) of a message."""
    if sent.kind is None:
        return Step(next=Next.DONE)
    if sent.kind in {FailureKind.REJECTED, FailureKind.CANCELLED}:
        return Step(next=Next.RETRY, wait=_said(sent.retry_after) or REJECTED_WAIT, counts=False)
    if sent.is_gone or sent.status == _GONE:
        return Step(next=Next.DISABLE, reason=f"it said that it is gone for good ({sent.status})")
    waits = REFUSED_WAITS if _is_refused(sent) else ALERT_WAITS if schedule == "alerts" else EVENT_WAITS
    if attempt > len(waits):
        return Step(next=Next.DEAD, reason=f"given up after {attempt} tries: {sent.detail or sent.kind}")
    said = _said(sent.retry_after) if sent.status in _SAYS_WHEN or sent.status == 200 else None
    return Step(next=Next.RETRY, wait=said or waits[attempt - 1] * rng.uniform(1 - JITTER, 1 + JITTER))


def _is_refused(sent: Sent) -> bool:
    """Whether the receiver means this message, not the moment."""
    by_status = sent.status is not None and 400 <= sent.status < 500 and sent.status not in _MAY_PASS
    return sent.is_refused or by_status


def _said(seconds: float | None) -> float | None:
    return None if seconds is None else min(max(seconds, 1.0), LONGEST_RETRY_AFTER)
