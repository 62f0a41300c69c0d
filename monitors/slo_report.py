"""What is told of an objective: its budget, its burn rates, and the alert when it burns."""

from collections.abc import Iterable, Mapping

import msgspec

from monitors.alerts.alert import Alert
from monitors.burn import BurnPair, budget_left, fires, is_short_burning, window_name
from monitors.slo_counts import Counts
from monitors.slo_settings import SLOSettings

ALERT = "SLOBurnRate"
DAY = 86_400.0


class BurnStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One pair of windows: how many times as fast as allowed the budget is spent in each, and from when on it
    fires.
    """

    windows: str
    short: float
    long: float
    factor: float
    severity: str
    is_firing: bool


class SLOStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How an objective stands. `ratio` is the share of good requests in its window, None without any;
    `budget_left` is the share of the error budget that is left, below 0 when it is overspent. `integrations`
    are those it covers now, `paused` those of them in maintenance, which do not count.
    """

    name: str
    objective: float
    window_days: float
    latency_below: float | None
    counted: str
    integrations: tuple[str, ...]
    paused: tuple[str, ...]
    good: int
    bad: int
    ratio: float | None
    budget_left: float
    burns: tuple[BurnStatus, ...]
    severity: str


def status(
    slo: SLOSettings, counts: Counts, *, now: float, integrations: Iterable[str], paused: Iterable[str]
) -> SLOStatus:
    """How an objective stands now."""
    whole = counts.tally(now, slo.window_days * DAY)
    burns = tuple(_burn(slo, counts, pair, factor=factor, now=now) for pair, factor in slo.burn_factors())
    return SLOStatus(
        name=slo.name,
        objective=slo.objective,
        window_days=slo.window_days,
        latency_below=slo.latency_below,
        counted=slo.counted,
        integrations=tuple(integrations),
        paused=tuple(paused),
        good=whole.good,
        bad=whole.bad,
        ratio=1.0 - whole.bad_ratio if whole.events else None,
        budget_left=budget_left(whole, slo.ratio),
        burns=burns,
        severity=next((burn.severity for burn in burns if burn.is_firing), ""),
    )


def severity(slo: SLOSettings, counts: Counts, *, now: float) -> str:
    """The severity that `status` tells, found without counting more than it takes."""
    for pair, factor in slo.burn_factors():
        short = counts.tally(now, pair.short)
        if is_short_burning(short, factor=factor, objective=slo.ratio) and fires(
            pair,
            short=short,
            long=counts.tally(now, pair.long),
            age=counts.age(now),
            objective=slo.ratio,
            factor=factor,
        ):
            return pair.severity
    return ""


def _burn(slo: SLOSettings, counts: Counts, pair: BurnPair, *, factor: float, now: float) -> BurnStatus:
    short, long = counts.tally(now, pair.short), counts.tally(now, pair.long)
    return BurnStatus(
        windows=pair.name,
        short=short.burn(slo.ratio),
        long=long.burn(slo.ratio),
        factor=factor,
        severity=pair.severity,
        is_firing=fires(
            pair,
            short=short,
            long=long,
            age=counts.age(now),
            objective=slo.ratio,
            factor=factor,
        ),
    )


def labels_of(slo: SLOSettings, severity: str, shared: Mapping[str, str]) -> dict[str, str]:
    """The labels of an objective's alert; `shared` are those that all its integrations have."""
    return dict(shared) | {"alertname": ALERT, "slo": slo.name, "severity": severity}


def alert_of(told: SLOStatus, labels: Mapping[str, str], *, since: float, now: float) -> Alert:
    """The alert that tells of the steepest burn."""
    burn = next(burn for burn in told.burns if burn.is_firing)
    days = window_name(int(told.window_days * DAY))
    left = f"{told.budget_left:.1%} of the error budget of {days} is left"
    return Alert(
        labels=labels,
        annotations={
            "summary": f"{told.name}: the error budget burns {burn.long:.1f} times as fast as it may",
            "description": (
                f"Over {burn.windows} it burns {burn.short:.1f} and {burn.long:.1f} times as fast as allowed "
                f"(alert from {burn.factor:.1f}). Objective {told.objective:g} %"
                + (f" within {told.latency_below:g} s" if told.latency_below is not None else "")
                + f" over {days}. {left}."
            ),
            "windows": burn.windows,
            "budget_left": f"{told.budget_left:.4f}",
            "integrations": ", ".join(told.integrations[:50]),
        },
        starts_at=since,
        updated_at=now,
    )
