"""Where a connection leads: names and how long they are known, addresses that are none, sockets."""

import socket
import ssl
from collections.abc import Sequence
from pathlib import Path

import pytest
from aiohappyeyeballs import AddrInfoType

from integrations.execution.cold import Stopwatch
from integrations.execution.dialing import MOST_NAMES, NAMES_KEPT, Dialer, Place
from integrations.execution.failure import TransportFailure
from integrations.execution.outcome import FailureKind
from tests.fakes.clock import FakeClock

SHOP = Place(is_secure=True, host="shop.example", port=443)
FOUND: Sequence[AddrInfoType] = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 443))]


class Resolver:
    """Finds every name, and counts."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.asked: list[tuple[str, int]] = []

    async def __call__(self, host: str, port: int) -> Sequence[AddrInfoType]:
        self.asked.append((host, port))
        self.clock.advance(0.25)
        return FOUND


@pytest.fixture
def resolver() -> Resolver:
    return Resolver(FakeClock())


@pytest.fixture
def dialer(resolver: Resolver) -> Dialer:
    return Dialer(ssl.create_default_context(), path="", now=resolver.clock.monotonic, resolve=resolver)


async def test_a_name_is_known_for_a_while(dialer: Dialer, resolver: Resolver) -> None:
    for _ in range(3):
        assert await dialer._resolve(SHOP, None) == FOUND
    assert resolver.asked == [("shop.example", 443)]
    resolver.clock.advance(NAMES_KEPT + 0.1)
    await dialer._resolve(SHOP, None)
    assert len(resolver.asked) == 2


async def test_what_is_timed_is_asked_anew(dialer: Dialer, resolver: Resolver) -> None:
    await dialer._resolve(SHOP, None)
    stopwatch = Stopwatch(resolver.clock.monotonic)
    stopwatch.begin()
    await dialer._resolve(SHOP, stopwatch)
    assert stopwatch.resolved - stopwatch.began == pytest.approx(0.25)
    assert len(resolver.asked) == 2


@pytest.mark.parametrize(
    ("host", "family", "address"),
    [
        ("192.0.2.7", socket.AF_INET, ("192.0.2.7", 80)),
        ("2001:db8::7", socket.AF_INET6, ("2001:db8::7", 80, 0, 0)),
    ],
)
async def test_an_address_is_asked_of_nobody(
    dialer: Dialer, resolver: Resolver, host: str, family: int, address: tuple[object, ...]
) -> None:
    (found,) = await dialer._resolve(Place(is_secure=False, host=host, port=80), None)
    assert (found[0], found[4]) == (family, address)
    assert resolver.asked == []


async def test_no_more_names_are_known_than_there_is_room_for(dialer: Dialer, resolver: Resolver) -> None:
    for number in range(MOST_NAMES + 1):
        place = Place(is_secure=False, host=f"shop-{number}.example", port=80)
        await dialer._resolve(place, None)
    assert len(dialer._names) == 1


async def test_a_socket_that_is_not_there_is_no_connection(tmp_path: Path) -> None:
    dialer = Dialer(ssl.create_default_context(), path=str(tmp_path / "none"), now=FakeClock().monotonic)
    with pytest.raises(TransportFailure) as caught:
        await dialer.dial(SHOP)
    assert (caught.value.kind, caught.value.sent) == (FailureKind.CONNECTION, False)
    assert caught.value.detail == "could not connect: No such file or directory"
