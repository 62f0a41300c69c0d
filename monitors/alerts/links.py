"""Where a message may lead: to Dialtone, to what the configuration names, and to what a vendor gave, named by
its host.
"""

from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

import msgspec

from monitors.alerts.alert import Alert
from monitors.alerts.plain import plain

_URL = "_url"
_LONGEST_LINK = 2_000
_LONGEST_NAME = 60
_NO_LINK = frozenset(" \"'<>`|\\")


class Link(msgspec.Struct, frozen=True):
    """Where to look; `url` is http or https. One that a vendor gave is named by its host."""

    text: str
    url: str


def links_of(alert: Alert, *, external_url: str) -> tuple[Link, ...]:
    """Its page in Dialtone or what a vendor gave, and the addresses of the rule's annotations."""
    return safe(_links(alert, external_url=external_url))


def safe(links: Iterable[Link]) -> tuple[Link, ...]:
    """Those that may be shown."""
    return tuple(link for link in links if is_link(link.url))


def is_link(url: str) -> bool:
    """Whether a text is an address that may be shown as a link: http or https, no longer than 2,000
    characters, without marks that end a link in a receiver's mark-up, and with a host that is what it seems.
    """
    return (
        url.startswith(("https://", "http://"))
        and len(url) <= _LONGEST_LINK
        and url.isascii()
        and url.isprintable()
        and not set(url) & _NO_LINK
        and bool(_host(url))
    )


def _links(alert: Alert, *, external_url: str) -> Iterator[Link]:
    home = external_url.rstrip("/")
    if home and alert.link.startswith(f"{home}/") and alert.link != f"{home}/":
        yield Link("Details", alert.link)
    elif alert.link.startswith("https://") and alert.link.rstrip("/") != home:
        yield Link(plain(_host(alert.link), limit=_LONGEST_NAME), alert.link)
    for name, value in sorted(alert.annotations.items()):
        if name.endswith(_URL):
            yield Link(
                plain(name.removesuffix(_URL).replace("_", " ").capitalize(), limit=_LONGEST_NAME), value
            )


def _host(url: str) -> str:
    """Where a URL leads, as it is written; empty for one that cannot be read, or that names a user before its
    host, as those do that are to look like another.
    """
    try:
        place = urlsplit(url).netloc
    except ValueError:
        return ""
    return "" if "@" in place else place
