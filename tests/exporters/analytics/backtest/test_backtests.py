"""Backtests over DuckDB: what was lived through goes in as signals, and comes out as an answer."""

import threading
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
from msgspec.structs import replace

from exporters.analytics.backtest.comparison import Change
from exporters.analytics.backtest.desk import NAME, Backtests
from exporters.analytics.backtest.history import History
from exporters.analytics.backtest.keys import InvalidProposal
from exporters.analytics.backtest.order import Order, proposed, read_window
from exporters.analytics.backtest.outcome import Backtest
from exporters.analytics.backtest.run import WARM_UP
from exporters.analytics.database import Database
from exporters.analytics.parameters import InvalidParams
from exporters.analytics.settings import AnalyticsUnavailable, QueryTimeout
from integrations.clock import SystemClock
from integrations.execution.policy import BreakerPolicy, Policy
from integrations.signals import CallRecord, ConfigChange, QueryRun, Signal
from tests.exporters.analytics.backtest.lived import Lived, live
from tests.exporters.analytics.generated import Pair, started
from tests.fakes.clock import VirtualTimeLoop
from tests.fakes.signals import RecordingSubscriber

POLICY = Policy(breaker=BreakerPolicy(min_calls=5, open_seconds=5.0, half_open_seconds=10.0))
EAGER = Policy(breaker=BreakerPolicy(min_calls=3, failure_ratio=0.2, open_seconds=5.0))


@pytest.fixture(scope="module")
def history() -> Lived:
    found: list[Lived] = []

    async def main() -> None:
        found.append(await live(POLICY, seed=3, seconds=240.0))

    # The tests of this module run in a loop of their own kind.
    thread = threading.Thread(
        target=lambda: anyio.run(main, backend_options={"loop_factory": VirtualTimeLoop})
    )
    thread.start()
    thread.join()
    return found[0]


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    pair = started(tmp_path)
    yield pair
    pair.close()


def load(pair: Pair, signals: list[Signal]) -> None:
    pair.load([replace(each, seq=number) for number, each in enumerate(signals, 1)])


def database_of(pair: Pair) -> Database:
    assert pair.writer.database is not None
    return pair.writer.database


def order(history: Lived, *, policy: Policy = EAGER) -> Order:
    return Order(
        integration="shop",
        today=POLICY,
        proposed=policy,
        start=history.calls[0].began - 1,
        end=max(each.ended for each in history.calls) + 60,
    )


async def ask(pair: Pair, asked: Order, published: RecordingSubscriber | None = None) -> Backtest:
    desk = Backtests(
        database=lambda: database_of(pair), clock=SystemClock(), publish=published or RecordingSubscriber()
    )
    return await desk.backtest(asked, caller="ann")


async def test_todays_policy_over_what_duckdb_holds_gives_back_all_that_was_recorded(
    pair: Pair, history: Lived
) -> None:
    load(pair, history.signals)

    found = await ask(pair, order(history))

    assert len(history.transitions) > 5
    assert found.fidelity.recorded == len(history.transitions)
    assert (found.fidelity.given_back, found.fidelity.invented) == (len(history.transitions), 0)
    assert (found.calls, found.checks) == (len(history.calls), len(history.checks))
    assert found.today.tally.calls == found.proposed.tally.calls == len(history.calls)
    assert found.today.tally.succeeded == sum(call.kind is None for call in history.calls)
    assert found.today.tally.rejected == sum(call.was_refused_open for call in history.calls)
    assert sum(bucket.calls for bucket in found.today.buckets) == len(history.calls)
    assert found.proposed.openings != found.today.openings
    assert found.proposed.guarded_seconds == pytest.approx(
        sum(
            (found.end - each.start) if each.seconds is None else each.seconds
            for each in found.proposed.spells
        )
    )
    assert not found.truncated


async def test_a_backtest_without_a_proposal_makes_no_difference(pair: Pair, history: Lived) -> None:
    load(pair, history.signals)

    found = await ask(pair, order(history, policy=POLICY))

    assert found.changes == ()
    assert found.today == found.proposed


