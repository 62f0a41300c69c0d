"""The trace of one run: every stage, wait, attempt and decision, for whoever asks why a call went as it did.

A Call carries a Trace only when somebody asked for one; all others pay a look whether there is one.
"""

from collections.abc import Callable
from enum import StrEnum

import msgspec

MOST_EVENTS = 2_000
"""So many events a trace holds; what comes after is counted, and told at its end."""


class Stage(StrEnum):
    """Where in the pipeline something was decided, in the order in which a call passes."""

    ANSWER = "answer"
    BREAKER = "breaker"
    QUOTA = "quota"
    SLOT = "slot"
    PERMIT = "permit"
    ATTEMPT = "attempt"
    VERDICT = "verdict"
    CREDENTIAL = "credential"
    RETRY = "retry"
    HEDGE = "hedge"
    OUTCOME = "outcome"


class TraceEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was decided or happened: `at` seconds after the start, and why in `detail`.

    `step` names the request of an action that makes several. `waited` is how many seconds it took to get
    there, where that was a wait in line or before a retry.
    """

    at: float
    stage: Stage
    decision: str
    detail: str = ""
    step: str = ""
    waited: float | None = None


class Trace:
    """Collects the events of one run; `now` is the clock's monotonic time. No secret that it was told of with
    `hide` gets into an event.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._began = now()
        self._events: list[TraceEvent] = []
        self._left_out = 0
        self._redactions: list[Callable[[str], str]] = []

    def hide(self, redact: Callable[[str], str]) -> None:
        """Let a text pass `redact` before it becomes part of an event."""
        self._redactions.append(redact)

    def note(
        self, stage: Stage, decision: str, detail: str = "", *, step: str = "", waited: float | None = None
    ) -> None:
        """Add an event that happens now."""
        if len(self._events) >= MOST_EVENTS:
            self._left_out += 1
            return
        self._events.append(
            TraceEvent(
                at=self._now() - self._began,
                stage=stage,
                decision=self._shown(decision),
                detail=self._shown(detail),
                step=step,
                waited=waited,
            )
        )

    def events(self) -> tuple[TraceEvent, ...]:
        """Return what has happened so far, in order; the last event tells how many did not fit."""
        if not self._left_out:
            return tuple(self._events)
        left_out = TraceEvent(
            at=self._now() - self._began,
            stage=Stage.OUTCOME,
            decision="cut short",
            detail=f"{self._left_out} more events did not fit",
        )
        return (*self._events, left_out)

    def _shown(self, text: str) -> str:
        for redact in self._redactions:
            text = redact(text)
        return text
