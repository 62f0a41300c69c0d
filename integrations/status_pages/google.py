"""Google's list of incidents: `incidents.json` of Google Cloud and of Google Workspace.

Format: https://status.cloud.google.com/incidents.schema.json, as programs that read it use it; fields that
only memory vouches for are not relied on. An incident without `end` goes on.
"""

from collections.abc import Mapping
from types import MappingProxyType

from integrations.signals import Indicator
from integrations.status_pages import tolerant
from integrations.status_pages.reading import PageReading, Trouble, UnreadablePageError

_OF_IMPACT: Mapping[str, Indicator] = MappingProxyType(
    {
        "SERVICE_OUTAGE": Indicator.MAJOR_OUTAGE,
        "SERVICE_DISRUPTION": Indicator.PARTIAL_OUTAGE,
        "SERVICE_INFORMATION": Indicator.OPERATIONAL,
        "AVAILABLE": Indicator.OPERATIONAL,
    }
)


def read(value: object) -> PageReading:
    """Read the decoded list.

    Raises:
        UnreadablePageError: when it is no list.
    """
    if not isinstance(value, list):
        raise UnreadablePageError("Google's incidents are a list; this is none")
    return PageReading(troubles=tuple(_trouble(one) for one in tolerant.mappings(value) if _goes_on(one)))


def _goes_on(one: Mapping[str, object]) -> bool:
    newest = tolerant.mapping(one.get("most_recent_update"))
    return not one.get("end") and newest.get("status") != "AVAILABLE"


def _trouble(one: Mapping[str, object]) -> Trouble:
    products = [tolerant.text(each.get("title")) for each in tolerant.mappings(one.get("affected_products"))]
    started = tolerant.moment(one.get("begin"))
    announced = tolerant.moment(one.get("created"))
    return Trouble(
        title=tolerant.text(one.get("external_desc")),
        indicator=_OF_IMPACT.get(str(one.get("status_impact")), Indicator.DEGRADED),
        components=tuple(filter(None, products or [tolerant.text(one.get("service_name"))])),
        url=tolerant.link(one.get("uri")),
        started_at=started,
        announced_at=started if announced is None else announced,
    )
