"""Traces and logs on their way: what is told, and what becomes of it when the endpoint fails."""

import logging
import random
from collections.abc import Iterator
from pathlib import Path

import anyio
import httpx
import pytest
import structlog
from msgspec.structs import replace
from opentelemetry.proto.logs.v1.logs_pb2 import SeverityNumber

from exporters.otlp import tracing
from exporters.otlp.log_export import LogExport
from exporters.otlp.log_records import LogLine
from exporters.otlp.settings import Compression, LogSignal, MetricSignal, SamplerName, TraceSignal
from exporters.otlp.telemetry import traces_checks
from exporters.push import gathering
from exporters.pushing import PushExporters
from exporters.settings import ExporterSettings, OTLPSettings
from exporters.table import MetricTable
from integrations.connection import NetworkPolicy
from integrations.credentials.secret import Secret
from integrations.execution.outcome import FailureKind, Origin
from integrations.execution.tracing import TracedChecks
from integrations.signals import Signal
from tests.fakes.clock import FakeClock
from tests.fakes.execution import Bench
from tests.fakes.telemetry_intake import TelemetryIntake, attributes_of
from tests.golden.telemetry.build import OPENED, RECORD, REQUEST, TURNED_AWAY, template

CANARY = "canary-8812"
SETTINGS = OTLPSettings(
    endpoint="https://otlp.example",
    headers={"api-key": Secret(CANARY)},
    metrics=MetricSignal(enabled=False),
    traces=TraceSignal(enabled=True),
    logs=LogSignal(enabled=True),
)


class Site:
    """Exporters of traces and logs, and the endpoint that they send to."""

    def __init__(
        self,
        directory: Path,
        settings: OTLPSettings = SETTINGS,
        *,
        intake: TelemetryIntake | None = None,
    ) -> None:
        self.clock = FakeClock()
        self.intake = intake or TelemetryIntake()
        self.bench = Bench(self.clock, self.intake)  # type: ignore[arg-type]  # It answers as a vendor does.
        self.exporters = PushExporters(
            ExporterSettings(otlp=settings),
            table=MetricTable(),
            calls=self.bench.executor,
            clock=self.clock,
            directory=directory,
            network=NetworkPolicy(),
            version="1.2",
            instance="web-1",
            random=random.Random(3),
            template=template,
        )

    async def send(self, *signals: Signal) -> None:
        """Publish these, and send what comes of it."""
        for _, subscriber in self.exporters.subscribers():
            for signal in signals:
                subscriber.on_signal(signal)
        await self.exporters.drain()

    def names(self) -> list[str]:
        return [span.name for span in self.intake.spans]

    def samples(self) -> dict[tuple[str, ...], float]:
        return {(each.metric, *each.labels): each.value for each in self.exporters.samples()}


def spooled(directory: Path) -> bytes:
    return b"".join(path.read_bytes() for path in directory.rglob("*") if path.is_file())


async def test_a_request_its_calls_and_their_attempts_are_one_tree(tmp_path: Path) -> None:
    site = Site(tmp_path)
    assert site.exporters.telemetry.traces is not None
    site.exporters.telemetry.traces.served(REQUEST)

    await site.send(RECORD, TURNED_AWAY)

    request = site.intake.named("POST /v2/integrations/{integration_id}/actions/{action}")
    call, refused = site.intake.children(request)
    assert [span.name for span in site.intake.children(call)] == ["GET /repos/{owner}/{repo}/issues"] * 2
    assert site.intake.children(refused) == []
    assert len({span.trace_id for span in site.intake.spans}) == 1
    assert (site.intake.faults, len(site.intake.spans)) == ([], 5)


async def test_a_breaker_that_opens_is_an_event_of_the_call_that_opened_it(tmp_path: Path) -> None:
    site = Site(tmp_path)
    other = replace(RECORD, capability="write", span_id="0" * 15 + "1")
    later = replace(RECORD, at=RECORD.at + 60, span_id="0" * 15 + "2")

    await site.send(OPENED, other, RECORD, later)

    events = {span.span_id.hex(): [event.name for event in span.events] for span in site.intake.spans}
    assert [name for name, found in events.items() if found] == [RECORD.span_id]
    assert events[RECORD.span_id] == ["dialtone.breaker.transition"]


