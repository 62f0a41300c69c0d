"""Panels of what DuckDB knows, through Dialtone's HTTP API and Grafana's Infinity data source.

The keys of a target are those of yesoreyeram-infinity-datasource 3 (grafana.com/docs/plugins). Its URL is
relative: the data source holds Dialtone's address and its token.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeVar

from grafana_foundation_sdk.builders import bargauge, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.runtime import UnknownDataquery
from grafana_foundation_sdk.models import dashboard as models

from dashboards.build.tables import Column, ordered
from dashboards.build.variables import ANALYTICS

QUERIES = "/v2/analytics/queries"
WINDOW: Mapping[str, str] = {"from": "${__from:date:iso}", "to": "${__to:date:iso}"}
LINES: Mapping[str, str] = {**WINDOW, "integration": "${integration:csv}"}
"""The time the board shows, of the integrations that were chosen."""
NOTHING = "nothing in this time"
Field = tuple[str, str]
"""A column of an answer and its type: string, number or timestamp."""

P = TypeVar("P", stat.Panel, bargauge.Panel, timeseries.Panel, table.Panel, statetimeline.Panel)


class Asked(NamedTuple):
    """A named query, what it is asked with, and the columns that are shown."""

    query: str
    fields: Sequence[Field]
    params: Mapping[str, str] = LINES

    def target(self) -> "_Target":
        """Return the target of a panel."""
        given = {"format": "records", **self.params}
        return _Target(
            {
                "datasource": {"type": ANALYTICS.type_val, "uid": ANALYTICS.uid},
                "refId": "A",
                "type": "json",
                "parser": "backend",
                "source": "url",
                "format": "table",
                "url": f"{QUERIES}/{self.query}",
                "url_options": {
                    "method": "GET",
                    "params": [{"key": key, "value": value} for key, value in given.items()],
                },
                "root_selector": "",
                "columns": [{"selector": name, "text": name, "type": kind} for name, kind in self.fields],
                "filters": [],
            }
        )


class _Target(Builder[UnknownDataquery]):
    def __init__(self, content: dict[str, object]) -> None:
        self._content = content

    def build(self) -> UnknownDataquery:
        """Return it; the library knows no data source of this type, and keeps its targets as they are."""
        return UnknownDataquery(self._content)


def asking(panel: P, asked: Asked, *, nothing: str = NOTHING) -> P:
    """Return the panel with its data from DuckDB instead of Prometheus."""
    return panel.datasource(ANALYTICS).targets([asked.target()]).no_value(nothing)


def by(panel: P, name: str, value: str, *, row: str = "bucket_start") -> P:
    """Return the panel with a series of `value` over `row` for each value of the column `name`."""
    matrix = {"columnField": name, "rowField": row, "valueField": value, "emptyValue": "null"}
    return panel.with_transformation(models.DataTransformerConfig(id_val="groupingToMatrix", options=matrix))


def listed(
    title: str, description: str, *, asked: Asked, columns: Mapping[str, Column], sort: str
) -> table.Panel:
    """Return a table of the answer."""
    panel = table.Panel().title(title).description(description).unit("none")
    return ordered(asking(panel, asked, nothing="none"), columns, sort=sort, merging=False)
