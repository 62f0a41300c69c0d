"""What a TLS connection tells of the server's certificate, read from the handshake that was made anyway."""

import ssl
from collections.abc import Iterable, Mapping
from functools import lru_cache

import msgspec

NAMES_SHOWN = 20
_DAY = 86_400.0
_NAMED = ("commonName", "organizationName")

_moment = lru_cache(maxsize=4_096)(ssl.cert_time_to_seconds)
"""Parsing a date takes 25 µs, and a certificate shows the same two for months."""


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate that was found valid, and the connection that showed it.

    `not_before` and `not_after` are UTC seconds; `subject` and `issuer` are their common names, or
    organizations. `chain` is how many certificates lead from the server's to the trusted one, both counted;
    None where Python cannot tell. `names` are the first it is valid for, `matched` the one among all that
    covers the host asked for.
    """

    not_after: float
    not_before: float | None = None
    subject: str = ""
    issuer: str = ""
    chain: int | None = None
    protocol: str = ""
    cipher: str = ""
    names: tuple[str, ...] = ()
    matched: str = ""

    def days_left(self, now: float) -> float:
        """Days until it ends, seen from the UTC second `now`."""
        return (self.not_after - now) / _DAY


def read_certificate(connection: ssl.SSLObject, host: str) -> Certificate | None:
    """Return the facts of an open connection to `host`; None when its certificate was not verified."""
    found = connection.getpeercert()
    if not found or "notAfter" not in found:
        return None
    names = tuple(_texts(found.get("subjectAltName")))
    cipher = connection.cipher()
    return Certificate(
        not_after=float(_moment(str(found["notAfter"]))),
        not_before=_seconds(found.get("notBefore")),
        subject=_short(found.get("subject")),
        issuer=_short(found.get("issuer")),
        chain=_chain(connection),
        protocol=connection.version() or "",
        cipher=cipher[0] if cipher else "",
        names=names[:NAMES_SHOWN],
        matched=_matched(names, host.lower().strip("[]").rstrip(".")),
    )


def _seconds(moment: object) -> float | None:
    return float(_moment(moment)) if isinstance(moment, str) else None


def _texts(pairs: object) -> Iterable[str]:
    return (str(text) for _, text in pairs) if isinstance(pairs, tuple) else ()


def _short(name: object) -> str:
    """One name of a distinguished name, which Python gives as a tuple of tuples of pairs."""
    parts = name if isinstance(name, tuple) else ()
    known: Mapping[str, str] = {key: text for part in parts for key, text in part}
    return next((known[key] for key in _NAMED if key in known), "")


def _chain(connection: ssl.SSLObject) -> int | None:
    """Public since Python 3.13; before, the same call is one layer further down."""
    layer = connection if hasattr(connection, "get_verified_chain") else getattr(connection, "_sslobj", None)
    read = getattr(layer, "get_verified_chain", None)
    return len(read()) if read is not None else None


def _matched(names: Iterable[str], host: str) -> str:
    """The name that covers the host: itself, or a wildcard for its first label (RFC 9525, 6.3)."""
    wildcard = f"*.{host.partition('.')[2]}"
    return next((name for name in names if name.lower() in {host, wildcard}), "")