async def test_a_breaker_that_changed_without_a_call_is_no_event_of_one(tmp_path: Path) -> None:
    site = Site(tmp_path)

    await site.send(replace(OPENED, at=RECORD.at - 30), RECORD)

    assert not any(span.events for span in site.intake.spans)


async def test_transitions_that_no_call_takes_are_forgotten(tmp_path: Path) -> None:
    site = Site(tmp_path)
    many = [replace(OPENED, integration=f"i{number}") for number in range(tracing.MOST_TRANSITIONS + 5)]

    await site.send(*many)

    assert len(site.exporters.telemetry.traces._transitions) == tracing.MOST_TRANSITIONS


@pytest.mark.parametrize(
    ("checks", "kinds", "told"),
    [
        (TracedChecks.NONE, [None, FailureKind.TIMEOUT], 0),
        (TracedChecks.FAILED, [None, FailureKind.TIMEOUT], 1),
        (TracedChecks.ALL, [None, FailureKind.TIMEOUT], 2),
    ],
)
async def test_checks_are_told_as_the_operator_wants(
    tmp_path: Path, checks: TracedChecks, kinds: list[FailureKind | None], told: int
) -> None:
    site = Site(tmp_path, replace(SETTINGS, traces=TraceSignal(enabled=True, checks=checks)))

    await site.send(*[replace(RECORD, origin=Origin.CHECK, kind=kind, attempts=()) for kind in kinds])

    assert len(site.intake.spans) == told


async def test_an_export_and_what_is_not_sampled_make_no_span(tmp_path: Path) -> None:
    sampler = TraceSignal(enabled=True, sampler=SamplerName.PARENTBASED_ALWAYS_OFF)
    site = Site(tmp_path, replace(SETTINGS, traces=sampler))
    unasked = replace(RECORD, method="", parent_span_id="")

    await site.send(replace(RECORD, origin=Origin.EXPORT), replace(RECORD, sampled=False), unasked)
    assert site.names() == []
    await site.send(RECORD)
    assert len(site.names()) == 3


@pytest.mark.parametrize("compression", list(Compression))
async def test_requests_are_compressed_as_the_operator_wants(
    tmp_path: Path, compression: Compression
) -> None:
    site = Site(tmp_path, replace(SETTINGS, compression=compression))

    await site.send(RECORD)

    assert (len(site.intake.spans), site.intake.faults) == (3, [])


async def test_what_is_too_large_goes_in_parts_and_nothing_comes_twice(tmp_path: Path) -> None:
    site = Site(tmp_path, replace(SETTINGS, max_bytes=4_000))
    records = [
        replace(RECORD, span_id=f"{number:016x}", run_id=random.Random(number).randbytes(16).hex())
        for number in range(1, 400)
    ]
    site.intake.answers = [httpx.Response(413), None]

    await site.send(*records)

    ids = [span.span_id for span in site.intake.spans]
    assert (len(ids), len(set(ids))) == (3 * 399, 3 * 399)
    assert site.samples()["dialtone_exporter_points_total", "otlp-traces"] == 3 * 399


@pytest.mark.parametrize("answer", [429, 502, 503, 504, httpx.ConnectError("refused")])
async def test_what_an_endpoint_does_not_take_now_goes_out_later(
    tmp_path: Path, answer: int | Exception
) -> None:
    site = Site(tmp_path)
    site.intake.answers = [httpx.Response(answer) if isinstance(answer, int) else answer]

    await site.send(RECORD)
    assert site.names() == []
    await site.send()
    await Site(tmp_path).send()

    assert len(site.names()) == 3


@pytest.mark.parametrize("answer", [400, 404, 500, 301])
async def test_what_is_refused_is_given_up_and_counted(tmp_path: Path, answer: int) -> None:
    site = Site(tmp_path)
    site.intake.answers = [httpx.Response(answer)]

    await site.send(RECORD)
    await site.send()

    assert site.names() == []
    assert site.samples()["dialtone_exporter_points_dropped_total", "otlp-traces", "refused"] == 3


