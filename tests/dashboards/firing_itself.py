"""When alerts about objectives and about Dialtone itself fire, and when they do not."""

from collections.abc import Iterator, Mapping

from tests.dashboards.firing import AT, UP, Case, Firing, series

LATE = {next(iter(UP)): "_x80 1x40"}
"""A Dialtone that is scraped since a while only."""


def gauge(alert: str, metric: str, bad: str, good: str, *values: str, **labels: str) -> Iterator[Case]:
    """An alert on a value that must hold for a while."""
    name = series(metric, **labels)
    fires = (Firing({**AT, **labels}, values),)
    yield Case(alert, "when it stays so", {name: f"{good}x10 {bad}x40"}, fires=fires)
    yield Case(alert, "when it is well", {name: f"{good}x60"})
    yield Case(alert, "when it was so for a moment", {name: f"{good}x28 {bad} {good}x20"})


def counter(alert: str, metric: str, *values: str, **labels: str) -> Iterator[Case]:
    """An alert on a counter that must not grow: seen from its first step, not told of old steps again."""
    name = series(metric, **labels)
    fires = (Firing({**AT, **labels}, values),)
    yield Case(alert, "at the very first", {**UP, name: "_x80 7x40"}, at="90m", fires=fires)
    yield Case(alert, "when it was long ago", {**UP, name: "7x160"}, at="150m")
    yield Case(alert, "when Prometheus is new here", {**LATE, name: "_x80 7x40"}, at="90m")


def gauges() -> Iterator[Case]:
    yield from gauge("DialtoneEgressDown", "dialtone_egress_up", "0", "1")
    yield from gauge("DialtoneReloadFailed", "dialtone_config_last_reload_successful", "0", "1")
    yield from gauge("DialtoneStorageDown", "dialtone_storage_up", "0", "1")
    yield from gauge("DialtoneAnalyticsDown", "dialtone_analytics_up", "0", "1")
    lag = "dialtone_analytics_write_lag_seconds"
    yield from gauge("DialtoneAnalyticsBehind", lag, "600", "2", "10m 0s")
    yield from gauge("DialtoneAnalyticsArchive", "dialtone_analytics_archive_up", "0", "1")
    gone = {series("dialtone_analytics_archive_files_missing"): "0x10 2x40"}
    yield Case("DialtoneAnalyticsArchive", "when files are missing", gone, fires=(Firing({**AT}),))
    yield from gauge("DialtoneEventLoopLag", "dialtone_event_loop_lag_seconds", "0.75", "0.02", "750ms")
    to, who = {"receiver": "oncall"}, {"exporter": "otlp"}
    yield from gauge("DialtoneDeliveryBacklog", "dialtone_outbox_oldest_seconds", "360", "3", "6m 0s", **to)
    yield from gauge("DialtoneReceiverDisabled", "dialtone_receiver_disabled", "1", "0", **to)
    age = "dialtone_exporter_oldest_age_seconds"
    yield from gauge("DialtoneExporterBehind", age, "1200", "10", "20m 0s", **who)


def counters() -> Iterator[Case]:
    dead = {"receiver": "oncall", "format": "slack", "result": "dead"}
    yield from counter("DialtoneDeliveriesGivenUp", "dialtone_delivery_attempts_total", **dead)
    why = {"reason": "full"}
    points = "dialtone_exporter_points_dropped_total"
    yield from counter("DialtoneExporterDropping", points, "7", exporter="otlp", **why)
    yield from counter("DialtoneQueueDropping", "dialtone_queue_dropped_total", "7", queue="live", **why)
    yield from counter(
        "DialtoneAnalyticsDropping", "dialtone_analytics_dropped_total", "7", table="calls", **why
    )
    yield from counter(
        "DialtoneSeriesDropped", "dialtone_metric_series_dropped_total", family="dialtone_calls"
    )


