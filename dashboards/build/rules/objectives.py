"""Alerts about service level objectives: the pairs of windows of monitors/burn.py, over recorded ratios."""

from collections.abc import Iterable

from dashboards.build.rules.model import Alert
from dashboards.build.rules.promql import pick
from monitors.burn import BURN_PAIRS, FEWEST_EVENTS, FEWEST_FAILURES, BurnPair, window_name

LABELS = {"dialtone_subject": "objective", "dialtone_alert": "SLOBurnRate"}


def alerts() -> Iterable[Alert]:
    """Return the alerts, the steepest burn first."""
    yield from map(_burning, BURN_PAIRS)
    yield Alert(
        name="DialtoneErrorBudgetSpent",
        expr=f"{pick('dialtone_slo_budget_left_ratio')} <= 0",
        wait="15m",
        severity="warning",
        labels=LABELS,
        summary="The error budget of {{ $labels.slo }} is spent",
        description="More requests failed in its window than the objective allows; what is left: "
        "{{ $value | humanizePercentage }}.",
    )


def _burning(pair: BurnPair) -> Alert:
    short, long = window_name(pair.short), window_name(pair.long)
    return Alert(
        name="DialtoneErrorBudgetBurn",
        expr="\nand ".join((_over(short, pair), _over(long, pair), *_enough(short, pair.short))),
        wait="2m",
        severity=pair.severity,
        labels={**LABELS, "windows": pair.name},
        summary=f"{{{{ $labels.slo }}}} burns its error budget ({pair.name})",
        description=f"{{{{ $value | humanizePercentage }}}} of its requests failed in {short}; if that lasts "
        f"for {long}, {pair.budget:.0%} of the whole budget is spent.",
    )


def _over(window: str, pair: BurnPair) -> str:
    """The burn rate of a window, written so that nothing is divided by an objective that has no budget."""
    objective, days = pick("dialtone_slo_objective_ratio"), pick("dialtone_slo_window_seconds")
    factor = f"{pair.budget} * {days} / {pair.long}"
    return f"slo:dialtone_slo_errors:ratio_rate{window} >= (1 - {objective}) * {factor}"


def _enough(window: str, seconds: int) -> tuple[str, str]:
    """What the short window must hold: with less, one failure is a burn."""
    events = f"slo:dialtone_slo_events:rate{window}"
    bad = f"{events} * slo:dialtone_slo_errors:ratio_rate{window}"
    return f"{events} * {seconds} >= {FEWEST_EVENTS}", f"{bad} * {seconds} >= {FEWEST_FAILURES}"
