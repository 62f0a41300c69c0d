"""Tables: several queries side by side, a row for each integration or whatever they have in common."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from grafana_foundation_sdk.builders import common, table
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import prometheus as prometheus_models

from dashboards.build.panels import HEIGHT, UNJUDGED, Steps, instants, link, thresholds, words
from dashboards.build.variables import SOURCE
from dashboards.build.words import NO_TRAFFIC, PLAIN, Words


class Column(NamedTuple):
    """How a column looks: its title, and for a value its unit, words and colours; `board` is where its
    cells lead, as a value of the variable of the same name as the column's label.
    """

    title: str
    unit: str = ""
    words: Words = MappingProxyType({})
    steps: Steps = ()
    width: int = 0
    board: str = ""
    decimals: int | None = None


def sheet(
    title: str, description: str, *, series: Sequence[str], columns: Mapping[str, Column], sort: str
) -> table.Panel:
    """Return a table that merges queries by their labels. `columns` names, in order, a label, or `Value #A`
    for the first query's value (`Value` where there is one query); what is not named is left out.
    """
    panel = (
        table.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .targets(
            [
                each.format(prometheus_models.PromQueryFormat.TABLE)
                for each in instants([(q, "") for q in series])
            ]
        )
        .unit("none")
        .thresholds(thresholds(UNJUDGED))
        .no_value("none")
        .mappings([_not_a_number()])
    )
    return ordered(panel, columns, sort=sort, merging=len(series) > 1)


def ordered(panel: table.Panel, columns: Mapping[str, Column], *, sort: str, merging: bool) -> table.Panel:
    """Return the table with its columns chosen, named, formatted and sorted by a title, the largest first; a
    plus before the title: the smallest first.
    """
    if merging:
        panel.with_transformation(models.DataTransformerConfig(id_val="merge", options={}))
    chosen = {
        "includeByName": dict.fromkeys(columns, True),
        "indexByName": {name: place for place, name in enumerate(columns)},
        "renameByName": {name: column.title for name, column in columns.items()},
        "excludeByName": {},
    }
    panel.with_transformation(models.DataTransformerConfig(id_val="organize", options=chosen))
    for name, column in columns.items():
        if properties := _properties(name, column):
            panel.override_by_name(column.title, properties)
    rising = sort.startswith("+")
    panel.sort_by([common.TableSortByFieldState().display_name(sort.removeprefix("+")).desc(not rising)])
    return panel.height(HEIGHT).span(12)


def _not_a_number() -> models.SpecialValueMap:
    """A quantile or ratio of nothing."""
    result = models.ValueMappingResult(text=NO_TRAFFIC, color=PLAIN, index=0)
    options = models.DashboardSpecialValueMapOptions(match=models.SpecialValueMatch.NA_N, result=result)
    return models.SpecialValueMap(options=options)


def _properties(label: str, column: Column) -> list[models.DynamicConfigValue]:
    given: dict[str, object] = {}
    if column.unit:
        given["unit"] = column.unit
    if column.words:
        given["mappings"] = words(column.words)
    if column.steps:
        steps = [{"value": value, "color": colour} for value, colour in column.steps]
        given["thresholds"] = {"mode": "absolute", "steps": steps}
    if column.words or column.steps:
        given["custom.cellOptions"] = {"type": "color-text"}
    if column.decimals is not None:
        given["decimals"] = column.decimals
    if column.width:
        given["custom.width"] = column.width
    if column.board:
        leading = link(column.board, f"Show this {label}", variable=label, value="${__value.text}").build()
        given["links"] = [{"title": leading.title, "url": leading.url}]
    return [models.DynamicConfigValue(id_val=name, value=value) for name, value in given.items()]
