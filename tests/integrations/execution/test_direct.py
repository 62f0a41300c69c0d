"""A pool of our own over wires that are none: what is let go of, and where a request may not lead."""

import asyncio
import ssl

import httpx
import pytest

from integrations.clock import SystemClock
from integrations.execution.cold import Stopwatch
from integrations.execution.dialing import Dialer, Place
from integrations.execution.direct import DirectPool
from integrations.execution.idle import IdleConnections
from integrations.execution.wire import Wire


class OddCertificate(ssl.SSLObject):
    """What Python verifies and cannot read."""

    def __init__(self) -> None:
        """Not one of a handshake."""

    def getpeercert(self, binary_form: bool = False) -> None:
        raise ValueError("a date in the year 10000")


class Line(asyncio.Transport):
    """A connection, of a kind."""

    is_aborted = False

    def abort(self) -> None:
        self.is_aborted = True


class OddWire(Wire):
    """Speaks TLS, of a kind."""

    @property
    def security(self) -> ssl.SSLObject:
        return OddCertificate()


class Dialed(Dialer):
    """Opens one line, wherever it should lead."""

    def __init__(self) -> None:
        super().__init__(ssl.create_default_context(), path="", now=SystemClock().monotonic)
        self.line = Line()
        self.places: list[Place] = []

    async def dial(self, place: Place, *, stopwatch: Stopwatch | None = None) -> Wire:
        self.places.append(place)
        wire = OddWire()
        wire.connection_made(self.line)
        return wire


async def ask(dialed: Dialed, url: str) -> None:
    clock = SystemClock()
    pool = DirectPool(dialed, idle=IdleConnections(clock), clock=clock)
    request = httpx.Request("GET", url)
    await pool.exchange(request, connect=1, read=1, max_body=100, heard=None)


async def test_a_certificate_that_cannot_be_read_leaves_no_connection_open() -> None:
    dialed = Dialed()
    with pytest.raises(ValueError, match="year 10000"):
        await ask(dialed, "https://shop.example/")
    assert dialed.line.is_aborted


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://shop.example/", Place(is_secure=True, host="shop.example", port=443)),
        ("https://shop.example:0/", Place(is_secure=True, host="shop.example", port=0)),
        ("https://bücher.example:81/", Place(is_secure=True, host="xn--bcher-kva.example", port=81)),
        ("https://[::1]/", Place(is_secure=True, host="::1", port=443)),
    ],
    ids=["the usual port", "a port that is none", "a name beyond ASCII", "an address"],
)
async def test_a_request_leads_where_its_url_says(url: str, place: Place) -> None:
    dialed = Dialed()
    with pytest.raises(ValueError, match="year 10000"):
        await ask(dialed, url)
    assert dialed.places == [place]
