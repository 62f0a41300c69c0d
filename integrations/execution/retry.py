"""Whether and when a failed request is tried again.

The budget and the back-off are AWS's rules of 2026 (botocore retries/standard.py; "Announcing updated retry
behavior"): full jitter, and a token bucket that first-try successes fill and retries empty. Retry-After is
waited out in full or not at all. tenacity drives the waits; it is entered only after a retryable failure,
because entering it costs ten times the rest of the pipeline.
"""

import random
from collections.abc import Awaitable, Callable
from typing import Protocol

from tenacity import AsyncRetrying, RetryCallState

from integrations.execution.outcome import FailureKind
from integrations.execution.policy import RetryPolicy

_K = FailureKind
_IF_UNSENT = frozenset({_K.TIMEOUT, _K.CONNECTION, _K.TLS, _K.DNS})
_IF_IDEMPOTENT = _IF_UNSENT | {_K.SERVER_ERROR, _K.MALFORMED}
_NEVER_STATUS = frozenset({501, 505})


class Failed(Protocol):
    """The last failure of a call, as far as retrying goes; `retryable` is the classifier's override."""

    kind: FailureKind | None
    status: int | None
    sent: bool
    retryable: bool | None
    retry_after: float | None


def is_retryable(failed: Failed, *, idempotent: bool) -> bool:
    """Whether a repeat can help and does no harm: see the table in outcome.py."""
    if failed.retryable is not None:
        return failed.retryable
    if failed.kind is _K.THROTTLED:
        return True
    if failed.kind in _IF_UNSENT and not failed.sent:
        return True
    return idempotent and failed.kind in _IF_IDEMPOTENT and failed.status not in _NEVER_STATUS


def why_not_retryable(failed: Failed, *, idempotent: bool) -> str:
    """Why `is_retryable` says no, in words; empty when it says yes."""
    if is_retryable(failed, idempotent=idempotent):
        return ""
    kind = "a success" if failed.kind is None else failed.kind.value
    if failed.retryable is False:
        return f"the rule that judged the answer says that a repeat does not help ({kind})"
    if failed.kind in _IF_IDEMPOTENT and failed.status not in _NEVER_STATUS:
        return f"the request may have reached the vendor ({kind}), and a repeat of this action may do harm"
    return f"a repeat does not help against {kind}"


class RetryBudget:
    """The tokens of one integration that its retries are paid from."""

    __slots__ = ("capacity", "tokens")

    def __init__(self, capacity: float) -> None:
        self.capacity = capacity
        self.tokens = capacity

    def earn(self, tokens: float = 1.0) -> None:
        """Put tokens in: one for a first-try success, the last cost for a retry that succeeded."""
        self.tokens = min(self.capacity, self.tokens + tokens)

    def spend(self, tokens: float) -> bool:
        """Take tokens out, if there are that many."""
        if self.tokens < tokens:
            return False
        self.tokens -= tokens
        return True

    def adopt(self, capacity: float) -> None:
        """Take another capacity, keeping what was spent."""
        self.tokens = max(0.0, capacity - (self.capacity - self.tokens))
        self.capacity = capacity


def backoff(policy: RetryPolicy, attempt: int, *, throttled: bool, rng: random.Random) -> float:
    """Return the seconds after the `attempt`-th try (from 1): full jitter, rand·min(cap, base·2^n)."""
    base = policy.throttle_base if throttled else policy.base
    return rng.random() * min(policy.cap, base * 2.0 ** (attempt - 1))


class RetriedCall(Protocol):
    """A call that may be tried again."""

    def may_go_on(self) -> bool:
        """Whether its last failure is retryable and nothing else stands in the way."""
        ...

    def remaining(self) -> float:
        """Seconds until its deadline."""
        ...

    @property
    def failed(self) -> Failed:
        """Its last failure."""
        ...

    async def try_again(self) -> None:
        """Make one more attempt."""
        ...


class Retries:
    """The retries of one call, after its first attempt has failed. `told` hears each decision: why there is
    no other attempt, or an empty text and the seconds before it.
    """

    def __init__(
        self,
        call: RetriedCall,
        policy: RetryPolicy,
        budget: RetryBudget,
        *,
        attempts: int,
        rng: random.Random,
        told: Callable[[str, float], None] = lambda _, __: None,
    ) -> None:
        self._call = call
        self._told = told
        self._policy = policy
        self._budget = budget
        self._attempts = attempts
        self._random = rng
        self._cost = 0.0
        self._is_first = True

    async def run(self, sleep: Callable[[float], Awaitable[None]]) -> None:
        """Wait and try again until it succeeds or must end; the call keeps its last live failure."""
        retrying = AsyncRetrying(
            sleep=sleep,
            retry=self._wants_more,
            wait=self._wait,
            stop=self._stop,
            retry_error_callback=_give_up,
        )
        await retrying(self._attempt)
        if self._call.failed.kind is None:
            self._budget.earn(self._cost)

    async def _attempt(self) -> None:
        """The first one has been made already, inline; tenacity gets to see its result."""
        if self._is_first:
            self._is_first = False
            return
        await self._call.try_again()

    def _wants_more(self, state: RetryCallState) -> bool:
        if state.outcome is not None and state.outcome.failed:
            return False
        return self._call.may_go_on()

    def _wait(self, state: RetryCallState) -> float:
        failed = self._call.failed
        throttled = failed.kind is FailureKind.THROTTLED
        pause = backoff(self._policy, state.attempt_number, throttled=throttled, rng=self._random)
        return (failed.retry_after or 0.0) + pause

    def _stop(self, state: RetryCallState) -> bool:
        reason = self._why_stop(state.attempt_number, state.upcoming_sleep)
        self._told(reason, state.upcoming_sleep)
        return bool(reason)

    def _why_stop(self, made: int, pause: float) -> str:
        if made >= self._attempts:
            return f"{made} of {self._attempts} attempts are made"
        if pause >= self._call.remaining():
            return f"the wait of {pause:.1f} s would end after the deadline"
        throttled = self._call.failed.kind is FailureKind.THROTTLED
        self._cost = self._policy.throttle_cost if throttled else self._policy.cost
        if self._budget.spend(self._cost):
            return ""
        return f"the retry budget holds {self._budget.tokens:.0f} tokens, one more costs {self._cost:g}"


def _give_up(_: RetryCallState) -> None:
    """No error: the live failure stands."""
