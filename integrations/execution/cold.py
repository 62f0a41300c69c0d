"""Facts that only a connection of its own can tell: here the server's certificate."""

import ssl

import anyio
import httpx
from anyio.streams.tls import TLSAttribute

from integrations.clock import Clock

_DAY = 86_400.0


async def certificate_days_left(
    url: httpx.URL, *, context: ssl.SSLContext, within: float, clock: Clock
) -> float | None:
    """Return the days until the server's certificate expires, by one TLS connection.

    None when there is no TLS, or no answer `within` so many seconds. Does not go through a proxy.
    """
    if url.scheme != "https":
        return None
    with anyio.move_on_after(within):
        try:
            return await _days_left(url, context, clock)
        except (OSError, ssl.SSLError, anyio.BrokenResourceError, anyio.EndOfStream):
            return None
    return None


async def _days_left(url: httpx.URL, context: ssl.SSLContext, clock: Clock) -> float | None:
    stream = await anyio.connect_tcp(
        url.host, url.port or 443, tls=True, ssl_context=context, tls_standard_compatible=False
    )
    async with stream:
        certificate = stream.extra(TLSAttribute.peer_certificate)  # noqa: S610 - anyio's, not Django's
    if certificate is None:
        return None
    expires = ssl.cert_time_to_seconds(str(certificate["notAfter"]))
    return (expires - clock.time()) / _DAY
