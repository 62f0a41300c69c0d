"""The board an SRE opens first: what is down, since when, and whether Dialtone itself is well."""

from collections.abc import Mapping, Sequence

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as models

from dashboards.build import calls, checks, itself, limits, now, vendors
from dashboards.build.panels import SOURCE


def board() -> dashboard.Dashboard:
    """Return the whole board."""
    overview = (
        dashboard.Dashboard("Dialtone overview")
        .uid("dialtone-overview")
        .description("Health, calls, breakers and limits of every integration, and of Dialtone itself.")
        .tags(["dialtone"])
        .readonly()
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .time("now-1h", "now")
        .refresh("30s")
        .timezone("browser")
        .variables(variables())
    )
    ids = iter(range(1, 1_000))
    for title, panels in rows().items():
        overview.with_row(dashboard.Row(title).id(next(ids)))
        for panel in panels:
            built = panel.build()
            built.id_val = next(ids)
            overview.with_panel(_Built(built))
    return overview


class _Built(Builder[models.Panel]):
    """A panel that is built already, in a builder's clothes."""

    def __init__(self, panel: models.Panel) -> None:
        self._panel = panel

    def build(self) -> models.Panel:
        """Return it."""
        return self._panel


def variables() -> list[Builder[models.VariableModel]]:
    """The data source, vendor and integration; `All` expands to the integrations of the vendors chosen."""
    return [
        dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus"),
        _choice("vendor", "Vendor", "label_values(dialtone_integration_info, vendor)"),
        _choice(
            "integration",
            "Integration",
            'label_values(dialtone_integration_info{vendor=~"$vendor"}, integration)',
        ),
    ]


def _choice(name: str, label: str, query: str) -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(SOURCE)
        .query({"query": query, "refId": name})
        .definition(query)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
        .multi(True)  # noqa: FBT003 - the library's own signature
        .include_all(True)  # noqa: FBT003 - the same
        .current(models.VariableOption(text=["All"], value=["$__all"], selected=True))
    )


def rows() -> Mapping[str, Sequence[Builder[models.Panel]]]:
    """Return the rows of the board from top to bottom, each with its panels from left to right."""
    return {
        "Now": now.panels(),
        "Calls": calls.panels(),
        "Breakers and limits": limits.panels(),
        "Checks and certificates": checks.panels(),
        "Vendors, credentials and webhooks": vendors.panels(),
        "Dialtone itself": itself.panels(),
    }
