"""What an answer means by HTTP alone: for receivers and intakes, which have no manifest."""

import email.utils

from integrations.execution.outcome import FailureKind

_KINDS = {
    401: FailureKind.UNAUTHORIZED,
    403: FailureKind.FORBIDDEN,
    404: FailureKind.NOT_FOUND,
    429: FailureKind.THROTTLED,
}


def kind_of(status: int) -> FailureKind | None:
    """The kind of failure that a status is; only 2xx is none, for redirects are not followed."""
    if 200 <= status < 300:
        return None
    other = FailureKind.SERVER_ERROR if status >= 500 else FailureKind.CLIENT_ERROR
    return _KINDS.get(status, other)


def wait_of(text: str, now: float) -> float | None:
    """How many seconds Retry-After asks for (RFC 9110, 10.2.3), as seconds or as a date; 0 for a date that is
    over, None for what is neither. `now` is UTC seconds.
    """
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, TypeError, OverflowError):
        return None
