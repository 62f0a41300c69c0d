"""Backtests of alerting over DuckDB: what was lived through goes in as signals and comes out as an answer."""

import threading
from collections import Counter
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from msgspec.structs import replace

from exporters.analytics.backtest.alerts.proposal import proposed_rules
from exporters.analytics.backtest.alerts.stream import SignalReader
from exporters.analytics.backtest.desk import Backtests
from exporters.analytics.backtest.order import Order
from exporters.analytics.backtest.outcome import Backtest
from exporters.analytics.database import Database
from exporters.analytics.running import QueryCancelled, RunningQuery
from integrations.clock import SystemClock
from integrations.execution.policy import BreakerPolicy, Policy
from integrations.signals import (
    CheckResult,
    ConfigChange,
    IncidentChange,
    Indicator,
    QueryRun,
    QuotaSample,
    Signal,
    VendorNotice,
)
from tests.exporters.analytics.archive.sealing_by_hand import DAY, seal_all
from tests.exporters.analytics.backtest.alerts.watched import POLICY, Lived, live
from tests.exporters.analytics.generated import Pair, started
from tests.fakes.clock import VirtualTimeLoop
from tests.fakes.signals import RecordingSubscriber

NEVER = Policy(breaker=BreakerPolicy(min_calls=100_000))


@pytest.fixture(scope="module")
def history() -> Lived:
    found: list[Lived] = []

    async def main() -> None:
        found.append(await live(seed=4, seconds=3_000.0))

    # The tests of this module run in a loop of their own kind.
    thread = threading.Thread(
        target=partial(anyio.run, main, backend_options={"loop_factory": VirtualTimeLoop})
    )
    thread.start()
    thread.join()
    return found[0]


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    pair = started(tmp_path)
    yield pair
    pair.close()


def database_of(pair: Pair) -> Database:
    assert pair.writer.database is not None
    return pair.writer.database


def desk_of(pair: Pair, published: RecordingSubscriber | None = None) -> Backtests:
    return Backtests(
        database=lambda: database_of(pair), clock=SystemClock(), publish=published or RecordingSubscriber()
    )


def order(history: Lived, *, policy: Policy = POLICY, **keys: object) -> Order:
    today = history.order.today
    other, _ = proposed_rules(today, check_keys=keys, alert_keys={})
    return Order(
        integration="shop",
        today=POLICY,
        proposed=policy,
        start=history.start - 1,
        end=history.end,
        alerts=replace(history.order, proposed=other),
    )


async def ask(pair: Pair, history: Lived, asked: Order) -> Backtest:
    pair.load(list(history.signals))
    return await desk_of(pair).backtest(asked, caller="ann")


async def test_todays_rules_over_what_duckdb_holds_give_back_incidents_and_messages(
    pair: Pair, history: Lived
) -> None:
    found = (await ask(pair, history, order(history))).alerts

    turns = {"opened", "reopened", "resolved"}
    recorded = [each for each in history.signals if type(each) is IncidentChange and each.event in turns]
    assert found is not None
    assert len(recorded) > 6
    assert found.fidelity.recorded == found.fidelity.given_back == len(recorded)
    assert found.fidelity.invented == 0
    assert found.today.messages == dict(Counter(history.told))
    assert found.today == found.proposed


async def test_a_policy_whose_breaker_never_opens_leaves_incidents_to_checks(
    pair: Pair, history: Lived
) -> None:
    found = await ask(pair, history, order(history, policy=NEVER))

    assert found.alerts is not None
    assert found.proposed.openings == 0 < found.today.openings
    openers = [each.reason for each in found.alerts.today.incidents]
    assert any(reason.startswith("The circuit for live calls opened") for reason in openers)
    others = [each.reason for each in found.alerts.proposed.incidents]
    assert others
    assert not any(reason.startswith("The circuit") for reason in others)


