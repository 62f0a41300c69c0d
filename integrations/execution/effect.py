"""What an attempt's end says of the vendor, to a breaker: see the table in outcome.py."""

from integrations.execution.outcome import FailureKind

_K = FailureKind
_FAILURES = frozenset(
    {
        _K.TIMEOUT,
        _K.CONNECTION,
        _K.TLS,
        _K.DNS,
        _K.SERVER_ERROR,
        _K.MALFORMED,
        _K.VENDOR_ERROR,
        _K.EXPECTATION,
    }
)
_NEUTRAL = frozenset({_K.THROTTLED, _K.UNAUTHORIZED, _K.FORBIDDEN, _K.REJECTED, _K.CANCELLED})
_NOT_IMPLEMENTED = frozenset({501, 505})


def is_failure(kind: FailureKind, *, status: int | None, sent: bool, was_cut_short: bool) -> bool | None:
    """Return True when it counts as a failure, False as a success, None when it says nothing.

    `was_cut_short`: the caller's deadline came before the attempt's own timeout, so the vendor may have been
    quick enough. A client error without a request is our own.
    """
    if was_cut_short or kind in _NEUTRAL or (kind is _K.CLIENT_ERROR and not sent):
        return None
    return kind in _FAILURES and status not in _NOT_IMPLEMENTED
