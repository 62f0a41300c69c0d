"""Words and numbers as people read them: states, times, durations, shares."""

from datetime import UTC, datetime

from integrations.execution.injection import Cut, Error, Fault, Injection, Latency, Throttle
from integrations.execution.status import BreakerStatus, LineStatus
from integrations.signals import BreakerState, Health
from monitors.report import Pause

ORDER = (
    Health.DOWN,
    Health.UNAUTHORIZED,
    Health.THROTTLED,
    Health.DEGRADED,
    Health.UNKNOWN,
    Health.PAUSED,
    Health.UP,
)
"""The states, worst first."""

STATES = {
    Health.UP: "Up",
    Health.DEGRADED: "Degraded",
    Health.DOWN: "Down",
    Health.THROTTLED: "Throttled",
    Health.UNAUTHORIZED: "Unauthorized",
    Health.UNKNOWN: "Unknown",
    Health.PAUSED: "Paused",
}

BREAKERS = {
    BreakerState.CLOSED: "closed",
    BreakerState.OPEN: "open, refusing calls",
    BreakerState.HALF_OPEN: "half open, trying a few calls",
    BreakerState.FORCED_OPEN: "forced open, refusing calls",
    BreakerState.DISABLED: "disabled, letting all through",
    BreakerState.SHADOW: "shadow, only watching",
}

OPERATED = frozenset({BreakerState.FORCED_OPEN, BreakerState.DISABLED, BreakerState.SHADOW})
"""The states that only an operator puts a breaker into."""

NOTHING = "\N{EN DASH}"

_MINUTE = 60.0
_HOUR = 3600.0
_DAY = 86_400.0


def span(seconds: float) -> str:
    """Return a length of time in one unit: `12 s`, `3 min`, `5 h`, `2 days`."""
    seconds = max(0.0, seconds)
    if seconds < _MINUTE:
        return _unit(int(seconds), "s")
    if seconds < _HOUR:
        return _unit(int(seconds // _MINUTE), "min")
    if seconds < 2 * _DAY:
        return _unit(int(seconds // _HOUR), "h")
    return _unit(int(seconds // _DAY), "days")


def _unit(number: object, unit: str) -> str:
    """Keep number and unit on one line."""
    return f"{number}\N{NO-BREAK SPACE}{unit}"


def ago(then: float, now: float) -> str:
    """Return how long ago a moment was."""
    return "just now" if now - then < 1 else f"{span(now - then)} ago"


def until(then: float, now: float) -> str:
    """Return how soon a moment comes."""
    return "now" if then - now < 1 else f"in {span(then - now)}"


def stamp(moment: float) -> str:
    """Return a moment for machines (ISO 8601, UTC)."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def exact(moment: float) -> str:
    """Return a moment for people (UTC)."""
    return datetime.fromtimestamp(moment, UTC).strftime("%d %b %Y, %H:%M:%S UTC")


def day_time(moment: float, now: float) -> str:
    """Return a moment as short as it stays clear: the time of day, with the day unless it is today (UTC)."""
    then, today = datetime.fromtimestamp(moment, UTC), datetime.fromtimestamp(now, UTC)
    if then.date() == today.date():
        return then.strftime("%H:%M UTC")
    return then.strftime("%d %b, %H:%M UTC" if then.year == today.year else "%d %b %Y, %H:%M UTC")


def clock_time(moment: float) -> str:
    """Return the time of day (UTC)."""
    return datetime.fromtimestamp(moment, UTC).strftime("%H:%M:%S")


def latency(seconds: float | None) -> str:
    """Return a latency with the digits that matter: `85 ms`, `1.24 s`, or a dash."""
    if seconds is None:
        return NOTHING
    if seconds < 0.01:
        return _unit(f"{seconds * 1000:.1f}", "ms")
    if seconds < 1:
        return _unit(f"{seconds * 1000:.0f}", "ms")
    return _unit(f"{seconds:.2f}" if seconds < 10 else f"{seconds:.0f}", "s")


def share(ratio: float | None) -> str:
    """Return a share in per cent, or a dash; a small share is never rounded to nothing."""
    if ratio is None:
        return NOTHING
    if 0 < ratio < 0.001:
        return _unit("<0.1", "%")
    return _unit(f"{100 * ratio:.1f}" if 0 < ratio < 0.1 else f"{100 * ratio:.0f}", "%")


def number(value: float | None) -> str:
    """Return a count with thousands apart, or a dash."""
    return NOTHING if value is None else f"{value:,.0f}"


def plural(count: int, noun: str) -> str:
    """Return a count with its noun: `1 call`, `2 calls`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def calls_words(line: LineStatus) -> str:
    """Return calls in flight under their limit, with its maximum while an adaptive limit is below it."""
    now = f"{line.in_flight} of {line.concurrency} in flight"
    return (
        f"{now} (at most {line.concurrency_maximum})" if line.concurrency < line.concurrency_maximum else now
    )


def breaker_words(breaker: BreakerStatus, now: float) -> str:
    """Return a breaker's state in words, with what ends it."""
    words = BREAKERS[breaker.state]
    if breaker.state is BreakerState.OPEN and breaker.open_until is not None:
        words += f", tries again {until(breaker.open_until, now)}"
    if breaker.actor and breaker.state in OPERATED:
        words += f", by {breaker.actor}" + (f" ({breaker.reason})" if breaker.reason else "")
    if breaker.expires_at is not None:
        words += f", ends {until(breaker.expires_at, now)}"
    return words


def pause_words(pause: Pause, now: float) -> str:
    """Return what ends a pause."""
    return "until it is resumed" if pause.expires_at is None else f"ends {until(pause.expires_at, now)}"


_TARGETS = {"both": "requests", "calls": "calls", "checks": "checks"}


def fault_words(fault: Fault) -> str:
    """Return an injected fault in words: `latency 2.00 s on 30 % of requests`."""
    many = "all" if fault.share >= 1 else f"{share(fault.share)} of"
    aims = " ".join(
        f"({noun} {', '.join(names)})"
        for noun, names in (("capability", fault.capabilities), ("action", fault.actions))
        if names
    )
    words = f"{_fault_kind(fault)} on {many} {_TARGETS[fault.target]}"
    return f"{words} {aims}" if aims else words


def _fault_kind(fault: Fault) -> str:
    match fault:
        case Latency(jitter=0):
            return f"latency {latency(fault.seconds)}"
        case Latency():
            return f"latency {latency(fault.seconds)} ± {latency(fault.jitter)}"
        case Error():
            return f"status {fault.status}"
        case Throttle():
            return f"429 for {span(fault.retry_after)}"
        case Cut():
            return f"connection cut {fault.when} sending"


def injection_words(injection: Injection, now: float) -> str:
    """Return what is injected, by whom, why, and what ends it."""
    faults = ", ".join(fault_words(fault) for fault in injection.faults)
    ending = f"ends {until(injection.expires_at, now)}"
    return f"{faults}, injected by {injection.actor}: {injection.reason} ({ending})"
