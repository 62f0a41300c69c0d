"""`dialtone heartbeats` and `dialtone slos` against the application, in-process."""

import json

import pytest

from monitors.alerts.settings import AlertSettings
from monitors.heartbeat import Beat
from monitors.heartbeat_settings import HeartbeatSettings
from monitors.slo_settings import SLOSettings
from tests.app.cli.test_commands import run
from tests.fakes.desks import FakeAlerting
from tests.fakes.parts import FakeDialtone

SETTINGS = AlertSettings(
    heartbeats=(HeartbeatSettings(id="backup", period=3600), HeartbeatSettings(id="sync", period=300)),
    slos=(SLOSettings(name="chat", objective=99.9, latency_below=0.5),),
)


@pytest.fixture
def dialtone() -> FakeDialtone:
    made = FakeDialtone()
    made.alerting = FakeAlerting(made.clock, log=made, settings=SETTINGS)
    return made


async def test_heartbeats_are_listed_with_why_they_are_down(dialtone):
    await dialtone.alerting.desks.watching.beats.hear("backup", Beat.FAIL, exit_status=2)

    result = run(dialtone, "heartbeats")

    assert result.exit_code == 0
    assert "✗ Down" in result.stdout
    assert "(exit status 2)" in " ".join(result.stdout.split())
    assert result.stdout.splitlines()[-1] == "2 heartbeats, 1 down"
    assert isinstance(json.loads(run(dialtone, "heartbeats", "--json").stdout), dict)


def test_the_url_is_shown_whole_and_rotated(dialtone):
    first = run(dialtone, "heartbeats", "url", "backup").stdout.strip()
    second = run(dialtone, "heartbeats", "rotate", "backup", "--reason", "it leaked").stdout.strip()

    assert "/v2/heartbeats/backup/" in first
    assert len(first.rpartition("/")[2]) == len(second.rpartition("/")[2]) == 43
    assert first != second


def test_an_unknown_heartbeat_names_the_nearest(dialtone):
    result = run(dialtone, "heartbeats", "url", "bakup")

    assert result.exit_code != 0
    assert "did you mean backup?" in result.output


def test_objectives_are_listed_with_budget_and_burns(dialtone):
    result = run(dialtone, "slos")

    assert result.exit_code == 0
    assert "✓ chat" in result.stdout
    assert "99.9 % in 0.5 s" in result.stdout
    assert "100.0%" in result.stdout
    assert result.stdout.splitlines()[-1] == "1 objective, 0 burning too fast"
