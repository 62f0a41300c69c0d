"""A request without a body, as most are and nearly all of checks, made for a quarter of what httpx takes."""

from collections.abc import Mapping

import httpx

_STATING_A_LENGTH = frozenset({"POST", "PUT", "PATCH"})
_NOTHING = httpx.ByteStream(b"")


def bodiless(method: str, url: httpx.URL, headers: Mapping[str, str]) -> httpx.Request:
    """Return what `httpx.Request(method, url, headers=headers)` is; names of `headers` are lower-case."""
    if method in _STATING_A_LENGTH or not method.isupper():
        return httpx.Request(method, url, headers=headers)
    return Bodiless(method, url, headers)


class Bodiless(httpx.Request):
    """What httpx asks of the body of any request needs not be asked, and its fields are made for who looks at
    them. `agent` is the one field it has beside Host, until then; None where it has, or may have, others.
    """

    def __init__(self, method: str, url: httpx.URL, headers: Mapping[str, str]) -> None:
        self.method = method
        self.url = url
        agent = headers.get("user-agent", "") if len(headers) == 1 else ""
        self.agent: str | None = agent if agent.isascii() and agent.isprintable() and agent else None
        self._fields = _fields(url, headers) if self.agent is None else None
        self.extensions = {}
        self.stream = _NOTHING
        self._content = b""

    @property
    def headers(self) -> httpx.Headers:
        """Its fields, which may be changed."""
        if self._fields is None:
            self._fields = _fields(self.url, {"user-agent": self.agent or ""})
            self.agent = None
        return self._fields

    @headers.setter
    def headers(self, headers: httpx.Headers) -> None:
        """Give it others."""
        self._fields, self.agent = headers, None


def _fields(url: httpx.URL, headers: Mapping[str, str]) -> httpx.Headers:
    if "host" in headers or not url.host:
        return httpx.Headers(headers)
    return httpx.Headers([("Host", url.netloc.decode("ascii")), *headers.items()])
