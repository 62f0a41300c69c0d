"""Log lines are written by a thread, one event a line, and a full queue drops and counts."""

import contextlib
import io
import json
import logging
import threading

import pytest
import structlog

from app.logs import QUEUE_SIZE, Logs, SignalLog
from exporters.otlp.log_export import LogExport
from exporters.otlp.log_records import LogLine
from integrations.signals import Evidence, Health, HealthChange, IncidentChange, ObjectiveChange


def change(capability: str) -> HealthChange:
    return HealthChange(
        at=1.0, integration="web", vendor="http", capability=capability, before=Health.UP, after=Health.DOWN,
        evidence=Evidence.CHECK, reason="3 checks in a row failed", since=1.0,
    )  # fmt: skip


def test_a_change_of_health_is_one_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    logs = Logs(level="info", style="json")
    logs.start()
    SignalLog().on_signal(change(""))
    SignalLog().on_signal(change("read"))
    logs.stop()
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    event = json.loads(lines[0])
    assert (event["integration"], event["after"], event["level"]) == ("web", "down", "warning")


@pytest.mark.parametrize(("level", "expected"), [("debug", ["", "read"]), ("info", [""]), ("error", [])])
def test_what_is_below_the_level_is_passed_by(
    capsys: pytest.CaptureFixture[str], level: str, expected: list[str]
) -> None:
    logs = Logs(level="warning", style="json")
    logs.start()
    subject = SignalLog(logs)
    logs.set_level(level)
    for capability in ("", "read"):
        subject.on_signal(change(capability))
    logs.stop()
    lines = capsys.readouterr().err.splitlines()
    assert [json.loads(line)["capability"] for line in lines] == expected
    severities = ("debug", "info", "warning", "error")
    assert [logs.writes(one) for one in severities] == [
        severities.index(one) >= severities.index(level) for one in severities
    ]


def test_a_line_tells_the_trace_of_the_request_that_is_answered(capsys: pytest.CaptureFixture[str]) -> None:
    handed: list[LogLine] = []
    logs = Logs(level="info", style="json")
    logs.export_to(LogExport(handed.append, level="warning"))
    logs.start()
    with structlog.contextvars.bound_contextvars(trace_id="ab" * 16, span_id="cd" * 8):
        SignalLog().on_signal(change(""))
    structlog.get_logger("test").info("afterwards")
    logs.stop()
    during, after = map(json.loads, capsys.readouterr().err.splitlines())
    structlog.get_logger("test").error("nobody is handed this")
    assert (during["trace_id"], during["span_id"]) == ("ab" * 16, "cd" * 8)
    assert "trace_id" not in after
    assert [(line.text, line.trace_id) for line in handed] == [("health changed", "ab" * 16)]


@pytest.mark.parametrize(("event", "level"), [("opened", "warning"), ("resolved", "info"), ("noted", "info")])
def test_what_becomes_of_an_incident_is_a_line(
    capsys: pytest.CaptureFixture[str], event: str, level: str
) -> None:
    logs = Logs(level="info", style="json")
    logs.start()
    SignalLog().on_signal(
        IncidentChange(
            at=1.0, incident="inc-1", integration="web", vendor="http", capability="", event=event,
            state=Health.DOWN, opened_at=1.0, reason="it is down",
        )
    )  # fmt: skip
    logs.stop()
    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["what"], line["incident"], line["level"]) == (
        "incident",
        event,
        "inc-1",
        level,
    )


@pytest.mark.parametrize(("after", "level"), [("critical", "warning"), ("", "info")])
def test_what_becomes_of_an_objective_is_a_line(
    capsys: pytest.CaptureFixture[str], after: str, level: str
) -> None:
    logs = Logs(level="info", style="json")
    logs.start()
    SignalLog().on_signal(ObjectiveChange(at=1.0, objective="web", before="warning", after=after))
    logs.stop()
    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["objective"], line["after"], line["level"]) == (
        "objective",
        "web",
        after,
        level,
    )


def test_a_traceback_shows_no_local_variable(capsys: pytest.CaptureFixture[str]) -> None:
    logs = Logs(level="info", style="console")
    logs.start()
    canary = "canary-" + "secret"

    def fails() -> None:
        held = canary
        raise RuntimeError(f"boom {len(held)}")

    try:
        fails()
    except RuntimeError:
        structlog.get_logger("test").exception("failed")
    logs.stop()
    written = capsys.readouterr().err
    assert "boom 13" in written
    assert canary not in written


def test_a_full_queue_drops_and_counts() -> None:
    logs = Logs(level="info", style="json")
    record = logging.makeLogRecord({"msg": "x"})
    for _ in range(10_002):
        logs._handler.enqueue(record)
    assert {s.labels: s.value for s in logs.samples()} == {("log",): 10_000, ("log", "full"): 2}


def test_stopping_writes_a_full_queue_to_its_end() -> None:
    written: list[str] = []
    may_write = threading.Event()

    class Waiting(io.StringIO):
        def write(self, text: str, /) -> int:
            may_write.wait(5)
            written.append(text)
            return len(text)

    logs = Logs(level="info", style="json")
    with contextlib.redirect_stderr(Waiting()):
        logs.start()
    for number in range(QUEUE_SIZE + 100):
        logging.getLogger("test").info("line %d", number)
    threading.Timer(0.1, may_write.set).start()

    logs.stop()

    assert len(written) >= QUEUE_SIZE
