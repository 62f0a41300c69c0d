"""Statuspage's summary: `/api/v2/summary.json`, also served by incident.io and others that imitate it.

Format: the API page that each Statuspage site has (such as https://www.githubstatus.com/api), and MongoDB's
reference of the same summary (https://www.mongodb.com/docs/api/doc/cloud-status/).
"""

from collections.abc import Mapping
from types import MappingProxyType

from integrations.signals import Indicator
from integrations.status_pages import tolerant
from integrations.status_pages.reading import PageReading, Part, Trouble, UnreadablePageError

PATH = "/api/v2/summary.json"

_OF_COMPONENT: Mapping[str, Indicator] = MappingProxyType(
    {
        "operational": Indicator.OPERATIONAL,
        "degraded_performance": Indicator.DEGRADED,
        "partial_outage": Indicator.PARTIAL_OUTAGE,
        "major_outage": Indicator.MAJOR_OUTAGE,
        "full_outage": Indicator.MAJOR_OUTAGE,
        "under_maintenance": Indicator.MAINTENANCE,
    }
)
_OF_IMPACT: Mapping[str, Indicator] = MappingProxyType(
    {
        "none": Indicator.OPERATIONAL,
        "minor": Indicator.DEGRADED,
        "major": Indicator.PARTIAL_OUTAGE,
        "critical": Indicator.MAJOR_OUTAGE,
        "maintenance": Indicator.MAINTENANCE,
    }
)
_OVER = frozenset({"resolved", "postmortem", "completed"})
_UNDER_WAY = frozenset({"in_progress", "verifying"})


def read(value: object) -> PageReading:
    """Read a decoded summary.

    Raises:
        UnreadablePageError: when it has neither components nor incidents.
    """
    page = tolerant.mapping(value)
    if not isinstance(page.get("components"), list) and not isinstance(page.get("incidents"), list):
        raise UnreadablePageError("a Statuspage summary has components and incidents; this has neither")
    parts = (_part(one) for one in tolerant.mappings(page.get("components")))
    incidents = (
        _trouble(one, _OF_IMPACT.get(str(one.get("impact")), Indicator.DEGRADED))
        for one in tolerant.mappings(page.get("incidents"))
        if tolerant.text(one.get("status")) not in _OVER and not one.get("resolved_at")
    )
    maintenances = (
        _trouble(one, Indicator.MAINTENANCE)
        for one in tolerant.mappings(page.get("scheduled_maintenances"))
        if tolerant.text(one.get("status")) in _UNDER_WAY
    )
    return PageReading(
        parts=tuple(part for part in parts if part is not None), troubles=(*incidents, *maintenances)
    )


def _part(one: Mapping[str, object]) -> Part | None:
    """A component; a group is only as bad as what is in it, which is listed too."""
    name = tolerant.text(one.get("name"))
    indicator = _OF_COMPONENT.get(str(one.get("status")))
    if not name or indicator is None or one.get("group") is True:
        return None
    return Part(name=name, indicator=indicator)


def _trouble(one: Mapping[str, object], indicator: Indicator) -> Trouble:
    began = one.get("scheduled_for") if indicator is Indicator.MAINTENANCE else one.get("started_at")
    announced = tolerant.moment(one.get("created_at"))
    named = (tolerant.text(each.get("name")) for each in tolerant.mappings(one.get("components")))
    started = tolerant.moment(began)
    return Trouble(
        title=tolerant.text(one.get("name")),
        indicator=indicator,
        components=tuple(filter(None, named)),
        url=tolerant.link(one.get("shortlink")),
        started_at=announced if started is None else started,
        announced_at=announced,
        is_watched=one.get("status") == "monitoring",
    )
