"""Processes to be killed: each takes over an analytics directory, says what it finds there, and publishes on.

    python -m tests.crash.analytics_child

A line of JSON on stdin (a Life) starts one as a fork of this process, so that a life costs no imports; its
pid is written to stdout, and when it has ended, its status.
"""

import os
import sys
import time
import traceback
from collections.abc import Iterable, Sequence
from pathlib import Path

import anyio
import msgspec

from exporters.analytics.archive import keeper
from exporters.analytics.settings import AnalyticsSettings, AnalyticsUnavailable, Retention
from exporters.analytics.store import AnalyticsStore
from integrations.clock import SystemClock
from integrations.signals import APIRequest, CallRecord, OperatorAction, Signal
from tests.crash.analytics_notes import Notes, Range, notes
from tests.exporters.analytics.generated import START, call

PACE, RETRY, ASK, LOOK = 0.002, 0.02, 0.05, 0.1
REQUEST_EVERY, LOGGED_EVERY = 10, 50
"""Every tenth call comes with a request to the API, each fiftieth with a signal that is stored."""

_FOR_EVER = Retention(**dict.fromkeys(Retention.__struct_fields__, 0))
_RUNS = """
    SELECT min(seq), max(seq) FROM (SELECT seq, seq - row_number() OVER (ORDER BY seq) AS run
        FROM (SELECT DISTINCT seq FROM {table})) GROUP BY run ORDER BY 1
"""


class Life(msgspec.Struct, frozen=True, kw_only=True):
    """One life: where the analytics are, where its notes go, and how many calls a second it publishes; with
    none it ends when it has said what it finds. `born` is when time began (monotonic seconds): since then
    the clock on the wall runs `speed` times as fast, so that days end.
    """

    folder: str
    notes: str
    verdict: str
    rate: int
    born: float
    speed: float = 1.0
    checkpoint_seconds: float = 0.5
    disk_floor: int = 0


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What a life finds: the numbers of calls, requests and copied signals, and how many rows there are of
    each. `seconds` from its birth until the first query was answered.
    """

    seconds: float
    sealed: int
    calls: tuple[Range, ...]
    call_rows: int
    requests: tuple[Range, ...]
    request_rows: int
    copied: tuple[Range, ...]
    copied_rows: int


class FastClock(SystemClock):
    """The machine's clocks, with days that pass quickly, so that the archive is looked at often, too."""

    def __init__(self, life: Life) -> None:
        self._life = life

    def time(self) -> float:  # type: ignore[override]  # a method here, a function there
        """UTC seconds, as they would be."""
        return START + (self.monotonic() - self._life.born) * self._life.speed

    async def sleep(self, seconds: float) -> None:  # type: ignore[override]  # a method here, a function there
        """Wait; the archive's keeper not for so long."""
        await anyio.sleep(LOOK if seconds == keeper.TICK else seconds)


class Log:
    """A log of stored signals as long as the notes say, and the same in each life."""

    def __init__(self, told: Notes, clock: FastClock) -> None:
        self._told = told
        self._clock = clock

    async def signals_after(self, cursor: int, limit: int) -> Sequence[tuple[int, Signal]]:
        """Return the signals after the cursor."""
        last = min(self._told.logged, cursor + limit)
        return [(place, self._signal(place)) for place in range(cursor + 1, last + 1)]

    async def end(self) -> int:
        """Return the newest signal's position."""
        return self._told.logged

    def _signal(self, place: int) -> Signal:
        return OperatorAction(at=self._clock.time(), seq=place, actor="ann", action="pause", integration="a")


async def live(life: Life, told: Notes, began: float) -> None:
    """Take over, say what is there, and publish until killed."""
    clock = FastClock(life)
    settings = AnalyticsSettings(
        disk_floor=life.disk_floor, checkpoint_seconds=life.checkpoint_seconds, retention=_FOR_EVER
    )
    log = Log(told, clock)
    store = AnalyticsStore(Path(life.folder), clock=clock, stored=log, settings=settings)
    _take_notes(store, told)
    await store.start()
    async with anyio.create_task_group() as group:
        group.start_soon(store.run)
        await _say(store, life, began=began)
        if life.rate:
            group.start_soon(_ask_on, store, told)
            await _publish(store, told, rate=life.rate, clock=clock)
        group.cancel_scope.cancel()
    await store.aclose()


