"""Slack's status API: `/api/v2.0.0/current`.

Format and example: https://docs.slack.dev/reference/slack-status-api. It names troubles only, each with the
services it affects; what is not named is well.
"""

from collections.abc import Mapping
from types import MappingProxyType

from integrations.signals import Indicator
from integrations.status_pages import tolerant
from integrations.status_pages.reading import PageReading, Trouble, UnreadablePageError

PATH = "/api/v2.0.0/current"

_OF_TYPE: Mapping[str, Indicator] = MappingProxyType(
    {
        "outage": Indicator.MAJOR_OUTAGE,
        "incident": Indicator.PARTIAL_OUTAGE,
        "notice": Indicator.OPERATIONAL,
        "maintenance": Indicator.MAINTENANCE,
    }
)
_OVER = frozenset({"resolved", "completed", "cancelled", "scheduled"})


def read(value: object) -> PageReading:
    """Read a decoded answer.

    Raises:
        UnreadablePageError: when it has no status.
    """
    page = tolerant.mapping(value)
    if not isinstance(page.get("status"), str):
        raise UnreadablePageError("Slack's status has a field status; this has none")
    listed = tolerant.mappings(page.get("active_incidents"))
    active = (one for one in listed if tolerant.text(one.get("status")) not in _OVER)
    return PageReading(troubles=tuple(map(_trouble, active)))


def _trouble(one: Mapping[str, object]) -> Trouble:
    announced = tolerant.moment(one.get("date_created"))
    return Trouble(
        title=tolerant.text(one.get("title")),
        indicator=_OF_TYPE.get(str(one.get("type")), Indicator.DEGRADED),
        components=tolerant.texts(one.get("services")),
        url=tolerant.link(one.get("url")),
        started_at=announced,
        announced_at=announced,
    )