async def test_spans_that_an_endpoint_rejects_are_counted(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.intake.answers = [1]

    await site.send(RECORD)

    samples = site.samples()
    assert samples["dialtone_exporter_points_total", "otlp-traces"] == 2
    assert samples["dialtone_exporter_points_dropped_total", "otlp-traces", "rejected"] == 1


@pytest.mark.parametrize("body", [b"", b"{}", b"<ok/>", b"\xff" * 40])
async def test_an_answer_that_is_garbage_is_still_a_success(tmp_path: Path, body: bytes) -> None:
    site = Site(tmp_path)
    site.intake.answers = [httpx.Response(200, content=body)]

    await site.send(RECORD)

    assert site.samples()["dialtone_exporter_points_total", "otlp-traces"] == 3


async def test_what_waits_is_bounded_and_what_is_given_up_is_counted(tmp_path: Path) -> None:
    site = Site(tmp_path)
    lines = site.exporters.telemetry.lines
    assert lines is not None
    most = lines._most

    for number in range(most + 7):
        lines.put(LogLine(at=1.0 + number, level=20, logger="x", text="a line"))

    samples = site.samples()
    assert samples["dialtone_queue_depth", "otlp-logs"] == most
    assert samples["dialtone_queue_dropped_total", "otlp-logs", "full"] == 7


async def test_spans_go_out_by_themselves_a_moment_later(tmp_path: Path) -> None:
    site = Site(tmp_path)
    tasks = dict(site.exporters.tasks())
    async with anyio.create_task_group() as group:
        group.start_soon(tasks["exporter-otlp-traces"])
        for _, subscriber in site.exporters.subscribers():
            subscriber.on_signal(RECORD)
        with anyio.fail_after(10):
            while not site.intake.spans:  # noqa: ASYNC110 - the exporter's own tasks set no event
                await anyio.sleep(0.001)
        group.cancel_scope.cancel()

    assert gathering.GATHER <= 2


class Hanging(TelemetryIntake):
    """Takes the connection, and says nothing."""

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        return await anyio.sleep_forever()  # type: ignore[return-value]  # It never returns.


async def test_an_endpoint_that_hangs_holds_up_the_stop_for_its_time_only_and_gets_it_all_later(
    tmp_path: Path,
) -> None:
    hung = Site(tmp_path, intake=Hanging())
    for _, subscriber in hung.exporters.subscribers():
        subscriber.on_signal(RECORD)

    with anyio.fail_after(5):
        await hung.exporters._running["otlp-traces"].finish(within=0.05)
    after = Site(tmp_path)
    await after.send()

    assert len(after.names()) == 3


async def test_the_key_is_nowhere_but_in_the_request(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.intake.answers = [httpx.Response(503)]

    await site.send(RECORD)

    assert CANARY.encode() not in spooled(tmp_path)
    assert CANARY not in repr(site.exporters.status())
    assert CANARY not in repr(await site.exporters.preview("otlp-traces"))
    assert [one.name for one in site.exporters.status()] == ["otlp-traces", "otlp-logs"]


@pytest.mark.parametrize("name", ["otlp-traces", "otlp-logs"])
async def test_a_trial_sends_one_item_that_the_endpoint_takes(tmp_path: Path, name: str) -> None:
    site = Site(tmp_path)

    trial = await site.exporters.test(name)

    assert (trial.status, trial.action, site.intake.faults) == (200, "taken", [])
    assert len(site.intake.spans) + len(site.intake.records) == 1


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    found = logging.getLogger("dialtone.tests.export")
    found.setLevel(logging.DEBUG)
    found.propagate = False
    yield found
    found.handlers.clear()


def exported(logger: logging.Logger, level: str = "info") -> list[LogLine]:
    lines: list[LogLine] = []
    logger.handlers = [LogExport(lines.append, level=level)]
    return lines


def wrapped(logger: logging.Logger) -> structlog.stdlib.BoundLogger:
    """A logger of structlog as the process has it, over this one."""
    processors = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ]
    return structlog.wrap_logger(logger, processors=processors, wrapper_class=structlog.stdlib.BoundLogger)


def test_a_line_of_structlogs_keeps_its_values_and_its_trace(logger: logging.Logger) -> None:
    lines = exported(logger)

    with structlog.contextvars.bound_contextvars(trace_id="ab" * 16, span_id="cd" * 8):
        wrapped(logger).warning("breaker changed", integration="github-prod", calls=10, after=Origin.CHECK)
    wrapped(logger).debug("not this one")

    (line,) = lines
    assert (line.text, line.level, line.logger) == ("breaker changed", 30, logger.name)
    assert (line.trace_id, line.span_id) == ("ab" * 16, "cd" * 8)
    assert dict(line.values) == {
        "dialtone.integration": "github-prod", "dialtone.calls": 10, "dialtone.after": "check"
    }  # fmt: skip


def test_a_line_of_others_is_a_text_and_an_exception_tells_its_type(logger: logging.Logger) -> None:
    lines = exported(logger)

    logger.info("took %d s", 3)
    try:
        int("something")
    except ValueError:
        logger.exception("failed")

    told, failed = lines
    assert (told.text, told.values) == ("took 3 s", ())
    assert dict(failed.values)["exception.type"] == "ValueError"
    assert "ValueError: invalid literal" in str(dict(failed.values)["exception.stacktrace"])


def test_a_log_that_cannot_be_handed_on_stops_nobody(
    logger: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(_: LogLine) -> None:
        raise RuntimeError("full")

    logger.handlers = [LogExport(full, level="info")]

    logger.info("still here")

    assert "full" in capsys.readouterr().err


@pytest.mark.parametrize(
    "strange",
    [
        pytest.param({"values": (("large", 1 << 63), ("small", -(1 << 63)))}, id="no-64-bits"),
        pytest.param({"values": (("lone \ud800", 1),)}, id="no-utf-8"),
        pytest.param({"trace_id": "4bf92f", "span_id": "a request of ours"}, id="no-ids"),
    ],
)
async def test_a_line_with_anything_in_it_takes_no_other_line_with_it(
    tmp_path: Path, strange: dict[str, object]
) -> None:
    site = Site(tmp_path)
    assert site.exporters.telemetry.lines is not None
    line = LogLine(at=1_800_000_000.0, level=20, logger="x", text="a line")

    site.exporters.telemetry.lines.put(line)
    site.exporters.telemetry.lines.put(replace(line, **strange))
    await site.send()

    assert [record.body.string_value for record in site.intake.records] == ["a line", "a line"]
    assert site.intake.faults == []


@pytest.mark.parametrize(
    ("level", "severity"),
    [
        (10, SeverityNumber.SEVERITY_NUMBER_DEBUG),
        (20, SeverityNumber.SEVERITY_NUMBER_INFO),
        (35, SeverityNumber.SEVERITY_NUMBER_WARN),
        (40, SeverityNumber.SEVERITY_NUMBER_ERROR),
        (50, SeverityNumber.SEVERITY_NUMBER_FATAL),
    ],
)
async def test_a_record_has_the_severity_of_its_line(tmp_path: Path, level: int, severity: int) -> None:
    site = Site(tmp_path)
    assert site.exporters.telemetry.lines is not None
    line = LogLine(
        at=1_800_000_000.0, level=level, logger="x", text="lone \ud800", values=(("a", 1.5), ("b", ""))
    )

    site.exporters.telemetry.lines.put(line)
    await site.send()

    (record,) = site.intake.records
    assert (record.severity_number, record.body.string_value) == (severity, "lone ?")
    assert attributes_of(record.attributes) == {"dialtone.logger": "x", "a": 1.5}


@pytest.mark.parametrize(("checks", "enabled", "goes"), [
    (TracedChecks.FAILED, True, True), (TracedChecks.NONE, True, False), (TracedChecks.ALL, False, False),
])  # fmt: skip
def test_traces_of_checks_go_somewhere_where_they_are_wanted(
    checks: TracedChecks, enabled: bool, goes: bool
) -> None:
    wanted = TraceSignal(enabled=enabled, checks=checks)

    assert traces_checks(ExporterSettings(otlp=replace(SETTINGS, traces=wanted))) is goes
    assert not traces_checks(ExporterSettings())
