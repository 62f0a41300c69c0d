"""What a client asks to be tried of objectives and heartbeats, as one order for the replay."""

from collections.abc import Sequence
from typing import NamedTuple

from app.api.backtest_orders import BacktestRequest, is_about_watched_alone, refusing, window
from app.api.problems import InvalidValue, invalid
from app.parts import Parts
from app.watching import labels_of
from exporters.analytics.backtest.alerts.proposal import AlertRules, proposed_rules
from exporters.analytics.backtest.keys import unknown
from exporters.analytics.backtest.watched.order import (
    WatchOrder,
    changed_heartbeats,
    changed_objectives,
    require_watchable,
)
from integrations.connection import CheckPolicy
from monitors.alerts.settings import AlertSettings

MOST = 100
"""Objectives, and heartbeats, of one backtest."""

_ALL = "*"


class _Choice(NamedTuple):
    """One kind of what is watched: the request's key, what is named, what there is, what is changed."""

    key: str
    named: Sequence[str]
    known: Sequence[str]
    changed: Sequence[str]

    def made(self, *, is_open: bool) -> tuple[str, ...]:
        """Those to replay; all, or those that are changed, where none is named."""
        names = tuple(dict.fromkeys(self.named)) or ((_ALL,) if is_open else tuple(self.changed))
        chosen = tuple(self.known) if _ALL in names else names
        for name in chosen:
            if name not in self.known:
                raise self._wrong(unknown(name, self.known), f"{self.key}: {unknown(name, self.known)}")
        if len(chosen) > MOST:
            message = f"expected at most {MOST} {self.key}"
            raise self._wrong(message, f"A backtest takes {MOST} {self.key}; name those to replay.")
        return chosen

    def _wrong(self, message: str, sentence: str) -> Exception:
        return invalid(sentence, InvalidValue(message=message, key=self.key, source="body"))


def watch_order(parts: Parts, asked: BacktestRequest) -> WatchOrder | None:
    """Return the order, None where there is nothing to replay.

    Raises:
        ProblemError: naming the key and what is wrong with it.
    """
    desks = parts.alerting
    labels = {one.connection.id: labels_of(one.connection) for one in parts.framework.integrations()}
    today = AlertRules(check=CheckPolicy(), alerts=desks.alerts.settings)
    with refusing(""):
        other, ignored = proposed_rules(today, check_keys={}, alert_keys=asked.alerts)
        require_watchable(other, labels=labels)
    objectives, heartbeats = _chosen(asked, today.alerts, other.alerts)
    if not objectives and not heartbeats:
        return None
    start, end = window(asked, now=parts.clock.time())
    return WatchOrder(
        start=start,
        end=end,
        today=today.alerts,
        proposed=other.alerts,
        labels=labels,
        objectives=objectives,
        heartbeats=heartbeats,
        known_since={each.settings.id: each.state.known_since for each in desks.watching.heartbeats()},
        silences=tuple(desks.silences.all()),
        ahead=parts.clock.time() - parts.clock.monotonic(),
        ignored=(*(part for part in ("policy", "check") if getattr(asked, part)), *ignored),
    )


def _chosen(
    asked: BacktestRequest, today: AlertSettings, other: AlertSettings
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    sides = (today, other)
    slos = _Choice(
        "objectives",
        asked.objectives,
        tuple(dict.fromkeys(each.name for side in sides for each in side.slos)),
        changed_objectives(*sides),
    )
    jobs = _Choice(
        "heartbeats",
        asked.heartbeats,
        tuple(dict.fromkeys(each.id for side in sides for each in side.heartbeats)),
        changed_heartbeats(*sides),
    )
    is_bare = not asked.integrations and not asked.objectives and not asked.heartbeats
    is_open = is_bare and not (is_about_watched_alone(asked) and (slos.changed or jobs.changed))
    return slos.made(is_open=is_open), jobs.made(is_open=is_open)