def others() -> Iterator[Case]:
    build, alert = next(iter(UP)), "DialtoneAbsent"
    yield Case(alert, "when it is gone", {build: "1x10 _x60"}, fires=(Firing({}),))
    yield Case(alert, "when there never was one", {"up": "1x60"}, fires=(Firing({}),))
    yield Case(alert, "while it starts anew", {build: "1x20 _x3 1x60"})
    alert, task = "DialtoneTasksRestarting", series("dialtone_task_restarts_total", task="scheduler")
    fires = (Firing({**AT, "task": "scheduler"}),)
    yield Case(alert, "when it fails every few minutes", {task: "0x4 1x4 2x4 3x4 4x4 5x40"}, fires=fires)
    yield Case(alert, "when it failed once", {task: "0x4 1x60"})
    alert, lost = "DialtoneInternalErrors", {"subscriber": "live"}
    for metric, labels in (
        ("executor", {"integration": "shop"}), ("subscriber", lost), ("check", {}),
    ):  # fmt: skip
        name = series(f"dialtone_{metric}_errors_total", **labels)
        fires = (Firing(AT),)
        yield Case(alert, f"at the {metric}'s first", {**UP, name: "_x80 1x40"}, at="90m", fires=fires)
        yield Case(alert, f"when the {metric}'s was long ago", {**UP, name: "1x160"}, at="150m")


def lateness() -> Iterator[Case]:
    def lags(within: str, beyond: str) -> Mapping[str, str]:
        name = "dialtone_check_start_lag_seconds_bucket"
        return {series(name, le="5"): within, series(name, le="10"): beyond, series(name, le="+Inf"): beyond}

    late = Firing(AT, ("9.95s",))
    yield Case("DialtoneChecksLate", "when all are", lags("0x60", "0+60x60"), fires=(late,))
    yield Case("DialtoneChecksLate", "when one in a thousand is", lags("0+999x60", "0+1000x60"))
    yield Case("DialtoneChecksLate", "when there are none", lags("0x60", "0x60"))


SLO = {"slo": "shop"}


def budget(good: str, bad: str, *, objective: float = 0.999, days: int = 30) -> Mapping[str, str]:
    return {
        series("dialtone_slo_objective_ratio", **SLO): f"{objective}x2000",
        series("dialtone_slo_window_seconds", **SLO): f"{days * 86_400}x2000",
        series("dialtone_slo_events_total", **SLO, result="good"): good,
        series("dialtone_slo_events_total", **SLO, result="bad"): bad,
    }


def burning(*pairs: str, value: str) -> tuple[Firing, ...]:
    return tuple(Firing({**AT, **SLO, "windows": pair}, (value,)) for pair in pairs)


def objectives() -> Iterator[Case]:
    alert, every = "DialtoneErrorBudgetBurn", ("5m/1h", "30m/6h", "2h/1d", "6h/3d")
    outage = budget("0+1000x2000", "0+1000x2000")
    yield Case(
        alert, "in all pairs in an outage", outage, at="3h", every="2m", fires=burning(*every, value="50%")
    )
    steep = budget("0+980x2000", "0+20x2000")
    yield Case(alert, "steeply at 20 times", steep, at="3h", every="2m", fires=burning(*every, value="2%"))
    faster = budget("0+990x2000", "0+10x2000")
    yield Case(alert, "at 10 times", faster, at="8h", every="2m", fires=burning(*every[1:], value="1%"))
    fast = budget("0+4980x2000", "0+20x2000")
    yield Case(alert, "at 4 times", fast, at="28h", every="10m", fires=burning(*every[2:], value="0.4%"))
    slow = budget("0+4990x2000", "0+10x2000")
    yield Case(alert, "at twice", slow, at="80h", every="15m", fires=burning(*every[3:], value="0.2%"))
    yield Case(alert, "at half the rate", budget("0+9995x2000", "0+5x2000"), at="80h", every="15m")
    week = budget("0+995x2000", "0+5x2000", days=7)
    yield Case(
        alert,
        "sooner for a shorter window",
        week,
        at="3h",
        every="2m",
        fires=burning(*every[0:], value="0.5%"),
    )
    yield Case(alert, "when one of few fails", budget("0x2000", "0x85 1x2000"), at="3h", every="2m")
    yield Case(alert, "when it is over", budget("0+1000x2000", "0+1000x30 30000x2000"), at="8h", every="2m")
    left = series("dialtone_slo_budget_left_ratio", **SLO)
    spent = Firing({**AT, **SLO}, ("-20%",))
    yield Case("DialtoneErrorBudgetSpent", "when it is overspent", {left: "-0.2x60"}, fires=(spent,))
    yield Case("DialtoneErrorBudgetSpent", "when some is left", {left: "0.01x60"})


def cases() -> Iterator[Case]:
    for each in (gauges, counters, others, lateness, objectives):
        yield from each()
