"""A recorded call on its way under a policy that may be another one than it was made under: what its next
attempt is, and whether there is one.

What was recorded is taken as it was. Two things are assumed, and counted as such: an attempt that was never
made (a call that was refused, a retry beyond the former limit) ends as the nearest check of that time did;
and an attempt that a former, shorter timeout cut off fails under a longer one too.
"""

import random
from collections.abc import Callable, Sequence

from exporters.analytics.backtest.recorded import Checks, RecordedCall, Try
from integrations.execution.outcome import FailureKind, Origin
from integrations.execution.policy import Policy, RetryPolicy
from integrations.execution.retry import RetryBudget, backoff, is_retryable

_K = FailureKind
_UNSENT = frozenset({_K.DNS, _K.TLS})
_ONE_ATTEMPT = frozenset({Origin.DELIVERY, Origin.EXPORT})
_LATE = 0.1
_AT_ONCE = 0.000_02
"""Seconds by which times may differ that were the same: by rounding, and by the order a replay gives them."""


class Failure:
    """The last failure of a call, as far as retrying goes."""

    __slots__ = ("kind", "retry_after", "retryable", "sent", "status")

    def __init__(self, kind: FailureKind | None, status: int | None) -> None:
        self.kind, self.status = kind, status
        self.sent = kind not in _UNSENT
        self.retryable: bool | None = None
        self.retry_after: float | None = None


