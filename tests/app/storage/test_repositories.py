from pathlib import Path

import pytest

from app.storage.storage import Storage, open_storage
from app.storage.tables import ROWS_AT_ONCE
from exporters.catalogue import CATALOGUE
from integrations.clock import SystemClock
from integrations.credentials.secret import Secret
from integrations.execution.outcome import FailureKind
from integrations.execution.status import ExecutionStore, SavedBreaker, SavedLine, SavedQuota
from integrations.signals import BreakerState, Evidence, Health, HealthChange, OperatorAction
from monitors.alerts.consequences import NOTHING
from monitors.report import CapabilityHealth, HealthStore, Pause, SavedHealth

LINE = SavedLine(
    integration="github-prod",
    breakers=(
        SavedBreaker(
            capability="read",
            state=BreakerState.FORCED_OPEN,
            since=10.5,
            reason="maintenance",
            actor="oncall",
            expires_at=99.0,
            openings=2,
        ),
    ),
    quotas=(SavedQuota(bucket="core", limit=5000, remaining=12.5, reset_at=70.0),),
)


def state(integration: str, health: Health = Health.DOWN) -> SavedHealth:
    capability = CapabilityHealth(
        capability="read",
        state=health,
        since=5.0,
        reason="timeout",
        evidence=Evidence.CHECK,
        kind=FailureKind.TIMEOUT,
    )
    return SavedHealth(
        integration=integration,
        capabilities=(capability,),
        state=health,
        since=5.0,
        pause=Pause(actor="oncall", reason="upgrade", since=4.0),
    )


def change(integration: str, at: float, after: Health = Health.DOWN) -> HealthChange:
    return HealthChange(
        at=at,
        integration=integration,
        vendor="github",
        capability="",
        before=Health.UP,
        after=after,
        evidence=Evidence.CHECK,
        reason="timeout",
        since=at - 1,
    )


def action(at: float) -> OperatorAction:
    return OperatorAction(at=at, actor="oncall", action="pause", integration="slack", reason="noise")


async def test_saved_lines_come_back_as_they_were(storage: Storage) -> None:
    store: ExecutionStore = storage.execution
    await store.save_lines([LINE, SavedLine(integration="slack")])

    assert list(await store.load_lines()) == [LINE, SavedLine(integration="slack")]


async def test_saving_a_line_again_replaces_it_and_leaves_the_others(storage: Storage) -> None:
    await storage.execution.save_lines([LINE, SavedLine(integration="slack")])
    await storage.execution.save_lines([SavedLine(integration="github-prod")])

    lines = await storage.execution.load_lines()

    assert {line.integration: line.breakers for line in lines} == {"github-prod": (), "slack": ()}


async def test_saving_no_line_is_no_mistake(storage: Storage) -> None:
    await storage.execution.save_lines([])

    assert list(await storage.execution.load_lines()) == []


async def test_health_and_its_changes_are_stored_together(storage: Storage) -> None:
    store: HealthStore = storage.health
    await store.save_health(
        [state("github-prod")], [change("github-prod", 1.0), change("github-prod", 2.0)], NOTHING
    )

    assert list(await store.load_health()) == [state("github-prod")]
    assert [at.at for at in await storage.signals.recent_changes("github-prod", 10)] == [2.0, 1.0]


async def test_many_are_stored_in_their_order_and_the_newest_of_each_remains(storage: Storage) -> None:
    count = 2 * ROWS_AT_ONCE + 3
    names = [f"site-{number}" for number in range(count)]
    changes = [change(name, float(number)) for number, name in enumerate(names)]

    await storage.health.save_health([state(name, Health.UP) for name in names], changes, NOTHING)
    await storage.health.save_health([*map(state, names), state(names[0], Health.UP)], [], NOTHING)

    assert [signal for _, signal in await storage.signals.signals_after(0, count + 1)] == changes
    stored = {each.integration: each.state for each in await storage.health.load_health()}
    assert stored == {**dict.fromkeys(names, Health.DOWN), names[0]: Health.UP}


async def test_health_without_its_change_is_not_stored(storage: Storage) -> None:
    broken = change("github-prod", float("nan"))  # NaN is NULL to SQLite, and the column refuses it.

    with pytest.raises(Exception, match="NOT NULL"):
        await storage.health.save_health(
            [state("github-prod")], [change("github-prod", 1.0), broken], NOTHING
        )

    assert list(await storage.health.load_health()) == []
    assert list(await storage.signals.signals_after(0, 10)) == []


async def test_recent_changes_are_one_integrations_newest_first_up_to_the_limit(storage: Storage) -> None:
    for at in (1.0, 2.0, 3.0):
        await storage.health.save_health([state("a")], [change("a", at)], NOTHING)
        await storage.health.save_health([state("b")], [change("b", at)], NOTHING)

    assert [entry.at for entry in await storage.signals.recent_changes("a", 2)] == [3.0, 2.0]


async def test_the_signal_log_is_read_in_order_by_a_cursor(storage: Storage) -> None:
    await storage.health.save_health([state("a")], [change("a", 1.0)], NOTHING)
    await storage.operators.record(action(2.0))
    await storage.health.save_health([state("a")], [change("a", 3.0)], NOTHING)

    first = await storage.signals.signals_after(0, 2)
    rest = await storage.signals.signals_after(first[-1][0], 2)

    assert [signal for _, signal in (*first, *rest)] == [change("a", 1.0), action(2.0), change("a", 3.0)]
    assert [number for number, _ in (*first, *rest)] == [1, 2, 3]


async def test_recent_actions_are_newest_first(storage: Storage) -> None:
    await storage.operators.record(action(1.0))
    await storage.operators.record(action(2.0))
    await storage.health.save_health([state("a")], [change("a", 3.0)], NOTHING)

    assert list(await storage.operators.recent(10)) == [action(2.0), action(1.0)]


async def test_trimming_takes_only_what_is_copied_and_old(storage: Storage) -> None:
    for at in (1.0, 2.0, 30.0, 4.0):
        await storage.operators.record(action(at))

    trimmed = await storage.signals.trim(copied=3, before=10.0)

    assert trimmed == 2
    assert [number for number, _ in await storage.signals.signals_after(0, 10)] == [3, 4]


async def test_numbers_are_never_given_again_after_trimming(storage: Storage) -> None:
    await storage.operators.record(action(1.0))
    await storage.signals.trim(copied=1, before=10.0)
    await storage.operators.record(action(2.0))

    assert await storage.signals.signals_after(1, 10) == [(2, action(2.0))]


async def test_the_log_ends_with_its_newest_signal(storage: Storage) -> None:
    assert await storage.signals.end() == 0
    for at in (1.0, 2.0):
        await storage.operators.record(action(at))

    assert await storage.signals.end() == 2


async def test_what_is_stored_survives_a_restart(tmp_path: Path) -> None:
    for _ in range(2):
        storage = open_storage(None, state_dir=tmp_path, clock=SystemClock())
        await storage.start()
        await storage.execution.save_lines([LINE])
        await storage.operators.record(action(1.0))
        await storage.aclose()

    storage = open_storage(Secret("sqlite:///dialtone.sqlite"), state_dir=tmp_path, clock=SystemClock())
    await storage.start()
    assert list(await storage.execution.load_lines()) == [LINE]
    assert len(await storage.signals.signals_after(0, 10)) == 2
    await storage.aclose()


async def test_every_sample_is_in_the_catalogue(storage: Storage) -> None:
    for sample in storage.samples():
        assert len(sample.labels) == len(CATALOGUE[sample.metric].labels)
