"""A backtest of heartbeats: what was reported to each goes through two replays of it."""

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from exporters.analytics.backtest.alerts.comparing import compared
from exporters.analytics.backtest.alerts.ledger import CHANGES
from exporters.analytics.backtest.alerts.outcome import AlertSide
from exporters.analytics.backtest.alerts.run import NEAR
from exporters.analytics.backtest.comparison import Fidelity, differences, held_against
from exporters.analytics.backtest.watched.heartbeat import HeartbeatReplay
from exporters.analytics.backtest.watched.notes import notes
from exporters.analytics.backtest.watched.order import WatchOrder, heartbeat_of, shown
from exporters.analytics.backtest.watched.outcome import WatchedBacktest
from integrations.signals import HeartbeatReport, IncidentChange
from monitors.alerts.settings import AlertSettings

_BREATHS = 500
_NOTHING = AlertSide(incidents=(), alerts=(), messages={}, open_seconds=0.0)

Step = Callable[[HeartbeatReplay], None]
Event = tuple[float, int, Step]


class Reported(NamedTuple):
    """What was recorded of one heartbeat, each in its order: its `reports` from `began` on, when it was down
    or not, and what became of its `incidents`. Reports are recorded from `recorded_from` on; `outages` are
    the times in which Dialtone did not run, `truncated_at` is where reports end if there are more.
    """

    began: float
    was_down: bool = False
    reports: Sequence[HeartbeatReport] = ()
    incidents: Sequence[IncidentChange] = ()
    recorded_from: float = 0.0
    outages: Sequence[tuple[float, float]] = ()
    truncated_at: float | None = None


def run_heartbeat_backtest(
    order: WatchOrder, heartbeat: str, past: Reported, *, breathe: Callable[[], None] = lambda: None
) -> WatchedBacktest:
    """Replay a heartbeat. `breathe` is called now and then; it may raise to end the work."""
    end = order.end if past.truncated_at is None else max(order.start, past.truncated_at)
    today, proposed = (
        _replayed(order, heartbeat, past, alerts=settings, end=end, breathe=breathe)
        for settings in (order.today, order.proposed)
    )
    sides = (_side(today, start=order.start, end=end), _side(proposed, start=order.start, end=end))
    return WatchedBacktest(
        kind="heartbeat",
        name=heartbeat,
        start=order.start,
        end=end,
        heard=sum(order.start <= each.at < end for each in past.reports),
        alerts=compared(
            differences(shown(order.today, heartbeat=heartbeat), shown(order.proposed, heartbeat=heartbeat)),
            _fidelity(today, past, start=max(order.start, past.recorded_from), end=end),
            sides,
            end=end,
            notes=tuple(notes(order, past.recorded_from, sides[1], what="Reports to heartbeats")),
        ),
        truncated=end < order.end,
    )


def _replayed(
    order: WatchOrder,
    heartbeat: str,
    past: Reported,
    *,
    alerts: AlertSettings,
    end: float,
    breathe: Callable[[], None],
) -> HeartbeatReplay | None:
    settings = heartbeat_of(alerts, heartbeat)
    if settings is None:
        return None
    replay = HeartbeatReplay(
        settings,
        alerts,
        order,
        began=past.began,
        was_down=past.was_down,
        looks=_looks(past),
        breathe=lambda _: breathe(),
    )
    for place, (at, _, step) in enumerate(_events(past)):
        if at >= end:
            break
        if place % _BREATHS == 0:
            breathe()
        step(replay)
    replay.pass_to(end)
    return replay


def _looks(past: Reported) -> list[float]:
    """When an incident was opened and nothing had been reported."""
    reported = {each.at for each in past.reports}
    return [
        each.at for each in past.incidents if each.event in {"opened", "reopened"} and each.at not in reported
    ]


def _events(past: Reported) -> Iterator[Event]:
    """Everything by its time."""
    streams: tuple[Iterable[Event], ...] = (
        ((each.at, each.seq, partial(HeartbeatReplay.take, report=each)) for each in past.reports),
        ((each.at, each.seq, partial(HeartbeatReplay.take_people, change=each)) for each in past.incidents),
        ((at, -1, partial(HeartbeatReplay.stop, at=at)) for at, _ in past.outages),
        ((at, 0, partial(HeartbeatReplay.start, at=at)) for _, at in past.outages),
    )
    return heapq.merge(*streams, key=lambda each: each[:2])


def _side(replay: HeartbeatReplay | None, *, start: float, end: float) -> AlertSide:
    return _NOTHING if replay is None else replay.ledger.side(start=start, end=end)


def _fidelity(replay: HeartbeatReplay | None, past: Reported, *, start: float, end: float) -> Fidelity:
    mine = replay.ledger.changes if replay is not None else ()
    recorded, replayed = (
        [(each.event, each.at) for each in found if each.event in CHANGES and start <= each.at < end]
        for found in (past.incidents, mine)
    )
    return held_against(recorded, replayed, near=NEAR)