class Flight:
    """One call. `today` is the policy it was recorded under, `policy` the one it flies under."""

    __slots__ = (
        "_budget",
        "_checks",
        "_cost",
        "_deadline",
        "_is_altered",
        "_place",
        "_policy",
        "_random",
        "_recorded",
        "_retries",
        "_today",
        "_tries",
        "attempts",
        "call",
        "is_assumed",
        "last",
    )

    def __init__(
        self,
        call: RecordedCall,
        tries: Sequence[Try],
        *,
        policy: Policy,
        today: Policy,
        budget: RetryBudget,
        checks: Checks,
        rng: random.Random,
    ) -> None:
        self.call = call
        self._tries = list(tries)
        self._recorded = len(self._tries)
        self._policy, self._today = policy, today
        self._budget, self._checks, self._random = budget, checks, rng
        self._place = -1
        self._retries = 0
        self._cost = 0.0
        self._is_altered = False
        self.attempts = 0
        self.is_assumed = False
        self.last = Failure(None, None)
        is_shorter = policy.deadline != today.deadline
        is_under = call.ended - call.began <= today.deadline + _LATE
        self._deadline = call.began + policy.deadline if is_shorter and is_under else None

    def begin(self, now: float) -> float | None:
        """Return when the first attempt is made; None when nothing tells what would become of it."""
        if not self._tries:
            assumed = self._assumed(now)
            if assumed is None:
                return None
            self._tries.append(assumed)
        self._place = 0
        return max(now, self.call.began + self._tries[0].start)

    def attempt(self, now: float) -> Try:
        """Return the attempt that is made now, under this policy's time limits."""
        self.attempts += 1
        self.is_assumed = self.is_assumed or self._place >= self._recorded
        one = self._tries[self._place]
        self._is_altered = False
        if self._policy.timeout != self._today.timeout:
            one = self._limited(one)
        if self._deadline is not None and one.lead + one.seconds > self._deadline - now:
            self._is_altered = True
            left = max(0.0, self._deadline - now - one.lead)
            one = one._replace(seconds=left, kind=_K.TIMEOUT, status=None, was_cut_short=True)
        return one

    def next(self, one: Try, now: float, *, bars: Callable[[float], bool]) -> float | None:
        """Return when another attempt follows one that just ended; None when none does. `bars` says whether
        the breaker stands against one; it is asked only where it is asked live, because to be asked may end
        its state.
        """
        self.last = Failure(one.kind, one.status)
        if one.kind is None:
            self._budget.earn(1.0 if self.attempts == 1 else self._cost)
            return None
        # Where a break ends as the attempt did, to the microsecond, what was recorded decides.
        is_barred = self._is_asked() and bars(now + _AT_ONCE if self._was_followed() else now)
        follower = None if is_barred else self._follower(one, now)
        if follower is None:
            return None
        at, is_retry = follower
        if self._deadline is not None and at >= self._deadline:
            return None
        if is_retry and not self._pay(one):
            return None
        self._place += 1
        return at

    def _was_followed(self) -> bool:
        return self._place + 1 < self._recorded

    def _is_asked(self) -> bool:
        may_retry = self._policy.retry.attempts > 1 and self.call.origin not in _ONE_ATTEMPT
        return may_retry and is_retryable(self.last, idempotent=self.call.is_read)

    def _follower(self, one: Try, now: float) -> tuple[float, bool] | None:
        """When the next attempt is made, and whether it is a retry; a recorded one, or an assumed one."""
        if self._place + 1 < len(self._tries):
            later = self._tries[self._place + 1]
            gap = max(0.0, later.start - self._tries[self._place].end)
            if later.is_refresh:
                return now + gap, False
            if self._is_beyond():
                return None
            return now + self._paced(gap, one), True
        if not self._goes_on(one):
            return None
        assumed = self._assumed(now)
        if assumed is None:
            return None
        self._tries.append(assumed)
        throttled = one.kind is _K.THROTTLED
        wait = backoff(self._policy.retry, self._retries + 1, throttled=throttled, rng=self._random)
        return now + wait, True

    def _is_beyond(self) -> bool:
        """Whether a recorded retry is one too many now. A call that had a limit of its own keeps it."""
        limit, former = self._policy.retry.attempts, self._today.retry.attempts
        return limit < former and self._retries + 1 >= limit

    def _goes_on(self, one: Try) -> bool:
        """Whether an attempt that was never made would follow: the former limit stood against it, or time."""
        if self.call.origin is not Origin.TRAFFIC or one.was_cut_short:
            return False
        made, retry = self._retries + 1, self._policy.retry
        was_last = made >= self._today.retry.attempts
        is_new = self._is_altered or self._place >= self._recorded or was_last
        return is_new and made < retry.attempts and is_retryable(self.last, idempotent=self.call.is_read)

    def _pay(self, one: Try) -> bool:
        retry = self._policy.retry
        self._cost = retry.throttle_cost if one.kind is _K.THROTTLED else retry.cost
        # A recorded retry was paid for; only under other rules may there be too little for it.
        was_paid = retry == self._today.retry and self._place + 1 < self._recorded
        is_paid = self._budget.spend(self._cost) or was_paid
        self._retries += is_paid
        return is_paid

    def _paced(self, gap: float, one: Try) -> float:
        """A recorded wait, with the same luck under other back-off."""
        throttled = one.kind is _K.THROTTLED
        former, usual = (
            _ceiling(retry, self._retries + 1, throttled=throttled)
            for retry in (self._today.retry, self._policy.retry)
        )
        return gap if former == usual or gap > former else gap / former * usual

    def _limited(self, one: Try) -> Try:
        """An attempt that had a limit of its own, of its action or its caller, keeps it."""
        limit, former = self._policy.timeout, self._today.timeout
        took = one.lead + one.seconds
        if took > former + _LATE:
            return one
        was_late = one.kind is _K.TIMEOUT and not one.was_cut_short and took >= former - _LATE
        if took <= limit and not was_late:
            return one
        self._is_altered = True
        self.is_assumed = self.is_assumed or was_late
        return one._replace(seconds=max(0.0, limit - one.lead), kind=_K.TIMEOUT, status=None)

    def _assumed(self, now: float) -> Try | None:
        check = self._checks.near(self.call.capability, now)
        if check is None:
            return None
        start = max(0.0, now - self.call.began)
        return Try(start=start, seconds=check.duration, kind=check.kind, status=check.status)


def _ceiling(retry: RetryPolicy, attempt: int, *, throttled: bool) -> float:
    base = retry.throttle_base if throttled else retry.base
    return min(retry.cap, base * 2.0 ** (attempt - 1))
