"""Who may fail together: the watched integrations, the third parties behind them, and where they are."""

from collections.abc import Callable, Iterable, Mapping
from sys import intern
from typing import NamedTuple, Protocol

from integrations.connection import Connection
from integrations.manifest.schema import Manifest


class Member(NamedTuple):
    """One integration. `line` is the third party it calls: integrations of one line share its outages. `name`
    is the third party's for people.
    """

    integration: str
    vendor: str
    line: str
    name: str
    region: str = ""


class Watched(Protocol):
    """What must be known of an integration."""

    @property
    def connection(self) -> Connection:
        """As it is configured."""
        ...

    @property
    def manifest(self) -> Manifest:
        """Its vendor's manifest."""
        ...

    @property
    def called(self) -> str:
        """What people call its other end: the vendor's name, or the host of an address."""
        ...


class Members:
    """All integrations that are checked, by id. Where the other end has a name of its own (the sites of
    vendor `http`, servers of one's own), it is a third party of its own.

    `integrations` gives those of now. Members are made anew only for those that have changed.
    """

    def __init__(self, integrations: Callable[[], Iterable[Watched]]) -> None:
        self._integrations = integrations
        self._seen: tuple[Watched, ...] = ()
        self._members: Mapping[str, Member] = {}

    def __call__(self) -> Mapping[str, Member]:
        """Those of now."""
        current = tuple(self._integrations())
        # Ten thousand that are the same objects are equal within 0.1 ms.
        if current != self._seen:
            seen, known = {one.connection.id: one for one in self._seen}, self._members
            self._seen = current
            self._members = {
                name: known[name] if seen.get(name) is one else _member(one)
                for name, one in ((one.connection.id, one) for one in current if one.connection.check.enabled)
            }
        return self._members


def _member(one: Watched) -> Member:
    vendor = one.connection.vendor
    return Member(
        integration=one.connection.id,
        vendor=vendor,
        line=vendor if one.called == one.manifest.vendor.name else intern(f"{vendor}/{one.called}"),
        name=one.called,
        region=one.connection.labels.region,
    )
