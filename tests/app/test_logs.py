"""Log lines are written by a thread, one event a line, and a full queue drops and counts."""

import json
import logging

import pytest
import structlog

from app.logs import Logs, SignalLog
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