async def test_days_that_are_sealed_are_replayed_as_they_were(pair: Pair, history: Lived) -> None:
    before = await ask(pair, history, order(history, fail_after=1))
    pair.clock.advance(4 * DAY)

    sealed = seal_all(pair)
    after = await desk_of(pair).backtest(order(history, fail_after=1), caller="ann")

    assert sealed > 0
    assert pair.rows("SELECT count(*) FROM hot_calls") == [(0,)]
    assert after == before


async def test_other_rules_change_alerting_alone(pair: Pair, history: Lived) -> None:
    found = await ask(pair, history, order(history, fail_after=1))

    assert found.alerts is not None
    assert found.today == found.proposed
    assert found.alerts.today != found.alerts.proposed
    assert [change.key for change in found.alerts.changes] == ["check.fail_after"]


async def test_all_that_alerting_heard_is_read_as_it_was_told(pair: Pair, history: Lived) -> None:
    at = float(int(history.start))
    told: list[Signal] = [
        QuotaSample(
            at=at, seq=1, integration="shop", vendor="http", bucket="core", limit=10.0,
            remaining=1.0, reset_at=at + 900,
        ),
        VendorNotice(
            at=at, seq=2, vendor="http", kind="status", integrations=("shop",),
            indicator=Indicator.MAJOR_OUTAGE, title="Down", components=("API",),
        ),
        VendorNotice(at=at, seq=3, vendor="http", kind="status", integrations=("other",)),
    ]  # fmt: skip
    pair.load([*told, *history.signals])
    with database_of(pair).reading() as cursor:
        reader = SignalReader(cursor, "shop", vendor="http", breathe=lambda: None)
        others = reader.others(at - 1, history.end)
        checks = reader.checks(at - 1, history.end)

    assert others[:2] == told[:2]
    assert told[2] not in others
    mine = [each for each in others if type(each) is IncidentChange]
    for found, kind in ((mine, IncidentChange), (checks, CheckResult)):
        lived = [each for each in history.signals if type(each) is kind]
        assert [each.at for each in found] == pytest.approx([each.at for each in lived], abs=2e-6)
        assert [_timeless(each) for each in found] == [_timeless(each) for each in lived]


def _timeless(signal: Signal) -> Signal:
    """Without the times that DuckDB rounds to the microsecond, and with durations rounded so."""
    if type(signal) is IncidentChange:
        return replace(signal, at=0.0, opened_at=0.0, resolved_at=None)
    return replace(signal, at=0.0, duration=round(signal.duration, 6), lag=round(signal.lag, 6))


async def test_while_it_ran_no_more_the_replay_stands_still(pair: Pair, history: Lived) -> None:
    gap = history.end - 100
    starts = [
        ConfigChange(at=at, seq=seq, source="x", sha256="", integrations=1, version="1")
        for at, seq in ((history.start - 7_200, 7_000), (gap, 1))
    ]
    pair.load([*starts, *(each for each in history.signals if each.at < gap - 1_000)])
    with database_of(pair).reading() as cursor:
        reader = SignalReader(cursor, "shop", vendor="http", breathe=lambda: None)
        last = reader.last_sign(gap)

    assert last == pytest.approx(max(each.at for each in history.signals if each.at < gap - 1_000), abs=120.0)


async def test_one_that_runs_is_listed_with_how_far_it_is_and_may_be_ended(
    pair: Pair, history: Lived
) -> None:
    pair.load(list(history.signals))
    published = RecordingSubscriber()
    desk = desk_of(pair, published)
    seen: list[RunningQuery] = []

    async def watch() -> None:
        while not seen:
            seen.extend(each for each in desk.running() if each.progress)
            await anyio.lowlevel.checkpoint()
        desk.cancel("mine")

    async with anyio.create_task_group() as group:
        group.start_soon(watch)
        with pytest.raises(QueryCancelled):
            await desk.backtest(order(history, policy=NEVER), caller="ann", query_id="mine")

    assert (seen[0].id, seen[0].query, seen[0].caller) == ("mine", "backtest shop", "ann")
    assert 0 < (seen[0].progress or 0) <= 1
    assert desk.running() == ()
    assert published.of(QueryRun)[0].error == "cancelled"
