"""What an attempt's end says of the vendor, to a breaker and a limit: see the table in outcome.py."""

from integrations.execution.breaker import CircuitBreaker
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
_OVERLOAD = frozenset({_K.TIMEOUT, _K.THROTTLED})
_UNAVAILABLE = 503
_NOT_IMPLEMENTED = frozenset({501, 505})


def is_failure(kind: FailureKind, *, status: int | None, sent: bool, was_cut_short: bool) -> bool | None:
    """Return True when it counts as a failure, False as a success, None when it says nothing.

    `was_cut_short`: the caller's deadline came before the attempt's own timeout, so the vendor may have been
    quick enough. A client error without a request is our own.
    """
    if was_cut_short or kind in _NEUTRAL or (kind is _K.CLIENT_ERROR and not sent):
        return None
    return kind in _FAILURES and status not in _NOT_IMPLEMENTED


def is_overload(kind: FailureKind, *, status: int | None, was_cut_short: bool) -> bool:
    """Whether it ended as calls do where there are too many at once; not when we were the impatient ones."""
    return (kind in _OVERLOAD or status == _UNAVAILABLE) and not was_cut_short


def record(breaker: CircuitBreaker, permit: int, now: float, *, seconds: float, failed: bool | None) -> None:
    """Tell a breaker what `is_failure` made of a failed attempt; every permit is given back."""
    if failed is None:
        breaker.release(permit)
    elif failed:
        breaker.record_failure(permit, now, seconds)
    else:
        breaker.record_success(permit, now, seconds)