async def _publish(store: AnalyticsStore, told: Notes, *, rate: int, clock: FastClock) -> None:
    before, began = told.published, time.monotonic()
    while True:
        due = before + int((time.monotonic() - began) * rate)
        for number in range(told.published + 1, due + 1):
            told.published = number
            store.on_signal(call(number, at=clock.time()))
            if number % REQUEST_EVERY == 0:
                store.on_signal(_request(number // REQUEST_EVERY, at=clock.time()))
            told.logged = number // LOGGED_EVERY
        await anyio.sleep(PACE)


def _request(number: int, *, at: float) -> APIRequest:
    return APIRequest(at=at, seq=number, method="GET", route="/v2/x", status=200, duration=0.1)


def _take_notes(store: AnalyticsStore, told: Notes) -> None:
    """Note what is acknowledged once the spool's write has returned; of a batch that went wrong, nothing."""
    spool, write = store._spool, store._spool.write

    def noting(batch: Iterable[Signal]) -> None:
        signals = list(batch)
        before = spool.acknowledged.total()
        write(signals)
        if spool.acknowledged.total() - before == len(signals):
            told.acknowledge(signal.seq for signal in signals if type(signal) is CallRecord)

    spool.write = noting  # type: ignore[method-assign]  # the spool is watched, not changed


async def _say(store: AnalyticsStore, life: Life, *, began: float) -> None:
    """Write down what is there: how soon a query is answered, and all rows once what was left is loaded."""
    while not await _is_answered(store):  # noqa: ASYNC110 - nobody tells
        await anyio.sleep(RETRY)
    seconds = time.monotonic() - began
    while store._spool.sealed or not store.status().ok:  # noqa: ASYNC110 - nobody tells
        await anyio.sleep(RETRY)
    with store._database().reading() as cursor:
        # One transaction: what is copied or sealed meanwhile is in all answers or in none.
        cursor.execute("BEGIN")
        found = {
            table: (
                tuple(cursor.execute(_RUNS.format(table=table)).fetchall()),
                cursor.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0],
            )
            for table in ("calls", "api_requests", "operator_actions")
        }
    verdict = Verdict(
        seconds=seconds,
        sealed=sum(totals.files for totals in store.status().archive.totals.values()),
        calls=found["calls"][0],
        call_rows=found["calls"][1],
        requests=found["api_requests"][0],
        request_rows=found["api_requests"][1],
        copied=found["operator_actions"][0],
        copied_rows=found["operator_actions"][1],
    )
    part = Path(life.verdict).with_suffix(".part")
    part.write_bytes(msgspec.json.encode(verdict))
    part.rename(life.verdict)


async def _ask_on(store: AnalyticsStore, told: Notes) -> None:
    """Note when a query was last answered, and nothing else was wrong either."""
    while True:
        if await _is_answered(store) and store.status().ok:
            told.answered = time.monotonic()
        await anyio.sleep(ASK)


async def _is_answered(store: AnalyticsStore) -> bool:
    try:
        await store.query("usage_by_caller", {}, caller="crash")
    except AnalyticsUnavailable:
        return False
    return True


def begin(life: Life, began: float) -> None:
    """Live in this process."""
    with notes(Path(life.notes)) as told:
        anyio.run(live, life, told, began)


def main() -> None:
    """Bear lives as they are ordered."""
    for line in sys.stdin:
        life = msgspec.json.decode(line, type=Life)
        began = time.monotonic()
        pid = os.fork()
        if pid == 0:
            sys.stdin.close()
            log = os.open(f"{life.verdict}.log", os.O_APPEND | os.O_CREAT | os.O_WRONLY)
            os.dup2(log, 1)
            os.dup2(log, 2)
            status = 1
            try:
                begin(life, began)
                status = 0
            except BaseException:  # noqa: BLE001 - all that ends a life stands in its log
                traceback.print_exc()
            os._exit(status)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(f"{status}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
