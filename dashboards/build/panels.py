"""The kinds of panel the boards are made of, so that they all look and read alike.

States are words first and colours second: a board must be readable without colour vision.
"""

from collections.abc import Mapping, Sequence

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    prometheus,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import prometheus as prometheus_models

Series = tuple[str, str]
"""A query and the legend of its series."""
Step = tuple[float | None, str]
"""From which value on which colour; None is where the scale begins."""
Words = Mapping[float, tuple[str, str]]
"""A word and a colour for a value."""

SOURCE = common_models.DataSourceRef(type_val="prometheus", uid="${datasource}")
HEIGHT = 8
ERRORS: Sequence[Step] = ((None, "green"), (0.01, "yellow"), (0.05, "red"))
"""Where a share of errors becomes noticeable, and bad."""


def thresholds(*steps: Step) -> dashboard.ThresholdsConfig:
    """Return thresholds in absolute values."""
    return (
        dashboard.ThresholdsConfig()
        .mode(models.ThresholdsMode.ABSOLUTE)
        .steps([models.Threshold(value=value, color=color) for value, color in steps])
    )


def words(mapping: Words) -> list[models.ValueMapping]:
    """Return the value mapping that shows words for values."""
    options = {
        f"{value:g}": models.ValueMappingResult(text=text, color=color, index=place)
        for place, (value, (text, color)) in enumerate(mapping.items())
    }
    return [models.ValueMap(options=options)]


def queries(series: Sequence[Series]) -> list[prometheus.Dataquery]:
    """Return targets over the board's time range."""
    return [
        prometheus.Dataquery()
        .datasource(SOURCE)
        .ref_id(chr(65 + place))
        .expr(expr)
        .legend_format(legend)
        .range()
        for place, (expr, legend) in enumerate(series)
    ]


def instants(series: Sequence[Series]) -> list[prometheus.Dataquery]:
    """Return targets of the last moment."""
    return [
        prometheus.Dataquery()
        .datasource(SOURCE)
        .ref_id(chr(65 + place))
        .expr(expr)
        .legend_format(legend)
        .instant()
        for place, (expr, legend) in enumerate(series)
    ]


def number(
    title: str, description: str, *, series: Sequence[Series], unit: str, steps: Sequence[Step]
) -> stat.Panel:
    """Return one big number with its course behind it."""
    return (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .targets([*queries(series)])
        .unit(unit)
        .thresholds(thresholds(*steps))
        .color_mode(common_models.BigValueColorMode.VALUE)
        .graph_mode(common_models.BigValueGraphMode.AREA)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .height(4)
        .span(6)
    )


def graph(
    title: str,
    description: str,
    *,
    series: Sequence[Series],
    unit: str,
    steps: Sequence[Step] = ((None, "green"),),
) -> timeseries.Panel:
    """Return lines over time, with the last and the largest value in the legend."""
    return (
        timeseries.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .targets([*queries(series)])
        .unit(unit)
        .min(0)
        .thresholds(thresholds(*steps))
        .color_scheme(dashboard.FieldColor().mode(models.FieldColorModeId.PALETTE_CLASSIC_BY_NAME))
        .legend(
            common.VizLegendOptions()
            .display_mode(common_models.LegendDisplayMode.TABLE)
            .placement(common_models.LegendPlacement.RIGHT)
            .show_legend(True)  # noqa: FBT003 - the library's own signature
            .calcs(["lastNotNull", "max"])
        )
        .tooltip(
            common.VizTooltipOptions()
            .mode(common_models.TooltipDisplayMode.MULTI)
            .sort(common_models.SortOrder.DESCENDING)
        )
        .fill_opacity(0)
        .line_width(1)
        .height(HEIGHT)
        .span(12)
    )


def stacked(panel: timeseries.Panel) -> timeseries.Panel:
    """Return the graph with its series on top of one another."""
    return panel.fill_opacity(40).stacking(common.StackingConfig().mode(common_models.StackingMode.NORMAL))


def timeline(
    title: str, description: str, *, series: Sequence[Series], mapping: Words
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
        .thresholds(thresholds((None, "text")))
        .color_scheme(dashboard.FieldColor().mode(models.FieldColorModeId.FIXED).fixed_color("text"))
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
        .span(12)
    )


def bars(
    title: str, description: str, *, series: Sequence[Series], unit: str, steps: Sequence[Step]
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
        .thresholds(thresholds(*steps))
        .color_scheme(dashboard.FieldColor().mode(models.FieldColorModeId.THRESHOLDS))
        .orientation(common_models.VizOrientation.HORIZONTAL)
        .display_mode(common_models.BarGaugeDisplayMode.BASIC)
        .value_mode(common_models.BarGaugeValueMode.TEXT)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .height(HEIGHT)
        .span(12)
    )


def sheet(
    title: str, description: str, *, series: Sequence[str], columns: Mapping[str, str], sort: str
) -> table.Panel:
    """Return a table that merges queries by their labels; `columns` names label or `Value #A` in order."""
    panel = (
        table.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .targets(
            [
                target.format(prometheus_models.PromQueryFormat.TABLE)
                for target in instants([(q, "") for q in series])
            ]
        )
        .unit("none")
        .with_transformation(models.DataTransformerConfig(id_val="merge", options={}))
        .with_transformation(
            models.DataTransformerConfig(
                id_val="organize",
                options={
                    "excludeByName": {"Time": True},
                    "indexByName": {name: place for place, name in enumerate(columns)},
                    "renameByName": dict(columns),
                },
            )
        )
        .sort_by([common.TableSortByFieldState().display_name(sort).desc(True)])  # noqa: FBT003 - the library's
        .thresholds(thresholds((None, "text")))
    )
    return panel.height(HEIGHT).span(12)
