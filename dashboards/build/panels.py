"""The kinds of panel the boards are made of, so that they all look and read alike.

States are words first and colours second: a board must be readable without colour vision.
"""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    heatmap,
    prometheus,
    stat,
    statetimeline,
    timeseries,
)
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import heatmap as heatmap_models
from grafana_foundation_sdk.models import prometheus as prometheus_models

from dashboards.build.variables import SOURCE
from dashboards.build.words import (
    BAD,
    GOOD,
    NO_TRAFFIC,
    NONE_SEEN,
    NOT_SCRAPED,
    NOTICE,
    OUTCOME_COLOURS,
    PLAIN,
    WARN,
    Words,
)

Series = tuple[str, str]
"""A query and the legend of its series."""
Step = tuple[float | None, str]
"""From which value on which colour; None is where the scale begins."""
Steps = Sequence[Step]

HEIGHT = 8
WIDE = 12
"""From which width on a graph has room for figures in its legend."""
UNJUDGED: Steps = ((None, PLAIN),)
"""Neither good nor bad."""
ERRORS: Steps = ((None, GOOD), (0.01, WARN), (0.05, BAD))
"""Where a share of errors becomes noticeable, and bad."""
SECONDS: Steps = ((None, GOOD), (0.5, WARN), (2.0, BAD))
"""Where a call's time becomes noticeable, and bad."""
NONE_IS_GOOD: Steps = ((None, GOOD), (1.0, BAD))
ANY_IS_BAD: Steps = ((None, GOOD), (0.000_001, BAD))
ONE_IS_GOOD: Steps = ((None, BAD), (1.0, GOOD))
DAYS: Steps = ((None, BAD), (7.0, WARN), (30.0, GOOD))

P = TypeVar("P", bound=timeseries.Panel)


def thresholds(steps: Steps) -> dashboard.ThresholdsConfig:
    """Return thresholds in absolute values."""
    return (
        dashboard.ThresholdsConfig()
        .mode(models.ThresholdsMode.ABSOLUTE)
        .steps([models.Threshold(value=value, color=color) for value, color in steps])
    )


def words(mapping: Words, *, nothing: str = "") -> list[models.ValueMapping]:
    """Return the value mappings that show words for values, and for no value and NaN."""
    options = {
        f"{value:g}": models.ValueMappingResult(text=text, color=color, index=place)
        for place, (value, (text, color)) in enumerate(mapping.items())
    }
    mappings: list[models.ValueMapping] = [models.ValueMap(options=options)] if mapping else []
    if nothing:
        result = models.ValueMappingResult(text=nothing, color=PLAIN, index=len(mapping))
        match = models.SpecialValueMatch.NULL_AND_NAN
        mappings.append(
            models.SpecialValueMap(options=models.DashboardSpecialValueMapOptions(match=match, result=result))
        )
    return mappings


def target(place: int, expr: str, legend: str) -> prometheus.Dataquery:
    """Return a target of Prometheus, the first as A."""
    query = prometheus.Dataquery().datasource(SOURCE).ref_id(chr(65 + place))
    return query.expr(expr).legend_format(legend)


def queries(series: Sequence[Series]) -> list[prometheus.Dataquery]:
    """Return targets over the board's time range."""
    return [target(place, expr, legend).range() for place, (expr, legend) in enumerate(series)]


def instants(series: Sequence[Series]) -> list[prometheus.Dataquery]:
    """Return targets of the last moment."""
    return [target(place, expr, legend).instant() for place, (expr, legend) in enumerate(series)]


def link(
    board: str, title: str, *, variable: str = "integration", value: str = ""
) -> dashboard.DashboardLink:
    """Return a link from a value to another board, with the time and the source kept."""
    given = value or f"${{__field.labels.{variable}}}"
    url = f"/d/dialtone-{board}?var-datasource=${{datasource}}&var-{variable}={given}&${{__url_time_range}}"
    return dashboard.DashboardLink(title).type(models.DashboardLinkType.LINK).url(url)


