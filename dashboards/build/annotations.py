"""What happened, drawn over every graph: trouble, open breakers, game days, deploys of configuration.

They are read from states, not from counters: a counter that is born with its first event shows no increase,
and a state that lasts is drawn as long as it lasts.
"""

from collections.abc import Sequence

from grafana_foundation_sdk.builders import dashboard, prometheus
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as models

from dashboards.build.queries import WHOLE, select, states
from dashboards.build.variables import SOURCE
from dashboards.build.words import BAD, NOTICE, WARN, WORST


def all_of() -> Sequence[Builder[models.AnnotationQuery]]:
    """Return the annotations that every board has."""
    trouble = select("dialtone_health", states("down", "unauthorized"), WHOLE)
    breakers = select("dialtone_breaker_state", states("open", "forced_open"))
    injected = select("dialtone_fault_injected")
    loaded = select("dialtone_config_loaded_timestamp_seconds")
    return [
        _Lasting("Incidents", f"max by (integration, state) ({trouble}) == 1", colour=BAD).told(
            "{{integration}} is {{state}}", tags="integration,state"
        ),
        _Lasting("Breakers", f"max by (integration, capability, state) ({breakers}) == 1", colour=WARN).told(
            "{{integration}} {{capability}}: breaker {{state}}", tags="integration,capability"
        ),
        _Lasting("Game days", f"max by (integration) ({injected}) == 1", colour=WORST).told(
            "{{integration}}: faults are injected on purpose", tags="integration"
        ),
        _Lasting("Configuration", f"max by (instance) ({loaded}) * 1000", colour=NOTICE, is_moment=True).told(
            "{{instance}}: configuration in effect", tags="instance"
        ),
    ]


class _Lasting(Builder[models.AnnotationQuery]):
    """An annotation from Prometheus; `is_moment`: the series' value is the time of it, in milliseconds."""

    def __init__(self, name: str, expr: str, *, colour: str, is_moment: bool = False) -> None:
        self._annotation = (
            dashboard.AnnotationQuery()
            .name(name)
            .datasource(SOURCE)
            .enable(True)  # noqa: FBT003 - the library's own signature
            .icon_color(colour)
            .target(prometheus.Dataquery().datasource(SOURCE).ref_id("Anno").expr(expr).range())
        ).build()
        self._annotation.expr = expr
        # The library puts every switch into a menu; these belong where they are seen.
        self._annotation.placement = None
        self._annotation.use_value_for_time = is_moment

    def told(self, title: str, *, tags: str) -> "_Lasting":
        """Name what the annotation says."""
        self._annotation.title_format = title
        self._annotation.tag_keys = tags
        return self

    def build(self) -> models.AnnotationQuery:
        """Return it."""
        return self._annotation