async def test_a_window_in_the_middle_begins_in_the_state_of_its_time(pair: Pair, history: Lived) -> None:
    load(pair, history.signals)
    middle = history.calls[len(history.calls) // 2].began

    found = await ask(pair, replace(order(history), start=middle))

    assert found.fidelity.recorded == sum(each.at >= middle for each in history.transitions)
    assert found.fidelity.given_back == found.fidelity.recorded
    assert found.today.tally.calls == sum(each.began >= middle for each in history.calls)


async def test_other_integrations_are_left_alone(pair: Pair, history: Lived) -> None:
    load(pair, history.signals)

    found = await ask(pair, replace(order(history), integration="other"))

    assert (found.calls, found.checks, found.fidelity.recorded) == (0, 0, 0)


async def test_reading_ends_at_the_most_calls_and_says_so(pair: Pair, history: Lived) -> None:
    load(pair, history.signals)
    desk = Backtests(
        database=lambda: database_of(pair),
        clock=SystemClock(),
        publish=RecordingSubscriber(),
        most_calls=100,
    )

    found = await desk.backtest(order(history), caller="ann")

    assert found.truncated
    assert found.calls == 100
    assert found.end == pytest.approx(sorted(each.began for each in history.calls)[100], abs=0.001)


async def test_a_restart_is_seen_by_the_numbers_that_begin_again(pair: Pair, history: Lived) -> None:
    asked = order(history)
    changes = [
        ConfigChange(at=asked.start + at, seq=seq, source="x", sha256="", integrations=1, version="1")
        for at, seq in ((1, 3), (2, 90), (3, 3))
    ]
    pair.load(changes)
    with database_of(pair).reading() as cursor:
        found = History(cursor, "shop", start=asked.start, end=asked.end, breathe=lambda: None).recorded()

    assert found.starts == [pytest.approx(asked.start + 3)]


async def test_each_backtest_is_on_record(pair: Pair, history: Lived) -> None:
    load(pair, history.signals)
    published = RecordingSubscriber()

    await ask(pair, order(history), published)

    (run,) = published.of(QueryRun)
    assert (run.query, run.caller, run.rows, run.error) == (NAME, "ann", len(history.calls), "")


async def test_one_that_takes_too_long_is_ended_and_says_what_to_do(pair: Pair, history: Lived) -> None:
    load(pair, history.signals)
    published = RecordingSubscriber()
    desk = Backtests(database=lambda: database_of(pair), clock=SystemClock(), publish=published, seconds=0.0)

    with pytest.raises(QueryTimeout, match="narrow its time"):
        await desk.backtest(order(history), caller="ann")

    assert published.of(QueryRun)[0].error == "timeout"


async def test_without_a_database_it_says_why(history: Lived) -> None:
    def closed() -> Database:
        raise AnalyticsUnavailable("analytics is off: the disk is full")

    published = RecordingSubscriber()
    desk = Backtests(database=closed, clock=SystemClock(), publish=published)

    with pytest.raises(AnalyticsUnavailable, match="the disk is full"):
        await desk.backtest(order(history), caller="ann")

    assert published.of(QueryRun)[0].error == "unavailable"


async def test_calls_of_the_hour_before_teach_and_are_not_counted(pair: Pair, history: Lived) -> None:
    load(pair, history.signals)
    last = max(each.at for each in history.signals if isinstance(each, CallRecord))

    found = await ask(pair, replace(order(history), start=last + 30, end=last + 60))

    assert last + 30 - WARM_UP < history.calls[0].began
    assert (found.calls, found.today.tally.calls) == (0, 0)


@pytest.mark.parametrize(
    "keys",
    [
        {"breaker": {"failure_ratio": 0.3}, "timeout": 5},
        {"breaker.failure_ratio": 0.3, "timeout": 5.0},
    ],
    ids=["nested", "dotted"],
)
def test_a_proposal_names_the_keys_that_are_to_be_other(keys: dict[str, object]) -> None:
    found = proposed(Policy(), keys)

    assert (found.breaker.failure_ratio, found.timeout, found.retry) == (0.3, 5.0, Policy().retry)


@pytest.mark.parametrize(
    ("keys", "key", "words"),
    [
        ({"breaker.failure": 1}, "breaker.failure", "no 'failure' here; did you mean failure_ratio?"),
        ({"brake": 1}, "brake", "no 'brake' here; did you mean breaker?"),
        ({"timeout.x": 1}, "timeout.x", "'timeout' holds no further keys"),
        ({"breaker": {"failure_ratio": 2}}, "breaker", "must be above 0 and at most 1"),
        ({"breaker.window": "x"}, "breaker.window", "Expected `int`"),
        ({"timeout": 60}, "timeout", "connect <= timeout <= deadline"),
        ({"breaker": 3}, "breaker", "Expected `object`"),
    ],
)
def test_a_proposal_that_cannot_be_says_which_key_and_why(
    keys: dict[str, object], key: str, words: str
) -> None:
    with pytest.raises(InvalidProposal, match=words.replace("(", r"\(")) as caught:
        proposed(Policy(), keys)

    assert caught.value.key.startswith(key)


def test_a_window_ends_now_at_the_latest() -> None:
    assert read_window("-1h", "now", now=7_200.0) == (3_600.0, 7_200.0)
    assert read_window("-1h", "2030-01-01", now=7_200.0) == (3_600.0, 7_200.0)


@pytest.mark.parametrize(
    ("start", "end"),
    [("now", "2030-01-01"), ("-1h", "-2h"), ("soon", "now"), ("0001-01-01", "now"), ("-3h", "now")],
)
def test_a_window_that_is_none_is_refused(start: str, end: str) -> None:
    with pytest.raises(InvalidParams):
        read_window(start, end, now=7_200.0)


async def test_the_answer_names_the_keys_that_differ(pair: Pair, history: Lived) -> None:
    found = await ask(pair, order(history))

    assert found.changes == (
        Change(key="breaker.min_calls", today=5, proposed=3),
        Change(key="breaker.failure_ratio", today=0.5, proposed=0.2),
        Change(key="breaker.half_open_seconds", today=10.0, proposed=60.0),
    )
