"""Signals as lines for a person: what alerting says."""

import pytest

from app.commands.lines import line
from app.live.selection import KINDS
from integrations.signals import (
    DeliveryAttempt,
    Health,
    HeartbeatReport,
    IncidentChange,
    ObjectiveChange,
    Signal,
)

OPENED = IncidentChange(
    at=0.0,
    incident="i-7",
    integration="shop",
    vendor="http",
    capability="",
    event="opened",
    state=Health.DOWN,
    opened_at=0.0,
    reason="3 checks in a row failed",
)
SENT = DeliveryAttempt(
    at=0.0,
    message="m-1",
    receiver="oncall",
    format="webhook",
    type="integration.failed",
    attempt=2,
    result="failed",
    status=503,
    duration=0.2,
    detail="no room",
)


@pytest.mark.parametrize(
    ("signal", "words"),
    [
        pytest.param(
            OPENED, "✗ shop              incident i-7 opened: down: 3 checks in a row failed", id="incident"
        ),
        pytest.param(
            SENT,
            "✗                   integration.failed to oncall failed (503) in 200\N{NO-BREAK SPACE}ms, "
            "attempt 2: no room",
            id="delivery",
        ),
        pytest.param(
            ObjectiveChange(
                at=0.0, objective="web", before="", after="critical", windows="5m/1h", budget_left=0.25
            ),
            "✗                   objective web burns its budget too fast (critical, 5m/1h): 25.0% is left",
            id="objective",
        ),
        pytest.param(
            ObjectiveChange(at=0.0, objective="web", before="critical", after=""),
            "·                   objective web burns its budget no longer too fast",
            id="objective that is well again",
        ),
        pytest.param(
            HeartbeatReport(at=0.0, heartbeat="backup", beat="fail", exit_status=2),
            "✗                   heartbeat backup reported fail (exit status 2)",
            id="heartbeat",
        ),
    ],
)
def test_what_alerting_says_is_told_in_words(signal: Signal, words: str) -> None:
    assert line(signal).plain == f"00:00:00  {words}"


def test_every_kind_of_signal_has_words() -> None:
    from app.commands import lines

    assert set(lines._WORDS) == set(KINDS.values())
