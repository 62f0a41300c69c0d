"""A backtest: everything recorded of one integration goes once through two replays, today's policy's and the
proposed one's.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain

import msgspec

from exporters.analytics.backtest.comparison import Fidelity, differences
from exporters.analytics.backtest.ends import Ends
from exporters.analytics.backtest.order import BUCKETS, Order
from exporters.analytics.backtest.outcome import Backtest, Side, Spell
from exporters.analytics.backtest.recorded import REACH, Recorded, RecordedCall, by_capability
from exporters.analytics.backtest.replay import MOST_TRANSITIONS, Replay
from exporters.analytics.backtest.tally import Counter
from integrations.signals import BreakerState, BreakerTransition

WARM_UP = 3_600.0
"""Seconds before the window that are replayed too: they teach a breaker how long calls usually take."""

_CLOSED, _DISABLED, _SHADOW = BreakerState.CLOSED, BreakerState.DISABLED, BreakerState.SHADOW
_PASSING = frozenset({_CLOSED, _DISABLED, _SHADOW})
_NEAR = 1.5

Event = tuple[float, Callable[[Replay], None]]


class Instead:
    """What a proposed policy made of the calls: how they ended, and how breakers changed."""

    def __init__(self) -> None:
        self.ends = Ends()
        self.transitions: Sequence[BreakerTransition] = ()

    def told(self, integration: str, vendor: str) -> tuple[BreakerTransition, ...]:
        """The changes of breakers, as the signals that they would have been."""
        return tuple(
            msgspec.structs.replace(each, integration=integration, vendor=vendor) for each in self.transitions
        )


def run_backtest(
    order: Order,
    *,
    calls: Iterable[RecordedCall],
    recorded: Recorded,
    truncated_at: float | None = None,
    instead: Instead | None = None,
) -> Backtest:
    """Replay calls, in the order of their beginning, from WARM_UP before the window on. `truncated_at` is
    where the calls end that were read, if there are more; `instead` is told what the proposed policy makes
    of them.
    """
    end = order.end if truncated_at is None else truncated_at
    began = order.start - WARM_UP
    counters = [Counter(start=order.start, end=end, buckets=BUCKETS) for _ in range(2)]
    policies = ((order.today, None), (order.proposed, instead.ends if instead else None))
    replays = [
        Replay(policy, today=order.today, recorded=recorded, counter=counter, began=began, ends=ends)
        for (policy, ends), counter in zip(policies, counters, strict=True)
    ]
    counted = _Counted(calls, start=order.start)
    _drive(replays, _in_order(counted, recorded, end=end), end=end)
    if instead is not None:
        instead.transitions = replays[1].transitions
    today, proposed = (
        _side(replay, counter, start=order.start, end=end)
        for replay, counter in zip(replays, counters, strict=True)
    )
    return Backtest(
        integration=order.integration,
        start=order.start,
        end=end,
        changes=differences(order.today, order.proposed),
        calls=counted.calls,
        checks=sum(order.start <= each.at < end for each in recorded.checks),
        fidelity=_fidelity(recorded.transitions, replays[0].transitions, start=order.start, end=end),
        today=today,
        proposed=proposed,
        truncated=truncated_at is not None,
        notes=tuple(_notes(replays, proposed)),
    )


def _drive(replays: Sequence[Replay], events: Iterable[Event], *, end: float) -> None:
    """Do each event to every replay, and let end what is under way."""
    for _, event in events:
        for replay in replays:
            event(replay)
    for replay in replays:
        replay.finish(end)


class _Counted:
    """Calls, counted as they pass."""

    def __init__(self, calls: Iterable[RecordedCall], *, start: float) -> None:
        self._calls = calls
        self._start = start
        self.calls = 0

    def __iter__(self) -> Iterator[RecordedCall]:
        for each in self._calls:
            self.calls += each.began >= self._start
            yield each


def _in_order(calls: Iterable[RecordedCall], recorded: Recorded, *, end: float) -> Iterator[Event]:
    """All events before the end, by time; each is done to every replay."""
    streams: tuple[Iterable[Event], ...] = (
        ((at, partial(Replay.take_start, at=at)) for at in recorded.starts),
        ((each.at, partial(Replay.take_transition, change=each)) for each in recorded.transitions),
        ((each.at, partial(Replay.take_check, check=each)) for each in recorded.checks),
        ((each.began, partial(Replay.take_call, call=each)) for each in calls),
    )
    for event in heapq.merge(*streams, key=lambda each: each[0]):
        if event[0] >= end:
            return
        yield event


def _side(replay: Replay, counter: Counter, *, start: float, end: float) -> Side:
    spells = tuple(_spells(replay.transitions, start=start, end=end))
    inside = [each for each in replay.transitions if start <= each.at < end]
    return Side(
        tally=counter.tally(),
        openings=sum(each.before in _PASSING and each.after is BreakerState.OPEN for each in inside),
        transitions=len(inside) + replay.left_out,
        guarded_seconds=sum(
            min(end, end if each.seconds is None else each.start + each.seconds) - max(start, each.start)
            for each in spells
        ),
        spells=spells,
        buckets=counter.buckets(),
    )


def _spells(transitions: Sequence[BreakerTransition], *, start: float, end: float) -> Iterator[Spell]:
    """The times in which breakers were not closed and lay, at least in part, in the window."""
    found = chain.from_iterable(_spells_of(rows) for rows in by_capability(transitions).values())
    for each in sorted(found, key=lambda spell: spell.start):
        over = end if each.seconds is None else each.start + each.seconds
        if over > start and each.start < end:
            yield each


def _spells_of(rows: Sequence[BreakerTransition]) -> Iterator[Spell]:
    opened: BreakerTransition | None = None
    for each in rows:
        if opened is None and each.after not in _PASSING:
            opened = each
        elif opened is not None and each.after in _PASSING:
            yield _spell(opened, each.at - opened.at)
            opened = None
    if opened is not None:
        yield _spell(opened, None)


def _spell(opened: BreakerTransition, seconds: float | None) -> Spell:
    return Spell(
        capability=opened.capability,
        state=opened.after,
        start=opened.at,
        seconds=seconds,
        reason=opened.reason,
    )


def _fidelity(
    recorded: Sequence[BreakerTransition], replayed: Sequence[BreakerTransition], *, start: float, end: float
) -> Fidelity:
    theirs = by_capability(each for each in recorded if start <= each.at < end)
    mine = by_capability(each for each in replayed if start <= each.at < end)
    given_back = sum(_matched(rows, mine.get(capability, [])) for capability, rows in theirs.items())
    return Fidelity(
        recorded=sum(map(len, theirs.values())),
        given_back=given_back,
        invented=sum(map(len, mine.values())) - given_back,
    )


def _matched(theirs: Sequence[BreakerTransition], mine: Sequence[BreakerTransition]) -> int:
    """How many of theirs have one of mine, in order, to the same state at about the same time."""
    found = place = 0
    for each in theirs:
        while place < len(mine) and mine[place].at < each.at - _NEAR:
            place += 1
        ahead = range(place, len(mine))
        near = (at for at in ahead if mine[at].at <= each.at + _NEAR)
        same = next((at for at in near if mine[at].after is each.after), None)
        if same is not None:
            found, place = found + 1, same + 1
    return found


def _notes(replays: Sequence[Replay], proposed: Side) -> Iterator[str]:
    tally = proposed.tally
    if tally.assumed:
        yield (
            f"{tally.assumed} calls were never made, or not in this way: they end as the check of their "
            f"capability did that was nearest in time, within {REACH / 60:.0f} minutes."
        )
    if tally.unknown or tally.refused:
        yield (
            f"Of {tally.unknown + tally.refused} calls nothing tells what would have been: no check was near."
        )
    if any(replay.left_out for replay in replays):
        yield f"Only the first {MOST_TRANSITIONS} transitions of each replay are told one by one."
    yield "Waiting for quota and for a free place is taken as it was; the policy is today's for all the time."
