"""A backtest of alerting: everything recorded of one integration goes through two replays, under the rules of
today and under the proposed ones.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from exporters.analytics.backtest.alerts.comparing import compared
from exporters.analytics.backtest.alerts.ledger import CHANGES
from exporters.analytics.backtest.alerts.outcome import AlertBacktest, AlertSide
from exporters.analytics.backtest.alerts.proposal import AlertOrder, AlertRules, shown
from exporters.analytics.backtest.alerts.replay import AlertReplay
from exporters.analytics.backtest.alerts.rounds import Looked, Repeats, in_rounds
from exporters.analytics.backtest.comparison import Fidelity, differences, held_against
from integrations.signals import (
    BreakerTransition,
    CallRecord,
    CheckResult,
    Evidence,
    Health,
    HealthChange,
    IncidentChange,
    Signal,
)

WARM_UP = 6 * 3_600.0
"""Seconds before the window that are replayed too: they teach what is usual."""

NEAR = 90.0
"""Seconds by which a recorded change and a replayed one may differ: what live calls show is looked at once a
minute, at a moment that is not recorded.
"""

_WELL = frozenset((Health.UP, Health.UNKNOWN))

_BREATHS = 500

Step = Callable[[AlertReplay], None]
Event = tuple[float, int, Step]


class Happened(NamedTuple):
    """All that was recorded, each in its order, from WARM_UP before the window on. `calls` opens the stream
    of live calls anew each time, `took` says of a check's run how many seconds its calls took, `outages` are
    the times in which Dialtone did not run.
    """

    calls: Callable[[], Iterable[CallRecord]]
    checks: Sequence[CheckResult] = ()
    took: Mapping[str, float] = {}
    others: Sequence[Signal] = ()
    outages: Sequence[tuple[float, float]] = ()


class Otherwise(NamedTuple):
    """What another policy made of the calls from `start` on: these ended so, and breakers changed so."""

    start: float
    calls: Iterable[CallRecord]
    transitions: Sequence[BreakerTransition]


class _Span(NamedTuple):
    """What is counted, and who is told how far it is; `done` was before."""

    start: float
    end: float
    breathe: Callable[[float], None]
    done: float = 0.0

    def turn(self, at: float) -> None:
        """Say that a replay, which is half of the work, has come to a moment."""
        began = self.start - WARM_UP
        self.breathe(self.done + 0.5 * (at - began) / (self.end - began))


def run_alert_backtest(
    order: AlertOrder,
    happened: Happened,
    *,
    start: float,
    end: float,
    otherwise: Otherwise | None = None,
    breathe: Callable[[float], None] = lambda _: None,
) -> AlertBacktest:
    """Replay what happened under both rules; the proposed ones over what their policy would have made of the
    calls, where that is another one. `breathe` is told now and then which share is done; it may raise to end
    the replay.
    """
    looked = in_rounds(happened.checks, interval=order.connection.check.interval, took=happened.took)
    span = _Span(start, end, breathe)
    today = _replayed(order, order.today, happened, looked=looked, span=span)
    span = span._replace(done=0.5)
    other = _replayed(order, order.proposed, happened, looked=looked, span=span, otherwise=otherwise)
    sides = [each.ledger.side(start=start, end=end) for each in (today, other)]
    recorded = [each for each in happened.others if type(each) is IncidentChange]
    return compared(
        differences(shown(order.today), shown(order.proposed)),
        _fidelity(recorded, today.ledger.changes, start=start, end=end),
        (sides[0], sides[1]),
        end=end,
        notes=tuple(_notes(order, sides[1], recorded)),
    )


def _replayed(
    order: AlertOrder,
    rules: AlertRules,
    happened: Happened,
    *,
    looked: Sequence[Looked],
    span: _Span,
    otherwise: Otherwise | None = None,
) -> AlertReplay:
    repeats = Repeats(looked, rules.check) if rules.check != order.today.check else None
    looks = [each.at for each in happened.others if _is_look(each)]
    began = span.start - WARM_UP
    replay = AlertReplay(order, rules, began=began, repeats=repeats, looks=looks, breathe=span.turn)
    made = looked if repeats is None else [each for each in looked if each.is_slot]
    for place, (at, _, step) in enumerate(_events(happened, made, otherwise)):
        if at >= span.end:
            break
        if place % _BREATHS == 0:
            span.turn(at)
        step(replay)
    replay.pass_to(span.end)
    return replay


def _is_look(signal: Signal) -> bool:
    """Whether it came of weighing the live calls of some minutes."""
    return (
        type(signal) is HealthChange
        and signal.evidence is Evidence.TRAFFIC
        and signal.after is Health.DEGRADED
        and signal.before in _WELL
    )


def _events(happened: Happened, looked: Sequence[Looked], otherwise: Otherwise | None) -> Iterator[Event]:
    """Everything by its time; at the same time as it was told."""
    calls, others = _taken(happened, otherwise)
    streams: tuple[Iterable[Event], ...] = (
        ((each.at, each.seq, partial(AlertReplay.take, signal=each)) for each in calls),
        ((each.at, each.seq, partial(AlertReplay.take, signal=each)) for each in others),
        ((each.result.at, each.result.seq, partial(AlertReplay.take_check, looked=each)) for each in looked),
        ((at, -1, partial(AlertReplay.stop, at=at)) for at, _ in happened.outages),
        ((at, 0, partial(AlertReplay.start, at=at)) for _, at in happened.outages),
    )
    return heapq.merge(*streams, key=lambda each: each[:2])


def _taken(happened: Happened, otherwise: Otherwise | None) -> tuple[Iterable[CallRecord], Iterable[Signal]]:
    """Calls, and what else was told; as another policy made them where there is one."""
    if otherwise is None:
        return happened.calls(), happened.others
    at = otherwise.start
    kept = (each for each in happened.others if type(each) is not BreakerTransition or each.at < at)
    later = (each for each in otherwise.transitions if each.at >= at)
    others = heapq.merge(kept, later, key=lambda each: (each.at, each.seq))
    before = (each for each in happened.calls() if each.at < at)
    return heapq.merge(before, otherwise.calls, key=lambda each: each.at), others


def _fidelity(
    recorded: Sequence[IncidentChange], replayed: Sequence[IncidentChange], *, start: float, end: float
) -> Fidelity:
    theirs = [(each.event, each.at) for each in recorded if each.event in CHANGES and start <= each.at < end]
    mine = [(each.event, each.at) for each in replayed if start <= each.at < end]
    return held_against(theirs, mine, near=NEAR)


def _notes(order: AlertOrder, proposed: AlertSide, recorded: Sequence[IncidentChange]) -> Iterator[str]:
    if order.proposed.alerts.route is None:
        yield "No route is configured: nobody would be told of anything."
    if proposed.assumed:
        yield (
            f"{proposed.assumed} checks were never made: the proposed rules would have repeated them then, "
            "and each ends as the check did that was nearest in time."
        )
    if proposed.left_out:
        yield f"{proposed.left_out} incidents and alerts were too many to be told one by one."
    if explained := len({each.incident for each in recorded if each.parent}):
        yield (
            f"{explained} of the recorded incidents had a root cause in common with others; of those one "
            "message is sent for all, and a replay of one integration sends its own."
        )
    for key in order.ignored:
        yield f"{key} is not replayed, and stays as it is today."
    yield (
        "Messages are those about this integration alone: where routes group several, others may share them."
    )
