"""An address with a query, which httpx would parse anew: that took a twentieth of a call."""

from urllib.parse import urlencode

import httpx

_LONG = 8_192
"""Whether a longer one makes an address too long is for httpx to say."""


class _Asking(httpx.URL):
    """An address with a query in its place, encoded already."""

    def __init__(self, address: httpx.URL, query: str) -> None:
        self._uri_reference = address._uri_reference._replace(query=query)  # noqa: SLF001 - httpx parses it anew


def with_query(address: httpx.URL, pairs: tuple[tuple[str, str], ...]) -> httpx.URL:
    """The address that also asks for these pairs.

    Raises:
        httpx.InvalidURL: when it gets too long.
        UnicodeError: when a text is no Unicode.
    """
    if not pairs:
        return address
    if address.query or address.fragment:
        return address.copy_merge_params(httpx.QueryParams(pairs))
    # Of a name that comes twice httpx puts the values together, where the first stands.
    is_plain = len({name for name, _ in pairs}) == len(pairs)
    query = urlencode(pairs) if is_plain else str(httpx.QueryParams(pairs))
    if len(query) + len(address.raw_path) > _LONG:
        return httpx.URL(f"{address}?{query}")
    return _Asking(address, query)