def number(
    title: str, description: str, *, series: Sequence[Series], unit: str, steps: Steps, span: int = 4
) -> stat.Panel:
    """Return one big number: of the last moment, so that it is gone when Dialtone is."""
    return (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .targets([*instants(series)])
        .unit(unit)
        .thresholds(thresholds(steps))
        .no_value(NO_TRAFFIC)
        .mappings(words({}, nothing=NO_TRAFFIC))
        .color_mode(common_models.BigValueColorMode.VALUE)
        .graph_mode(common_models.BigValueGraphMode.NONE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .height(4)
        .span(span)
    )


def told(panel: stat.Panel, mapping: Words, *, nothing: str = NOT_SCRAPED) -> stat.Panel:
    """Return the number with words for some of its values, and for none."""
    return panel.mappings(words(mapping, nothing=nothing)).no_value(nothing)


def budget(panel: stat.Panel) -> stat.Panel:
    """Return what is left of an error budget, with words for no objective and for nothing left: how much is
    overspent can be any number, which says nothing at a glance.
    """
    spent = models.ValueMappingResult(text="spent", color=BAD)
    overspent = models.RangeMap(options=models.DashboardRangeMapOptions(to=0.0, result=spent))
    told_first = words({NONE_SEEN: ("no objectives", PLAIN)}, nothing=NOT_SCRAPED)
    return panel.mappings([*told_first, overspent]).no_value(NOT_SCRAPED)


def graph(
    title: str,
    description: str,
    *,
    series: Sequence[Series],
    unit: str,
    steps: Steps = UNJUDGED,
    span: int = 12,
    nothing: str = NO_TRAFFIC,
    below: float | None = None,
) -> timeseries.Panel:
    """Return lines over time; where there is room, the last and the largest value stand in the legend. Lines
    that go below 0 are given how far at least the scale does: `below`.
    """
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .targets([*queries(series)])
        .unit(unit)
        .thresholds(thresholds(steps))
        .no_value(nothing)
        .color_scheme(dashboard.FieldColor().mode(models.FieldColorModeId.PALETTE_CLASSIC))
        .legend(_legend() if span >= WIDE else _names())
        .tooltip(
            common.VizTooltipOptions()
            .mode(common_models.TooltipDisplayMode.MULTI)
            .sort(common_models.SortOrder.DESCENDING)
        )
        .show_points(common_models.VisibilityMode.AUTO)
        .fill_opacity(0)
        .line_width(1)
        .height(HEIGHT)
        .span(span)
    )
    return _scaled(panel, unit=unit, steps=steps, below=below)


def _scaled(panel: timeseries.Panel, *, unit: str, steps: Steps, below: float | None) -> timeseries.Panel:
    """Set where the scale begins and ends at least, and draw what is judged as dashed lines."""
    panel = panel.min(0) if below is None else panel.axis_soft_min(below).axis_soft_max(1)
    if unit == "percentunit" and below is None:
        # Without a single error the scale would else go to 10,000 %.
        panel.axis_soft_max(0.1)
    if len(steps) > 1:
        dashed = common_models.GraphThresholdsStyleMode.DASHED
        panel.thresholds_style(common.GraphThresholdsStyleConfig().mode(dashed))
    return panel


def _legend() -> common.VizLegendOptions:
    return (
        common.VizLegendOptions()
        .display_mode(common_models.LegendDisplayMode.TABLE)
        .placement(common_models.LegendPlacement.RIGHT)
        .show_legend(True)  # noqa: FBT003 - the library's own signature
        .calcs(["lastNotNull", "max"])
        .sort_by("Max")
        .sort_desc(True)  # noqa: FBT003 - the same
    )


def _names() -> common.VizLegendOptions:
    return (
        common.VizLegendOptions()
        .display_mode(common_models.LegendDisplayMode.LIST)
        .placement(common_models.LegendPlacement.BOTTOM)
        .show_legend(True)  # noqa: FBT003 - the library's own signature
    )


