"""Salesforce Trust: `https://api.status.salesforce.com/v1/instances/{instance}/status`.

The words of `status` are those of Salesforce's own reader (github.com/salesforce/refocus-sgt-trust1); the
fields of an incident are as programs that read the API use them.
"""

from collections.abc import Mapping
from types import MappingProxyType

from integrations.signals import Indicator
from integrations.status_pages import tolerant
from integrations.status_pages.reading import PageReading, Part, Trouble, UnreadablePageError

_OF_STATUS: Mapping[str, Indicator] = MappingProxyType(
    {
        "OK": Indicator.OPERATIONAL,
        "INFORMATIONAL_NONCORE": Indicator.OPERATIONAL,
        "INFORMATIONAL_CORE": Indicator.OPERATIONAL,
        "MAINTENANCE_NONCORE": Indicator.MAINTENANCE,
        "MAINTENANCE_CORE": Indicator.MAINTENANCE,
        "MINOR_INCIDENT_NONCORE": Indicator.DEGRADED,
        "MINOR_INCIDENT_CORE": Indicator.DEGRADED,
        "MAJOR_INCIDENT_NONCORE": Indicator.PARTIAL_OUTAGE,
        "MAJOR_INCIDENT_CORE": Indicator.MAJOR_OUTAGE,
    }
)


def read(value: object) -> PageReading:
    """Read the decoded status of one instance. Its `status` decides; its incidents say what and since when.

    Raises:
        UnreadablePageError: when it has no key and status.
    """
    page = tolerant.mapping(value)
    key, status = tolerant.text(page.get("key")), page.get("status")
    if not key or not isinstance(status, str):
        raise UnreadablePageError("the status of a Salesforce instance has key and status; this has not")
    indicator = _OF_STATUS.get(status, Indicator.DEGRADED)
    if indicator is Indicator.OPERATIONAL:
        return PageReading(parts=(Part(name=key, indicator=indicator),))
    kind = "Maintenances" if indicator is Indicator.MAINTENANCE else "Incidents"
    troubles = (_trouble(one, key, indicator) for one in tolerant.mappings(page.get(kind)))
    return PageReading(
        parts=(Part(name=key, indicator=indicator),),
        troubles=tuple(one for one in troubles if one is not None),
    )


def _trouble(one: Mapping[str, object], key: str, indicator: Indicator) -> Trouble | None:
    impacts = tolerant.mappings(one.get("IncidentImpacts"))
    if impacts and all(each.get("endTime") for each in impacts):
        return None
    message = tolerant.mapping(one.get("message"))
    began = [tolerant.moment(each.get("startTime")) for each in impacts]
    announced = tolerant.moment(one.get("createdAt"))
    started = min((each for each in began if each is not None), default=announced)
    title = message.get("pathDescription") or message.get("actionDescription") or one.get("name")
    return Trouble(
        title=tolerant.text(title) or ", ".join(tolerant.texts(one.get("serviceKeys"))),
        indicator=indicator,
        components=(key,),
        started_at=started,
        announced_at=announced,
    )
