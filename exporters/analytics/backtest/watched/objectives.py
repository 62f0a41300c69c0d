"""A backtest of objectives: what was recorded of those they cover goes once through two replays of each."""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import inf
from typing import NamedTuple

from exporters.analytics.backtest.alerts.comparing import compared
from exporters.analytics.backtest.alerts.outcome import AlertSide
from exporters.analytics.backtest.alerts.run import NEAR
from exporters.analytics.backtest.comparison import Fidelity, differences, held_against
from exporters.analytics.backtest.watched.looks import looks
from exporters.analytics.backtest.watched.notes import moment, notes
from exporters.analytics.backtest.watched.objective import ObjectiveReplay
from exporters.analytics.backtest.watched.order import WatchOrder, objective_of, shown
from exporters.analytics.backtest.watched.outcome import Spent, WatchedBacktest
from exporters.analytics.backtest.watched.stream import Seen, hour_of
from integrations.signals import ObjectiveChange
from monitors.alerts.settings import AlertSettings
from monitors.objective import Objective
from monitors.slo_counts import MINUTES_KEPT, Counts, SavedHour
from monitors.slo_report import DAY
from monitors.slo_settings import SLOSettings

_BREATHS = 200
_NOTHING = AlertSide(incidents=(), alerts=(), messages={}, open_seconds=0.0)


class Past(NamedTuple):
    """What was recorded of requests. `events` gives those of integrations from one moment to another, told
    apart by latencies, `hours` what of an objective was counted by the hour between two moments, `changes`
    are those of alerts, which are recorded from `recorded_from` on. `kept_from` is from when on all requests
    are kept, None where there were none; `outages` are the times in which Dialtone did not run.

    When all events are read, `truncated_at` says where they end if there are more, and `widest` of how many
    seconds they were taken together.
    """

    events: Callable[[Sequence[str], float, float, Sequence[float]], Iterable[Seen]]
    hours: Callable[[SLOSettings, Sequence[str], float, float], Sequence[SavedHour]] = lambda *_: ()
    changes: Sequence[ObjectiveChange] = ()
    kept_from: float | None = None
    recorded_from: float = 0.0
    outages: Sequence[tuple[float, float]] = ()
    truncated_at: Callable[[], float | None] = lambda: None
    widest: Callable[[], float] = lambda: 0.0


class _Pair(NamedTuple):
    """An objective under the settings of today and the proposed ones; None where it is none of them."""

    name: str
    today: ObjectiveReplay | None
    proposed: ObjectiveReplay | None

    @property
    def replays(self) -> Sequence[ObjectiveReplay]:
        """Those that there are."""
        return [each for each in (self.today, self.proposed) if each is not None]


def run_objective_backtests(
    order: WatchOrder, past: Past, *, breathe: Callable[[float], None] = lambda _: None
) -> tuple[WatchedBacktest, ...]:
    """Replay the objectives that an order names, and return an answer for each. `breathe` is told now and
    then which share is done; it may raise to end the work.
    """
    if not order.objectives:
        return ()
    began = _events_from(order, past)

    def turn(at: float) -> None:
        breathe((at - began) / (order.end - began))

    pairs = [_pair(order, past, name, began=began, turn=turn) for name in order.objectives]
    heard = _drive(pairs, order, past, began=began, turn=turn)
    truncated_at = past.truncated_at()
    end = order.end if truncated_at is None else max(order.start, truncated_at)
    return tuple(_answer(each, order, past, heard=heard, end=end) for each in pairs)


def _events_from(order: WatchOrder, past: Past) -> float:
    """From when on requests are taken one by one; what is older counts by the hour."""
    kept_from = past.kept_from if past.kept_from is not None else order.end
    return hour_of(min(order.end, max(order.start - MINUTES_KEPT, kept_from)))


def _pair(order: WatchOrder, past: Past, name: str, *, began: float, turn: Callable[[float], None]) -> _Pair:
    def replay(settings: AlertSettings) -> ObjectiveReplay | None:
        slo = objective_of(settings, name)
        if slo is None:
            return None
        covering = Objective(slo, Counts(slo.key))
        covering.cover(order.labels)
        first = hour_of(min(began, order.start) - slo.window_days * DAY)
        hours = past.hours(slo, covering.integrations, first, began)
        return ObjectiveReplay(slo, settings, order, began=began, hours=hours, breathe=turn)

    return _Pair(name, replay(order.today), replay(order.proposed))


