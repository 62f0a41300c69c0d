"""Feeds: Azure's RSS, and AWS's list of current events with its older RSS.

Azure's feed (https://azure.status.microsoft/en-us/status/feed/) holds an item while something is wrong, and
none otherwise; an item names its services in its text alone. AWS's list
(https://health.aws.amazon.com/public/currentevents) comes as JSON in UTF-16 with a byte order mark; its
status is "0" once an event is over. AWS's RSS holds updates, the newest first, and keeps them for long. All
three as programs that read them describe them: no vendor documents the formats.
"""

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from xml.etree import ElementTree as ET

from integrations.signals import Indicator
from integrations.status_pages import tolerant
from integrations.status_pages.reading import PageReading, Trouble, UnreadablePageError

NEWS_SECONDS = 86_400.0
"""How long an update in AWS's RSS counts that nothing follows: resolutions are not always told."""

MOST_LETTERS = 1 << 20
"""How long a feed may be: longer ones would hold up the event loop while they are read."""

_OF_STATUS: Mapping[str, Indicator] = MappingProxyType(
    {
        "0": Indicator.OPERATIONAL,
        "1": Indicator.DEGRADED,
        "2": Indicator.PARTIAL_OUTAGE,
        "3": Indicator.MAJOR_OUTAGE,
    }
)
_OVER = re.compile(r"resolved|operating normally|mitigated", re.IGNORECASE)
_SERVICE = re.compile(r"#(.+)_\d{9,11}$")


def read_azure(body: str, *, components: tuple[str, ...]) -> PageReading:
    """Read Azure's RSS; a component counts as named where its name stands in an item's title or text.

    Raises:
        UnreadablePageError: when it is no RSS.
    """
    return PageReading(
        troubles=tuple(
            _azure(item, components) for item in _items(body) if not _OVER.search(_inner(item, "title"))
        )
    )


def read_aws_events(value: object) -> PageReading:
    """Read AWS's decoded list; a component is a service's name, or its id with the region (`s3-eu-west-1`).

    Raises:
        UnreadablePageError: when it is no list.
    """
    if not isinstance(value, list):
        raise UnreadablePageError("AWS's current events are a list; this is none")
    return PageReading(
        troubles=tuple(_event(one) for one in tolerant.mappings(value) if str(one.get("status")) != "0")
    )


def read_aws_feed(body: str, *, now: float) -> PageReading:
    """Read AWS's RSS: the newest update of each service counts, for a day.

    Raises:
        UnreadablePageError: when it is no RSS.
    """
    newest: dict[str, Trouble] = {}
    over: set[str] = set()
    for item in _items(body):
        found = _SERVICE.search(_inner(item, "guid"))
        service = tolerant.text(found[1]) if found else ""
        if service in newest or service in over:
            continue
        title, at = tolerant.text(_inner(item, "title")), tolerant.moment(_inner(item, "pubDate"))
        if _OVER.search(title) or at is None or now - at > NEWS_SECONDS:
            over.add(service)
        else:
            newest[service] = _update(title, service, at, link=_inner(item, "link"))
    return PageReading(troubles=tuple(newest.values()))


def _update(title: str, service: str, at: float, *, link: str) -> Trouble:
    return Trouble(
        title=title,
        indicator=Indicator.DEGRADED,
        components=(service,) if service else (),
        url=tolerant.link(link),
        started_at=at,
        announced_at=at,
    )


def _azure(item: ET.Element, components: tuple[str, ...]) -> Trouble:
    words = f"{_inner(item, 'title')} {_inner(item, 'description')}".casefold()
    named = tuple(name for name in components if name.casefold() in words)
    at = tolerant.moment(_inner(item, "pubDate"))
    return Trouble(
        title=tolerant.text(_inner(item, "title")),
        indicator=Indicator.DEGRADED,
        # An item that names none of ours must not count for all, as one without names would.
        components=named or ("other services",),
        url=tolerant.link(_inner(item, "link")),
        started_at=at,
        announced_at=at,
    )


def _event(one: Mapping[str, object]) -> Trouble:
    at = tolerant.moment(one.get("date"))
    service, region = tolerant.text(one.get("service_name")), tolerant.text(one.get("region_name"))
    place = f"{service} in {region}" if service and region else service or region
    summary = tolerant.text(one.get("summary"))
    return Trouble(
        title=tolerant.text(f"{place}: {summary}" if place else summary),
        indicator=_OF_STATUS.get(str(one.get("status")), Indicator.DEGRADED),
        components=tuple(filter(None, (tolerant.text(one.get("service")), service))),
        started_at=at,
        announced_at=at,
    )


def _items(body: str) -> Iterator[ET.Element]:
    """The items of a feed. A document type could hold entities that grow without end; no feed needs one."""
    if len(body) > MOST_LETTERS:
        raise UnreadablePageError(f"a feed has at most {MOST_LETTERS} letters; this has {len(body)}")
    if "<!DOCTYPE" in body or "<!ENTITY" in body:
        raise UnreadablePageError("a feed has no document type; this has one")
    try:
        root = ET.fromstring(body)  # noqa: S314 - without a document type there are no entities to expand
    except (ET.ParseError, ValueError) as error:
        raise UnreadablePageError("the feed is no XML") from error
    channel = root.find("channel")
    if root.tag != "rss" or channel is None:
        raise UnreadablePageError("the feed is no RSS with a channel")
    for number, item in enumerate(channel.iter("item")):
        if number == tolerant.MOST_ITEMS:
            return
        yield item


def _inner(item: ET.Element, name: str) -> str:
    return (item.findtext(name) or "").strip()
