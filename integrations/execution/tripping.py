"""When counts of calls must open a circuit, and how far they are from that."""

from integrations.execution.policy import BreakerPolicy


def too_bad(policy: BreakerPolicy, *, calls: int, failures: int, slow: int) -> str:
    """Return why these counts must open a circuit, or an empty text."""
    if failures / calls >= policy.failure_ratio:
        return f"{failures} of {calls} calls failed"
    if slow / calls >= policy.slow_ratio:
        return f"{slow} of {calls} calls were slow"
    return ""


def trip_distance(policy: BreakerPolicy, *, calls: int, failures: int, slow: int) -> float:
    """Return what share is still missing of the failures, or slow calls, that would open a circuit: 1 while
    there are none, 0 when they suffice and only the minimum of calls is missing.
    """
    enough = max(calls, policy.min_calls)
    failed, slowed = failures / (policy.failure_ratio * enough), slow / (policy.slow_ratio * enough)
    return max(0.0, 1.0 - max(failed, slowed))
