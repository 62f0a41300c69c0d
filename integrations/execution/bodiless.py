"""A request without a body, as most are and nearly all of checks, made for a quarter of what httpx takes."""

from collections.abc import Mapping

import httpx

_STATING_A_LENGTH = frozenset({"POST", "PUT", "PATCH"})
_NOTHING = httpx.ByteStream(b"")


def bodiless(method: str, url: httpx.URL, headers: Mapping[str, str]) -> httpx.Request:
    """Return what `httpx.Request(method, url, headers=headers)` is; names of `headers` are lower-case."""
    if method in _STATING_A_LENGTH or not method.isupper():
        return httpx.Request(method, url, headers=headers)
    return _Bodiless(method, url, headers)


class _Bodiless(httpx.Request):
    """What httpx asks of the body of any request needs not be asked."""

    def __init__(self, method: str, url: httpx.URL, headers: Mapping[str, str]) -> None:
        self.method = method
        self.url = url
        if "host" in headers or not url.host:
            self.headers = httpx.Headers(headers)
        else:
            self.headers = httpx.Headers([("Host", url.netloc.decode("ascii")), *headers.items()])
        self.extensions = {}
        self.stream = _NOTHING
        self._content = b""
