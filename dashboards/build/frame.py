"""What all boards have in common: variables, links, annotations, ids and the order of panels."""

from collections.abc import Collection, Mapping, Sequence
from typing import TypeVar

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as models

from dashboards.build import annotations, variables

TAG = "dialtone"
T = TypeVar("T")
Panels = Sequence[Builder[models.Panel]]
Rows = Mapping[str, Panels]
"""The panels of each row, from left to right, by the row's title."""


def board(
    name: str,
    *,
    title: str,
    about: str,
    rows: Rows,
    chosen: Collection[str] = variables.LINE,
    since: str = "now-1h",
    further: Sequence[Builder[models.VariableModel]] = (),
) -> dashboard.Dashboard:
    """Return a board. `chosen` names the variables that its panels heed; the others are kept, unseen, for the
    boards it links to. `further` are variables that no other board has.
    """
    built = (
        dashboard.Dashboard(f"Dialtone: {title}")
        .uid(f"{TAG}-{name}")
        .description(about)
        .tags([TAG])
        .readonly()
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .time(since, "now")
        .refresh("30s")
        .timezone("browser")
        .variables([*variables.all_of(name, chosen), *further])
        .annotations([*annotations.all_of()])
        .link(_others())
    )
    return _filled(built, rows)


def _others() -> Builder[models.DashboardLink]:
    link = (
        dashboard.DashboardLink("Dialtone's boards")
        .type(models.DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .tooltip("The other boards, with the same choice and time")
        .include_vars(True)  # noqa: FBT003 - the library's own signature
        .keep_time(True)  # noqa: FBT003 - the same
        .as_dropdown(False)  # noqa: FBT003 - the same
    ).build()
    # The library puts every link into a menu; these belong where they are seen.
    link.placement = None
    return _Built(link)


def _filled(built: dashboard.Dashboard, rows: Rows) -> dashboard.Dashboard:
    ids = iter(range(1, 1_000))
    for title, panels in rows.items():
        built.with_row(dashboard.Row(title).id(next(ids)))
        for panel in panels:
            made = panel.build()
            made.id_val = next(ids)
            built.with_panel(_Built(made))
    return built


class _Built(Builder[T]):
    """Something that is built already, in a builder's clothes."""

    def __init__(self, built: T) -> None:
        self._built = built

    def build(self) -> T:
        """Return it."""
        return self._built
