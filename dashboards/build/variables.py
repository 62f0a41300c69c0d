"""What a reader of the boards may choose; each board has all of it, so that a choice survives a link."""

from collections.abc import Collection, Iterator, Sequence

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models

SOURCE = common_models.DataSourceRef(type_val="prometheus", uid="${datasource}")
ANALYTICS = common_models.DataSourceRef(type_val="yesoreyeram-infinity-datasource", uid="${analytics}")
SCRAPE = ("job", "instance")
LINE = (*SCRAPE, "vendor", "team", "environment", "integration")
"""What narrows a board to some integrations."""
ONE = "integration"
"""The board that shows one integration, and lets one choose no more."""

ASKED = "usage"
"""The board that asks DuckDB, to which a star is any integration."""

_HERE = 'job=~"$job",instance=~"$instance"'
_INFO = f"dialtone_integration_info{{{_HERE}"
_OWNED = f'{_INFO},vendor=~"$vendor",team=~"$team",environment=~"$environment"}}'


def all_of(board: str, chosen: Collection[str]) -> Sequence[Builder[models.VariableModel]]:
    """Return the variables of a board; those not chosen are hidden."""
    return [
        dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus"),
        *(variable.hide(_hiding(name, chosen)) for name, variable in _choices(board)),
    ]


def _hiding(name: str, chosen: Collection[str]) -> models.VariableHide:
    return models.VariableHide.DONT_HIDE if name in chosen else models.VariableHide.HIDE_VARIABLE


def _choices(board: str) -> Iterator[tuple[str, dashboard.QueryVariable]]:
    yield "job", _several("job", "Job", "label_values(dialtone_build_info, job)", any_value=".+")
    instances = 'label_values(dialtone_build_info{job=~"$job"}, instance)'
    yield "instance", _several("instance", "Instance", instances, any_value=".+")
    yield "vendor", _several("vendor", "Vendor", f"label_values({_INFO}}}, vendor)", any_value=".+")
    yield "team", _several("team", "Team", f"label_values({_INFO}}}, team)", any_value=".*")
    environments = f"label_values({_INFO}}}, environment)"
    yield "environment", _several("environment", "Environment", environments, any_value=".*")
    integrations = f"label_values({_OWNED}, integration)"
    if board == ONE:
        yield "integration", _query("integration", "Integration", integrations)
    elif board == ASKED:
        lines = f"label_values({_INFO}}}, integration)"
        yield "integration", _several("integration", "Integration", lines, any_value="*")
    else:
        # Without a value of its own, All means the integrations of the vendors and teams that were chosen.
        yield "integration", _several("integration", "Integration", integrations)
    objectives = f"label_values(dialtone_slo_objective_ratio{{{_HERE}}}, slo)"
    yield "slo", _several("slo", "Objective", objectives, any_value=".+")
    receivers = f"label_values(dialtone_receiver_disabled{{{_HERE}}}, receiver)"
    yield "receiver", _several("receiver", "Receiver", receivers, any_value=".+")


def _several(name: str, label: str, query: str, *, any_value: str = "") -> dashboard.QueryVariable:
    variable = (
        _query(name, label, query)
        .multi(True)  # noqa: FBT003 - the library's own signature
        .include_all(True)  # noqa: FBT003 - the same
        .current(models.VariableOption(text=["All"], value=["$__all"], selected=True))
    )
    return variable.all_value(any_value) if any_value else variable


def _query(name: str, label: str, query: str) -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(SOURCE)
        .query({"query": query, "refId": name})
        .definition(query)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
    )
