"""Signals as lines for a person: what alerting says."""

import pytest

from app.commands.lines import line
from app.live.selection import KINDS
from integrations.signals import DeliveryAttempt, Health, IncidentChange

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
    ],
)
def test_incidents_and_deliveries_are_told_in_words(signal: IncidentChange, words: str) -> None:
    assert line(signal).plain == f"00:00:00  {words}"


def test_every_kind_of_signal_has_words() -> None:
    from app.commands import lines

    assert set(lines._WORDS) == set(KINDS.values())
