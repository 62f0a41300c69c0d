"""Which calls are traced, and in which trace."""

import hashlib
import random
import re
from enum import StrEnum
from functools import partial

import msgspec
from msgspec.structs import replace

from integrations.execution.call import Call
from integrations.execution.call_span import CallSpan
from integrations.execution.outcome import Origin

_LIMIT = 1 << 64
_RUN = re.compile(r"(?!0{16})[0-9a-f]{16}").fullmatch
_CALLS = 16
_DRAWN = 64


class TracedChecks(StrEnum):
    """Which checks are traced: there are many, and of most there is nothing to tell."""

    NONE = "none"
    FAILED = "failed"
    ALL = "all"


class Sampler(msgspec.Struct, frozen=True, kw_only=True):
    """Which traces are kept: a share `ratio` of those that begin here, and where it `follows_parent` those
    that the caller keeps; otherwise the ratio decides on the caller's too.

    Source: ParentBased and TraceIdRatioBased of OpenTelemetry's SDK specification.
    """

    ratio: float = 1.0
    follows_parent: bool = True

    def takes(self, trace_id: str, *, parent: bool | None = None) -> bool:
        """Whether a trace is kept; `parent` is what the caller says of it, None when nobody called."""
        if parent is not None and self.follows_parent:
            return parent
        return int(trace_id[16:], 16) < round(self.ratio * _LIMIT)


class Tracing:
    """Begins the spans of calls; without a `sampler` (`is_sampling`) only of those that the third party is
    told of, and nothing is to be begun for the others.
    """

    def __init__(self, sampler: Sampler | None = None, *, checks: TracedChecks = TracedChecks.FAILED) -> None:
        self.is_sampling = sampler is not None
        self._sampler = sampler
        self._checks = checks
        self._ids = Ids(system_random())

    def begin(self, call: Call, *, tells: bool) -> Call:
        """The call as it is to be made; `tells` is whether the third party may know of the trace."""
        sampler = self._sampler
        if call.origin is Origin.EXPORT:
            return call if sampler is None else replace(call, sampled=False)
        if sampler is None and not tells:
            return call
        trace_id = call.trace_id or self._ids.trace()
        is_kept = call.sampled
        is_for_failures = False
        if sampler is not None and is_kept is None:
            is_kept = sampler.takes(trace_id)
            if call.origin is Origin.CHECK:
                is_kept = is_kept and self._checks is not TracedChecks.NONE
                is_for_failures = self._checks is TracedChecks.FAILED
        span = CallSpan(
            call.prepare,
            span_id=call.call_id or self._ids.span(),
            is_for_failures=is_for_failures,
            flags=_flags(is_sampled=bool(is_kept) and not is_for_failures) if tells else None,
            state=call.trace_state,
        )
        prepare = partial(span.request, trace_id)
        return replace(call, prepare=prepare, trace_id=trace_id, sampled=is_kept, span=span)


def _flags(*, is_sampled: bool) -> str:
    return "01" if is_sampled else "00"


def new_run_id(rng: random.Random) -> str:
    """64 bits of chance in 16 hexadecimal digits, as a span's id is, and never 0."""
    return (rng.getrandbits(64) or 1).to_bytes(8).hex()


def trace_of(run_id: str) -> str:
    """The trace of a run that no caller's trace is known of: its id backwards and its id: either half, by
    which one sampler or another decides, is of chance. A run that somebody else named has a hash of it.
    """
    return trace_of_own(run_id) if _RUN(run_id) else hashlib.sha256(run_id.encode()).hexdigest()[:32]


def trace_of_own(run_id: str) -> str:
    """The same of a run that `new_run_id` named: to look what its name is like takes longer than all else."""
    return run_id[::-1] + run_id


def call_of(run_id: str, number: int) -> str:
    """The id that a run's call takes from it, so that it need not be stored: the first one (0) the run's own,
    the next the same digits begun one place further on. Empty for the 17th and all further ones, and where
    somebody else named the run.
    """
    return run_id[number:] + run_id[:number] if number < _CALLS and _RUN(run_id) else ""


class CallIDs:
    """The ids of a run's calls, in turn: all that goes on for a run must ask the same one. `own` is the run's
    id where `new_run_id` made it, so that nobody looks what it is like.
    """

    __slots__ = ("_own", "_taken")

    def __init__(self, own: str = "") -> None:
        self._own = own
        self._taken = 0

    def take(self, run_id: str) -> str:
        """The id that the next call takes from its run; empty: it draws one."""
        number = self._taken
        self._taken = number + 1
        return self._own if self._own and not number else call_of(run_id, number)


class Ids:
    """Ids of spans and traces as W3C Trace Context wants them: 64 and 128 bits in hex. They are drawn many at
    once, which takes a third of the time.
    """

    __slots__ = ("_random", "_spans", "_traces")

    def __init__(self, rng: random.Random) -> None:
        self._random = rng
        self._spans: list[str] = []
        self._traces: list[str] = []

    def span(self) -> str:
        """An id that no other span has."""
        if not self._spans:
            self._spans = self._draw(8)
        return self._spans.pop()

    def trace(self) -> str:
        """An id that no other trace has."""
        if not self._traces:
            self._traces = self._draw(16)
        return self._traces.pop()

    def _draw(self, size: int) -> list[str]:
        return self._random.randbytes(size * _DRAWN).hex(" ", size).split(" ")


def system_random() -> random.Random:
    """What jitter and ids are drawn from."""
    return random.Random()  # noqa: S311 - jitter and trace ids are no secrets
