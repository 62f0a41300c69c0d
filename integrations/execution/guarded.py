"""Connections under a Guard: sockets that are judged when they are made, and the strict reading of a URL that
comes before anything is resolved. dialing.py holds all answers of a resolver against the guard in between.
"""

import re
import socket
from collections.abc import Callable, Sequence
from ipaddress import ip_address

import httpx
from aiohappyeyeballs import AddrInfoType

from integrations.execution.guard import Guard, RefusedAddressError

MAX_URL = 2048

_PRINTABLE = re.compile(r"[!-~]+")
_URL = re.compile(r"(?P<scheme>https?)://(?P<authority>[^/?#\\]+)(?P<rest>[/?][^#\\]*)?", re.IGNORECASE)
_AUTHORITY = re.compile(r"(?P<host>\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::(?P<port>[0-9]{1,5}))?", re.IGNORECASE)
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.IGNORECASE)
_NUMBER = re.compile(r"(0x[0-9a-f]*|[0-9]+)", re.IGNORECASE)

SocketFactory = Callable[[AddrInfoType], socket.socket]


class BadAddressError(ValueError):
    """A URL that nothing is sent to; the message says why and holds nothing of the URL."""


def read_url(text: str, *, allow_http: bool = False) -> httpx.URL:
    """Read an absolute URL in the one spelling on which all parsers agree.

    Raises:
        BadAddressError: for all that is not plain `https://host[:port]/path?query`: names of users, other
            schemes, hosts in octal, hexadecimal, short or decimal form, characters beyond ASCII.
    """
    if len(text) > MAX_URL:
        raise BadAddressError(f"the URL is longer than {MAX_URL} characters")
    if _PRINTABLE.fullmatch(text) is None:
        raise BadAddressError("the URL holds spaces, control characters, or others that are not ASCII")
    url = _URL.fullmatch(text)
    if url is None:
        raise BadAddressError("the URL is not https://host/path, or has a fragment or backslash")
    if url["scheme"].lower() == "http" and not allow_http:
        raise BadAddressError("the URL must begin with https://")
    authority = _AUTHORITY.fullmatch(url["authority"])
    if authority is None:
        raise BadAddressError("the URL's host is none, or names a user")
    if authority["port"] is not None and not 0 < int(authority["port"]) < 65_536:
        raise BadAddressError("the URL's port is none")
    _check_host(authority["host"])
    try:
        return httpx.URL(text)
    except httpx.InvalidURL as error:
        raise BadAddressError("the URL cannot be read") from error


def _check_host(host: str) -> None:
    if host.startswith("["):
        _refuse_odd(host[1:-1], version=6)
        return
    labels = host.removesuffix(".").split(".")
    if _NUMBER.fullmatch(labels[-1]) is not None:
        _refuse_odd(host, version=4)
    elif len(host) > 253 or any(_LABEL.fullmatch(label) is None for label in labels):
        raise BadAddressError("the URL's host is no name")


def _refuse_odd(text: str, *, version: int) -> None:
    try:
        is_fine = ip_address(text).version == version
    except ValueError:
        is_fine = False
    if not is_fine:
        raise BadAddressError("the URL's host is no address in its usual form")


def guarded_sockets(guard: Guard) -> SocketFactory:
    """What makes sockets: it is called with each address right before the connection is made."""

    def make(info: AddrInfoType) -> socket.socket:
        family, kind, protocol, _, where = info
        refuse(guard, *host_and_port(where))
        return socket.socket(family=family, type=kind, proto=protocol)

    return make


def refuse(guard: Guard, host: str, port: int) -> None:
    """Let an address pass.

    Raises:
        RefusedAddressError: when the guard denies it.
    """
    reason = guard.refusal(host, port)
    if reason:
        raise RefusedAddressError(host, reason)


def host_and_port(where: Sequence[object]) -> tuple[str, int]:
    """The two of a socket's address."""
    host, port = where[0], where[1]
    return str(host), port if isinstance(port, int) else 0
