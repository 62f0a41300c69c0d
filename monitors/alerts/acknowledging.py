"""Acknowledgement: somebody works on an incident, so that nobody is reminded of it, or told further.

It lasts until the incident is resolved, at most a day unless said otherwise.
"""

from monitors.alerts.steady import SteadyClock
from monitors.incident import Acknowledgement, Incident

DEFAULT_SECONDS = 86_400.0
LONGEST_SECONDS = 30 * 86_400.0
LONGEST_TEXT = 1_024


class AcknowledgementError(ValueError):
    """An acknowledgement cannot be kept as it was asked for; the message says what to change."""


def acknowledgement(
    *, actor: str, at: float, reason: str = "", expires_at: float | None = None
) -> Acknowledgement:
    """An acknowledgement of now (`at`, UTC seconds), which expires after a day unless told otherwise.

    Raises:
        AcknowledgementError: saying what to change.
    """
    ends = at + DEFAULT_SECONDS if expires_at is None else expires_at
    if not actor.strip():
        raise AcknowledgementError("an acknowledgement needs who makes it")
    if len(actor) > LONGEST_TEXT or len(reason) > LONGEST_TEXT:
        raise AcknowledgementError(f"names and reasons may have at most {LONGEST_TEXT} characters")
    if not at < ends <= at + LONGEST_SECONDS:
        raise AcknowledgementError(f"it must expire after now, and within {LONGEST_SECONDS / 86_400:g} days")
    return Acknowledgement(actor=actor.strip(), at=at, reason=reason.strip(), expires_at=ends)


def standing(incident: Incident | None, *, clock: SteadyClock) -> Acknowledgement | None:
    """The acknowledgement that holds for an incident now."""
    if incident is None or incident.acknowledgement is None:
        return None
    found = incident.acknowledgement
    if found.expires_at is not None and clock.deadline(found.expires_at) <= clock.now():
        return None
    return found
