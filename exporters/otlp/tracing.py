"""Traces: which signals become spans, and how spans go out together."""

from collections.abc import Iterator
from typing import Self

import msgspec

from exporters.otlp.spans import ServedRequest, Template, TracedCall, spans_of
from exporters.push.exporter import PushExporter
from exporters.push.gathering import Gathering
from integrations.clock import Clock
from integrations.execution.outcome import Origin
from integrations.execution.tracing import Sampler, TracedChecks
from integrations.signals import BreakerTransition, CallRecord, Signal

MOST_WAITING = 20_000
"""Calls and requests that wait to be written to disk."""
MOST_TRANSITIONS = 1_000
SLACK = 0.005
"""Seconds by which the clocks of a call and of its breaker may be apart."""


class Spans(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept and sent together, in the order in which it ended."""

    told: tuple[ServedRequest | TracedCall, ...]
    template: Template

    @property
    def points(self) -> range:
        """As many as there are spans."""
        return range(sum(1 if isinstance(each, ServedRequest) else each.spans for each in self.told))

    @property
    def ended(self) -> float:
        """When the last of it ended, as UTC seconds."""
        return max((_end(each) for each in self.told), default=0.0)

    def followed_by(self, later: Self) -> Self:
        """Both as one."""
        return msgspec.structs.replace(self, told=(*self.told, *later.told))

    def messages(self) -> Iterator[bytes]:
        """Yield each span, serialized."""
        for each in self.told:
            yield from spans_of(each, template=self.template)


SpanGathering = Gathering[ServedRequest | TracedCall, Spans]


class Traces:
    """Makes spans of sampled calls and requests. Subscribe it to the bus."""

    def __init__(
        self,
        exporter: PushExporter[Spans],
        *,
        sampler: Sampler,
        checks: TracedChecks,
        template: Template,
        clock: Clock,
    ) -> None:
        self.sampler: Sampler | None = sampler
        self._decides = sampler
        self._checks = checks
        self.gathering: SpanGathering = Gathering(
            exporter, cut=lambda told: Spans(told=told, template=template), most=MOST_WAITING, clock=clock
        )
        self._transitions: dict[tuple[str, str], list[BreakerTransition]] = {}

    def served(self, request: ServedRequest, /) -> None:
        """Take a request that was answered."""
        self.gathering.put(request)

    def on_signal(self, signal: Signal) -> None:
        """Take a call that is sampled, with what its breaker did meanwhile."""
        if type(signal) is CallRecord:
            if signal.sampled and self._keeps(signal):
                transitions = self._of(signal) if self._transitions else ()
                self.gathering.put(TracedCall(signal, transitions))
        elif type(signal) is BreakerTransition:
            self._remember(signal)

    def _keeps(self, record: CallRecord) -> bool:
        """Whether a sampled call is told. Of those that made no request nobody has asked the sampler yet."""
        if record.origin is Origin.EXPORT:
            return False
        if record.origin is Origin.CHECK and self._checks is not TracedChecks.ALL:
            is_wanted = self._checks is TracedChecks.FAILED and record.kind is not None
            if not is_wanted:
                return False
        return bool(record.method or record.parent_span_id) or self._decides.takes(record.trace_id)

    def _remember(self, transition: BreakerTransition) -> None:
        """Until the record of the call comes, which is published after what its breaker did."""
        if len(self._transitions) >= MOST_TRANSITIONS:
            self._transitions.pop(next(iter(self._transitions)))
        key = transition.integration, transition.capability
        self._transitions[key] = [*self._transitions.get(key, ())[-9:], transition]

    def _of(self, record: CallRecord) -> tuple[BreakerTransition, ...]:
        key = record.integration, record.capability
        known = self._transitions.get(key)
        if known is None or not record.attempts:
            return ()
        began = record.at - record.duration - SLACK
        del self._transitions[key]
        return tuple(each for each in known if began <= each.at <= record.at + SLACK)


def _end(told: ServedRequest | TracedCall) -> float:
    return told.at + told.duration if isinstance(told, ServedRequest) else told.record.at
