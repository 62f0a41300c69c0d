"""Where Datadog may be: its sites, which are separate installations with accounts and keys of their own, and
an Agent nearby.

Source: `servers` of Datadog's OpenAPI description (v1), which a test compares where it is at hand.
"""

from urllib.parse import urlsplit

from integrations.manifest.source import nearest

SITES = (
    "datadoghq.com",
    "us3.datadoghq.com",
    "us5.datadoghq.com",
    "datadoghq.eu",
    "ap1.datadoghq.com",
    "ap2.datadoghq.com",
    "uk1.datadoghq.com",
    "ddog-gov.com",
    "us2.ddog-gov.com",
)
_PREFIXES = ("https://", "http://", "api.", "app.")


def check_site(site: str) -> None:
    """Refuse a site that is none, and name the one that was probably meant.

    Raises:
        ValueError: with the key and what it must be.
    """
    if site in SITES:
        return
    meant = _bare(site)
    near = meant if meant in SITES else nearest(meant, SITES)
    hint = f"; did you mean {near}?" if near else "."
    known = ", ".join(SITES)
    raise ValueError(
        f"exporters.datadog.site {site!r} is none of Datadog's sites ({known}){hint}"
        " For a proxy or a site that is newer than this list, set `url`"
    )


def _bare(site: str) -> str:
    """The site in what may be the address of its page or its API."""
    bare = site.strip().lower()
    for prefix in _PREFIXES:
        bare = bare.removeprefix(prefix)
    return bare.split("/")[0]


def check_agent(url: str) -> None:
    """Refuse an address at which no Agent can listen.

    Raises:
        ValueError: with the key and what it must be.
    """
    if not _is_agent(url):
        raise ValueError(
            f"exporters.datadog.dogstatsd {url!r} must be udp://127.0.0.1:8125"
            " or unix:///var/run/datadog/dsd.socket"
        )


def _is_agent(url: str) -> bool:
    try:
        parts = urlsplit(url)
        is_bare = not (parts.query or parts.fragment or parts.username)
        if parts.scheme == "unix":
            return is_bare and not parts.netloc and len(parts.path) > 1
        return is_bare and parts.scheme == "udp" and bool(parts.hostname and parts.port) and not parts.path
    except ValueError:
        return False
