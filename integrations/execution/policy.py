"""Limits for calls: what an operator may set for an integration, with the defaults that hold otherwise.

Checked whole when made: a policy that contradicts itself is refused with the reason. Durations are seconds.
Sources: resilience4j and Polly for the breaker's knobs, AWS's 2026 retry rules for the retry budget.
"""

import msgspec

from integrations.execution.adaptive import Adaptive


class BreakerPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a breaker opens and how it closes again.

    It opens when a window of `window` seconds holds at least `min_calls` calls and the share of failures is
    at least `failure_ratio`, or the share of slow calls at least `slow_ratio`. A call is slow over
    max(`slow_floor`, `slow_factor` x rolling p95). It stays open for `open_seconds`, doubling up to
    `open_max`, each time ±`jitter`; then `half_open_calls` trial calls decide, `half_open_concurrency` at a
    time, within `half_open_seconds`.
    """

    window: int = 60
    min_calls: int = 10
    failure_ratio: float = 0.5
    slow_ratio: float = 0.8
    slow_floor: float = 2.0
    slow_factor: float = 3.0
    open_seconds: float = 15.0
    open_max: float = 300.0
    jitter: float = 0.2
    half_open_calls: int = 3
    half_open_concurrency: int = 1
    half_open_seconds: float = 60.0

    def __post_init__(self) -> None:
        """Refuse ranges that make no sense.

        Raises:
            ValueError: with the key and what it must be.
        """
        for key in ("failure_ratio", "slow_ratio"):
            if not 0 < getattr(self, key) <= 1:
                raise ValueError(f"breaker.{key} must be above 0 and at most 1")
        for key in ("window", "min_calls", "half_open_calls", "half_open_concurrency"):
            if getattr(self, key) < 1:
                raise ValueError(f"breaker.{key} must be at least 1")
        if self.window > 3600:
            raise ValueError("breaker.window must be at most 3600 seconds")
        if self.open_max < self.open_seconds:
            raise ValueError("breaker.open_max must be at least breaker.open_seconds")
        if not 0 <= self.jitter < 1:
            raise ValueError("breaker.jitter must be at least 0 and below 1")


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How often and how soon a failed request is tried again: full jitter, rand·min(`cap`, `base`·2^n).

    The budget is AWS's token rule: `budget` tokens an integration, a retry costs `cost` (after throttling
    `throttle_cost`), a first-try success earns 1, a retry that succeeds gets its cost back.
    """

    attempts: int = 3
    base: float = 0.05
    throttle_base: float = 1.0
    cap: float = 20.0
    budget: int = 500
    cost: int = 14
    throttle_cost: int = 5

    def __post_init__(self) -> None:
        """Refuse ranges that make no sense.

        Raises:
            ValueError: with the key and what it must be.
        """
        if not 1 <= self.attempts <= 10:
            raise ValueError("retry.attempts must be between 1 and 10")
        if self.base <= 0 or self.cap < self.base:
            raise ValueError("retry.base must be above 0 and at most retry.cap")


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The limits of one integration's calls.

    `deadline` spans a whole action with all its requests, retries and waits; `timeout` one attempt; `connect`
    the connection within it. `concurrency` calls run at once, fewer while the `adaptive` rule sees that the
    vendor bears no more; `queue` more may wait. `max_body` is in bytes, decoded.
    Equal reads at once `share` one run; a last good answer of at most `stale_seconds` stands in for a read
    that fails; a read that takes longer than `hedge_after` gets a second request beside it. `trace_context`
    tells the vendor the trace that each request belongs to.
    """

    deadline: float = 30.0
    timeout: float = 10.0
    connect: float = 3.0
    concurrency: int = 16
    adaptive: Adaptive = Adaptive.AIMD
    queue: int = 256
    max_body: int = 10 * 1024 * 1024
    share: bool = True
    stale_seconds: float = 0.0
    hedge_after: float | None = None
    trace_context: bool = False
    retry: RetryPolicy = RetryPolicy()
    breaker: BreakerPolicy = BreakerPolicy()

    def __post_init__(self) -> None:
        """Refuse limits that contradict one another.

        Raises:
            ValueError: with the keys and the rule between them.
        """
        if not 0 < self.connect <= self.timeout <= self.deadline:
            raise ValueError("0 < connect <= timeout <= deadline must hold")
        if not 1 <= self.concurrency <= 256:
            raise ValueError("concurrency must be between 1 and 256")
        if self.queue < 0 or self.max_body < 1:
            raise ValueError("queue must be at least 0 and max_body at least 1")
        if self.hedge_after is not None and not 0 < self.hedge_after < self.timeout:
            raise ValueError("hedge_after must be above 0 and below timeout")
        if self.stale_seconds < 0:
            raise ValueError("stale_seconds must be at least 0")
        if self.breaker.window < 2 * self.timeout:
            raise ValueError("breaker.window must be at least twice timeout, or a window sees no whole call")