def _drive(
    pairs: Sequence[_Pair], order: WatchOrder, past: Past, *, began: float, turn: Callable[[float], None]
) -> Mapping[str, int]:
    """Take everything by its time, and look in between; return how much was heard of each integration."""
    replays = [replay for each in pairs for replay in each.replays]
    of: dict[str, list[ObjectiveReplay]] = defaultdict(list)
    for replay in replays:
        for name in replay.integrations:
            of[name].append(replay)
    limits = sorted({each.slo.latency_below for each in replays if each.slo.latency_below is not None})
    moments = looks(began, order.end, recorded=sorted({each.at for each in past.changes}))
    looking = _Looking(replays, moments, outages=past.outages, turn=turn)
    heard: Counter[str] = Counter()
    for at, event, times in past.events(sorted(of), began, order.end, limits):
        looking.pass_to(at)
        heard[event.integration] += times if at >= order.start else 0
        for replay in of[event.integration]:
            replay.take(event, at, times=times)
    looking.pass_to(past.truncated_at() or order.end)
    return heard


class _Looking:
    """Looks at every objective when it was looked at, while Dialtone ran."""

    def __init__(
        self,
        replays: Sequence[ObjectiveReplay],
        moments: Iterator[float],
        *,
        outages: Sequence[tuple[float, float]],
        turn: Callable[[float], None],
    ) -> None:
        self._replays = replays
        self._moments = moments
        self._next = next(moments, inf)
        self._outages = sorted(outages)
        self._turn = turn
        self._looked = 0

    def pass_to(self, until: float) -> None:
        """Look at all moments up to one."""
        while self._next <= until:
            self._look(self._next)
            self._next = next(self._moments, inf)

    def _look(self, at: float) -> None:
        self._looked += 1
        if self._looked % _BREATHS == 0:
            self._turn(at)
        place = bisect_right(self._outages, (at, at)) - 1
        if place < 0 or at >= self._outages[place][1]:
            for replay in self._replays:
                replay.look(at)


def _answer(
    pair: _Pair, order: WatchOrder, past: Past, *, heard: Mapping[str, int], end: float
) -> WatchedBacktest:
    covered = {name for replay in pair.replays for name in replay.integrations}
    (today, today_spent), (proposed, proposed_spent) = (
        _finished(each, start=order.start, end=end) for each in (pair.today, pair.proposed)
    )
    fidelity = _fidelity(pair, past, start=max(order.start, past.recorded_from), end=end)
    return WatchedBacktest(
        kind="objective",
        name=pair.name,
        start=order.start,
        end=end,
        heard=sum(heard.get(name, 0) for name in covered),
        alerts=compared(
            differences(shown(order.today, slo=pair.name), shown(order.proposed, slo=pair.name)),
            fidelity,
            (today, proposed),
            end=end,
            notes=tuple(_notes(order, past, proposed)),
        ),
        today=today_spent,
        proposed=proposed_spent,
        truncated=end < order.end,
    )


def _finished(replay: ObjectiveReplay | None, *, start: float, end: float) -> tuple[AlertSide, Spent | None]:
    if replay is None:
        return _NOTHING, None
    spent = replay.finish(end)
    return replay.ledger.side(start=start, end=end), spent


def _fidelity(pair: _Pair, past: Past, *, start: float, end: float) -> Fidelity:
    mine = pair.today.changes if pair.today is not None else ()
    theirs = [each for each in past.changes if each.objective == pair.name]
    recorded, replayed = (
        [(each.after, each.at) for each in found if start <= each.at < end] for found in (theirs, mine)
    )
    return held_against(recorded, replayed, near=NEAR)


def _notes(order: WatchOrder, past: Past, proposed: AlertSide) -> Iterator[str]:
    kept_from = past.kept_from
    if kept_from is None or kept_from > order.start:
        since = (
            f"from {moment(kept_from)} on"
            if kept_from is not None and kept_from < order.end
            else "of no time"
        )
        yield f"Requests are kept {since}: what was before is not replayed."
    elif kept_from > order.start - MINUTES_KEPT:
        yield (
            f"Requests are kept from {moment(kept_from)} on, and windows of up to three days begin before "
            "that: hourly counts stand for what is older, where there are any."
        )
    if widest := past.widest():
        yield (
            f"On days of very many requests those within up to {widest:.0f} s that ended alike are taken "
            "together: an alert may come that much earlier."
        )
    yield (
        "What is left of a budget counts what is more than three days before the window by the hour, "
        "maintenance included."
    )
    yield from notes(order, past.recorded_from, proposed, what="Alerts of objectives")
