"""Traces and logs by OTLP: what is configured of them, and where it goes."""

from collections.abc import Mapping
from typing import Protocol

import msgspec

from exporters.otlp.batches import LOGS, TRACES, Encodable, Form, OTLPTelemetry
from exporters.otlp.log_export import LogExport
from exporters.otlp.log_records import LogLine, LogLines
from exporters.otlp.resource import resource_attributes
from exporters.otlp.settings import Destination, OTLPSignal
from exporters.otlp.spans import ServedRequest, Template
from exporters.otlp.tracing import SpanGathering, Spans, Traces
from exporters.push.exporter import CutT, Intake, PushExporter
from exporters.push.gathering import Gathering
from exporters.settings import ExporterSettings, OTLPSettings, SignalName
from integrations.clock import Clock
from integrations.connection import NetworkPolicy
from integrations.execution.tracing import TracedChecks, Tracing

MOST_LINES = 20_000
"""Log lines that wait to be written to disk."""

_SIGNALS: Mapping[str, SignalName] = {"otlp": "metrics", TRACES.name: "traces", LOGS.name: "logs"}
_INFO = 20


def destination_of(settings: ExporterSettings, exporter: str) -> Destination | None:
    """Where an exporter's requests go; None for one that does not speak OTLP."""
    signal = _SIGNALS.get(exporter)
    return settings.otlp.destination(signal) if settings.otlp is not None and signal else None


def network_to(to: Destination | None, network: NetworkPolicy) -> NetworkPolicy:
    """How requests leave the house, with the certificate authority of this destination."""
    if to is None or to.ca_file is None:
        return network
    return msgspec.structs.replace(network, ca_file=to.ca_file)


def call_tracing(settings: ExporterSettings) -> Tracing:
    """How calls are traced: which are sampled, if traces go anywhere."""
    if settings.otlp is None or not settings.otlp.traces.enabled:
        return Tracing()
    traces = settings.otlp.traces
    return Tracing(traces.sampled_by(), checks=traces.checks)


def traces_checks(settings: ExporterSettings) -> bool:
    """Whether a trace of a check may go anywhere."""
    otlp = settings.otlp
    return otlp is not None and otlp.traces.enabled and otlp.traces.checks is not TracedChecks.NONE


class MakesExporters(Protocol):
    """Makes the exporter of an intake."""

    def __call__(self, intake: Intake[CutT], /) -> PushExporter[CutT]:
        """With a spool and a sender of its own."""
        ...


class Telemetry:
    """The exporters of traces and of logs, by `gatherings`; none of what is not wanted. `template` tells the
    path's template of an action.
    """

    def __init__(
        self, settings: ExporterSettings, *, template: Template, clock: Clock, version: str, instance: str
    ) -> None:
        self.intakes = _intakes(settings.otlp, version=version, instance=instance)
        self.traces: Traces | None = None
        self.lines: Gathering[LogLine, LogLines] | None = None
        self._settings = settings.otlp
        self._template = template
        self._clock = clock

    def begin(self, make: MakesExporters) -> Mapping[str, Gathering[LogLine, LogLines] | SpanGathering]:
        """Make the exporters, by their names."""
        found: dict[str, Gathering[LogLine, LogLines] | SpanGathering] = {}
        if self._settings is not None and TRACES.name in self.intakes:
            traces = self._settings.traces
            exporter: PushExporter[Spans] = make(self.intakes[TRACES.name])
            self.traces = Traces(
                exporter,
                sampler=traces.sampled_by(),
                checks=traces.checks,
                template=self._template,
                clock=self._clock,
            )
            found[TRACES.name] = self.traces.gathering
        if LOGS.name in self.intakes:
            lines: PushExporter[LogLines] = make(self.intakes[LOGS.name])
            self.lines = found[LOGS.name] = Gathering(
                lines, cut=_cut_lines, most=MOST_LINES, clock=self._clock
            )
        return found

    def log_handler(self) -> LogExport | None:
        """What log lines are handed to; None where they are not wanted."""
        if self._settings is None or self.lines is None:
            return None
        return LogExport(self.lines.put, level=self._settings.logs.level)

    def trial(self, name: str) -> Encodable:
        """What a trial sends to an intake: one span, or one line."""
        at = self._clock.time()
        return _trial_spans(at, self._template) if name == TRACES.name else _trial_lines(at)


def _intakes(otlp: OTLPSettings | None, *, version: str, instance: str) -> dict[str, OTLPTelemetry]:
    if otlp is None:
        return {}
    about = resource_attributes(otlp.resource, version=version, instance=instance)
    wanted: list[tuple[Form, SignalName, OTLPSignal]] = [
        (TRACES, "traces", otlp.traces),
        (LOGS, "logs", otlp.logs),
    ]
    return {
        form.name: OTLPTelemetry(
            form, otlp.destination(signal), about=about, version=version, max_bytes=otlp.max_bytes
        )
        for form, signal, settings in wanted
        if settings.enabled
    }


def _cut_lines(lines: tuple[LogLine, ...]) -> LogLines:
    return LogLines(points=lines)


def _trial_spans(at: float, template: Template) -> Spans:
    """A request that an operator has made."""
    request = ServedRequest(
        at=at,
        duration=0.0,
        trace_id=f"{int(at * 1e6):032x}",
        span_id=f"{int(at * 1e6):016x}",
        parent_span_id="",
        trace_state="",
        method="POST",
        route="/v2/exporters/{name}/test",
        status=200,
        details={},
    )
    return Spans(told=(request,), template=template)


def _trial_lines(at: float) -> LogLines:
    text = "an operator tries whether logs arrive"
    return LogLines(points=(LogLine(at=at, level=_INFO, logger="dialtone.exporters", text=text),))