def stacked(panel: timeseries.Panel) -> timeseries.Panel:
    """Return the graph with its series on top of one another."""
    return panel.fill_opacity(40).stacking(common.StackingConfig().mode(common_models.StackingMode.NORMAL))


def coloured(panel: timeseries.Panel, colours: Mapping[str, str] = OUTCOME_COLOURS) -> timeseries.Panel:
    """Return the graph with fixed colours for series by their names."""
    for name, colour in colours.items():
        fixed = {"mode": "fixed", "fixedColor": colour}
        panel.override_by_name(name, [models.DynamicConfigValue(id_val="color", value=fixed)])
    return panel


def quantiles(panel: timeseries.Panel) -> timeseries.Panel:
    """Return the graph of p50, p95 and p99 in one colour each, the worst the thickest."""
    for width, (name, colour) in enumerate({"p50": GOOD, "p95": NOTICE, "p99": WARN}.items(), start=1):
        fixed = models.DynamicConfigValue(id_val="color", value={"mode": "fixed", "fixedColor": colour})
        thick = models.DynamicConfigValue(id_val="custom.lineWidth", value=width)
        panel.override_by_name(name, [fixed, thick])
    return panel


def timeline(
    title: str, description: str, *, series: Sequence[Series], mapping: Words, span: int = 12
) -> statetimeline.Panel:
    """Return states over time, one line for each series, with the state's word in it."""
    return (
        statetimeline.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .targets([*queries(series)])
        .unit("none")
        .mappings(words(mapping))
        .thresholds(thresholds(UNJUDGED))
        .color_scheme(dashboard.FieldColor().mode(models.FieldColorModeId.FIXED).fixed_color(PLAIN))
        .show_value(common_models.VisibilityMode.AUTO)
        .merge_values(True)  # noqa: FBT003 - the library's own signature
        .row_height(0.85)
        .fill_opacity(80)
        .legend(
            common.VizLegendOptions()
            .display_mode(common_models.LegendDisplayMode.LIST)
            .placement(common_models.LegendPlacement.BOTTOM)
            .show_legend(False)  # noqa: FBT003 - the words say it
        )
        .height(HEIGHT)
        .span(span)
    )


def bars(
    title: str, description: str, *, series: Sequence[Series], unit: str, steps: Steps, span: int = 12
) -> bargauge.Panel:
    """Return one bar for each series, with its value beside it."""
    return (
        bargauge.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .targets([*instants(series)])
        .unit(unit)
        .min(0)
        .thresholds(thresholds(steps))
        .no_value(NO_TRAFFIC)
        .color_scheme(dashboard.FieldColor().mode(models.FieldColorModeId.THRESHOLDS))
        .orientation(common_models.VizOrientation.HORIZONTAL)
        .display_mode(common_models.BarGaugeDisplayMode.BASIC)
        .value_mode(common_models.BarGaugeValueMode.TEXT)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .height(HEIGHT)
        .span(span)
    )


def density(title: str, description: str, *, buckets: str) -> heatmap.Panel:
    """Return how often each length of time was seen, over time; `buckets` is a query by `le`."""
    query = target(0, buckets, "{{le}}").range().format(prometheus_models.PromQueryFormat.HEATMAP)
    return (
        heatmap.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .targets([query])
        .unit("reqps")
        .thresholds(thresholds(UNJUDGED))
        .no_value(NO_TRAFFIC)
        .calculate(False)  # noqa: FBT003 - the library's own signature
        .color(
            heatmap.HeatmapColorOptions()
            .mode(heatmap_models.HeatmapColorMode.SCHEME)
            .scheme("Viridis")
            .steps(32)
        )
        .y_axis(heatmap.YAxisConfig().unit("s"))
        .height(HEIGHT)
        .span(12)
    )
