"""What a reported failure says of health."""

from integrations.execution.outcome import FailureKind, Outcome
from integrations.signals import Evidence, Health
from monitors.health import EVIDENCE_OF, Observation

MOST_TEXT = 500


def observe_report(error: Outcome | str, *, at: float) -> Observation | None:
    """Evidence from what someone reports: text is down, an Outcome what its kind says; None for nothing.

    A wrong request (client_error, not_found) says nothing of the vendor here: whoever reports it made it.

    Raises:
        ValueError: when the Outcome succeeded or the text is empty.
    """
    if isinstance(error, str):
        if not error.strip():
            raise ValueError("a reported failure needs a text that says what failed")
        return _hard(at, Health.DOWN, f"Reported: {error.strip()[:MOST_TEXT]}")
    if error.kind is None:
        raise ValueError("an Outcome that succeeded cannot be reported as a failure")
    state = EVIDENCE_OF[error.kind]
    if state is None or state is Health.UNKNOWN:
        return None
    return _hard(at, state, f"Reported: {error.detail or error.kind.value}", kind=error.kind)


def _hard(at: float, state: Health, reason: str, *, kind: FailureKind | None = None) -> Observation:
    return Observation(at=at, state=state, evidence=Evidence.REPORTED, reason=reason, kind=kind, is_hard=True)
