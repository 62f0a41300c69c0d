"""Log lines are written by a thread, one event a line, and a full queue drops and counts."""

import contextlib
import io
import json
import logging
import threading

import pytest
import structlog

from app.logs import QUEUE_SIZE, Logs, SignalLog
from integrations.signals import Evidence, Health, HealthChange


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
