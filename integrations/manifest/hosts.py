"""The allow-list of where a vendor's requests may go: exact origins, and suffixes for hosts learned at run
time.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from sys import intern

import httpx

_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(rb"(?=.{1,254}$)([a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}\.?|[0-9a-f]*:[0-9a-f:.]+")
"""Names as name servers take them (RFC 1035, 2.3.4), with the underscore that many have; and IPv6."""


class ForeignHostError(ValueError):
    """A request was about to leave the allowed hosts."""


@lru_cache(maxsize=16_384)
def parsed_url(text: str) -> httpx.URL:
    """The address, parsed. The same few are wanted again and again: when a configuration is checked, when an
    integration is opened, at each of its checks; and parsing takes 15 µs.

    Raises:
        httpx.InvalidURL: when it is none.
    """
    return httpx.URL(text)


def may_be_host(url: httpx.URL) -> bool:
    """Whether the address's host is a name that a server can have, or an address. httpx also takes others."""
    return _HOST.fullmatch(url.raw_host) is not None


class Origins:
    """Exact origins (scheme, host, port). An entry is a host name (https, port 443) or a whole URL.

    `suffixes` allow https hosts that end in one of them, at a dot.
    """

    __slots__ = ("_origins", "_own", "_suffixes")

    def __init__(self, entries: Iterable[str], *, suffixes: Iterable[str] = ()) -> None:
        urls = [parsed_url(entry if "://" in entry else f"https://{entry}") for entry in entries]
        origins = tuple([_origin(url) for url in urls])
        # A server of the operator's own is mostly asked by the address that is configured: that is kept, in
        # which its origin is; and for what is one or few no set, which takes 216 bytes and more.
        is_one = len(urls) == 1 and not urls[0].userinfo
        self._own = urls[0] if is_one else None
        self._origins = () if is_one else origins
        self._suffixes = tuple("." + suffix.lstrip(".").lower() for suffix in suffixes)

    @property
    def first(self) -> tuple[str, str, int] | None:
        """The first of them."""
        if self._own is not None:
            return _origin(self._own)
        return self._origins[0] if self._origins else None

    def check(self, url: httpx.URL) -> httpx.URL:
        """Return the URL when a request may go there.

        Raises:
            ForeignHostError: when it may not; the message names the host only.
        """
        if url is self._own:
            return url
        try:
            scheme, host, port = _origin(url)
        except UnicodeError as error:
            raise ForeignHostError("an address whose host is no name") from error
        if not self._origins and self._own is not None:
            # Something else is asked too, and will be again.
            self._origins = (_origin(self._own),)
        learned = scheme == "https" and port == 443 and f".{host}".endswith(self._suffixes or ("\0",))
        if url.userinfo or not ((scheme, host, port) in self._origins or learned):
            raise ForeignHostError(f"{host or 'an address without host'} is not an allowed host")
        return url


def origin_of(text: str) -> tuple[str, str, int]:
    """Scheme, host and port of a URL."""
    return _origin(parsed_url(text))


def _origin(url: httpx.URL) -> tuple[str, str, int]:
    # Most hosts stand in several places, and all in memory for long.
    host = url.host
    lower = host.lower()
    return (
        intern(url.scheme),
        intern(host if host == lower else lower),
        _PORTS.get(url.scheme, 0) if url.port is None else url.port,
    )
