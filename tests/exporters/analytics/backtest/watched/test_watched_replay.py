"""Today's settings over their own history give back the recorded alerts of objectives and incidents of
heartbeats; other settings make something else.
"""

from collections import Counter
from collections.abc import Sequence

import anyio
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from exporters.analytics.backtest.watched.heartbeats import run_heartbeat_backtest
from exporters.analytics.backtest.watched.objectives import run_objective_backtests
from integrations.signals import IncidentChange, ObjectiveChange
from monitors.alerts.settings import AlertSettings
from monitors.burn_alerts import KEEP_FIRING
from monitors.heartbeat_settings import HeartbeatSettings
from tests.exporters.analytics.backtest.watched.watched_live import JOBS, SLOS, Lived, live, watching
from tests.fakes.clock import VirtualTimeLoop


def lived(used: AlertSettings, *, seed: int, seconds: float) -> Lived:
    return anyio.run(
        lambda: live(used, seed=seed, seconds=seconds), backend_options={"loop_factory": VirtualTimeLoop}
    )


def begun(changes: Sequence[ObjectiveChange]) -> list[float]:
    """When alerts began; one that is over fires on for a while, in case it comes back."""
    over: dict[str, float] = {}
    found = []
    for change in changes:
        if change.before:
            over[change.before] = change.at
        if change.after and change.at - over.get(change.after, 0.0) > KEEP_FIRING:
            found.append(change.at)
    return found


@settings(max_examples=4)
@given(seed=st.integers(0, 10_000), objective=st.sampled_from([90.0, 99.0, 99.9]))
def test_todays_objectives_give_back_the_recorded_alerts_and_messages(seed: int, objective: float) -> None:
    slos = (replace(SLOS[0], objective=objective),)
    history = lived(watching(slos=slos, jobs=()), seed=seed, seconds=10_000)

    (found,) = run_objective_backtests(history.order(), history.past())

    recorded = [each for each in history.signals if type(each) is ObjectiveChange]
    assert found.alerts.fidelity.recorded == len(recorded)
    assert (found.alerts.fidelity.given_back, found.alerts.fidelity.invented) == (len(recorded), 0)
    assert [each.at for each in found.alerts.today.alerts] == pytest.approx(begun(recorded), abs=0.001)
    assert found.alerts.today.messages == dict(Counter(history.told))
    assert found.today == found.proposed
    assert found.alerts.today == found.alerts.proposed


@settings(max_examples=3)
@given(seed=st.integers(0, 10_000), job=st.sampled_from(JOBS))
# Here an incident is closed by hand within a second after it was opened.
@example(seed=3200, job=JOBS[0])
def test_todays_heartbeats_give_back_the_recorded_incidents_and_messages(
    seed: int, job: HeartbeatSettings
) -> None:
    history = lived(watching(slos=(), jobs=(job,)), seed=seed, seconds=10_000)

    found = run_heartbeat_backtest(history.order(), job.id, history.reported(job.id))

    turns = [
        each
        for each in history.signals
        if type(each) is IncidentChange and each.event in {"opened", "reopened", "resolved"}
    ]
    assert found.alerts.fidelity.recorded == len(turns)
    assert (found.alerts.fidelity.given_back, found.alerts.fidelity.invented) == (len(turns), 0)
    opened = [each.at for each in turns if each.event == "opened"]
    assert [each.opened_at for each in found.alerts.today.incidents] == pytest.approx(opened, abs=1.01)
    assert found.alerts.today.messages == dict(Counter(history.told))
    assert found.alerts.today == found.alerts.proposed
