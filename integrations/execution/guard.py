"""Where a connection may lead when its address was written by somebody else: receivers of alerts, addresses
that a vendor names. Keeps Dialtone from being made to ask machines of its own network (SSRF).

A Guard is asked for every address that a connection is about to be made to, after all names are resolved, so
that neither spelling, DNS nor a redirect gets past it. The list is the union of Svix's, smokescreen's and
IANA's special-purpose registries; Python's `is_private` knows too little of it (64:ff9b::7f00:1 is global to
it). An IPv4 address inside an IPv6 one (mapped, NAT64, 6to4, Teredo) is judged too.
"""

import socket
from collections.abc import Iterator
from functools import cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import msgspec

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_DENIED: tuple[Network, ...] = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/96",
        "::ffff:0:0:0/96",
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "100::/64",
        "100:0:0:1::/64",
        "2001::/23",
        "2001:db8::/32",
        "2002::/16",
        "2620:4f:8000::/48",
        "3fff::/20",
        "5f00::/16",
        "fc00::/7",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
    )
)

_METADATA: tuple[Network, ...] = tuple(
    ip_network(text)
    for text in (
        "169.254.0.0/16",
        "100.100.100.200/32",
        "168.63.129.16/32",
        "192.0.0.192/32",
        "fd00:ec2::/32",
        "fd20:ce::254/128",
        "fe80::a9fe:a9fe/128",
    )
)
"""Where clouds tell a machine its credentials; no configuration opens these."""

_MAPPED = IPv6Network("::ffff:0:0/96")
_TRANSLATED = IPv6Network("::ffff:0:0:0/96")
_COMPATIBLE = IPv6Network("::/96")
_NAT64 = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
_SIX_TO_FOUR = IPv6Network("2002::/16")
_TEREDO = IPv6Network("2001::/32")


class Guard(msgspec.Struct, frozen=True, kw_only=True):
    """Which addresses may be connected to. `allow` are networks (CIDR) that the operator's configuration
    declares; `own_port` is the port Dialtone itself listens on, which is denied at every address of this
    machine.
    """

    allow: tuple[str, ...] = ()
    own_port: int = 0

    def refusal(self, host: str, port: int) -> str:
        """Why an address (never a name) may not be connected to; empty when it may."""
        try:
            address = ip_address(host.partition("%")[0])
        except ValueError:
            return "it is no address"
        if isinstance(address, IPv6Address) and address in _MAPPED:
            address = IPv4Address(int(address) & 0xFFFF_FFFF)
        return self._judged(address) or self._own(address, port)

    def _judged(self, address: Address) -> str:
        faces = tuple(_faces(address))
        if any(_within(face, _METADATA) for face in faces):
            return "it is where a cloud keeps its machines' credentials"
        if _is_denied(address) and not _within(address, _networks(self.allow)):
            return "it is private, reserved or local; allow_networks can declare it"
        inner = [face for face in faces[1:] if _is_denied(face)]
        if any(not _within(face, _networks(self.allow)) for face in inner):
            return "an address in it is private, reserved or local; allow_networks can declare it"
        return ""

    def _own(self, address: Address, port: int) -> str:
        if port and port == self.own_port and _is_of_this_machine(address):
            return "Dialtone itself listens there"
        return ""


class RefusedAddressError(OSError):
    """A connection was not made because of where it leads. The message names the address, which is no
    secret, and what would allow it.
    """

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(-1, f"refused to connect to {address}: {reason}")


def _faces(address: Address) -> Iterator[Address]:
    """The address, and those that are written inside it."""
    yield address
    if isinstance(address, IPv4Address):
        return
    number = int(address)
    if any(address in network for network in (_MAPPED, _TRANSLATED, _COMPATIBLE, *_NAT64)):
        yield IPv4Address(number & 0xFFFF_FFFF)
    if address in _SIX_TO_FOUR:
        yield IPv4Address(number >> 80 & 0xFFFF_FFFF)
    if address in _TEREDO:
        yield IPv4Address(number >> 64 & 0xFFFF_FFFF)
        yield IPv4Address(~number & 0xFFFF_FFFF)


def _is_denied(address: Address) -> bool:
    return _within(address, _DENIED)


def _within(address: Address, networks: tuple[Network, ...]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


@cache
def _networks(texts: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(ip_network(text) for text in texts)


def _is_of_this_machine(address: Address) -> bool:
    """Whether it is one of this machine's: only such an address can be bound to."""
    if address.is_loopback or address.is_unspecified:
        return True
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(address), 0))
    except OSError:
        return False
    return True
