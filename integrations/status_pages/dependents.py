"""Which integrations depend on which status page, from manifests, connections and the operator's settings."""

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

import httpx
import msgspec

from integrations.connection import Connection, NetworkPolicy
from integrations.manifest.evidence import StatusPage
from integrations.manifest.schema import Manifest
from integrations.status_pages.formats import address
from integrations.status_pages.settings import StatusPageSettings, VendorPageSettings

_AS_DECLARED = VendorPageSettings()


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """A status page that is read: `url` is where its data is, `shown` the address for people. `components`
    are all that anyone depends on, `network` says how requests leave the house. `name` is the vendor's for
    people.
    """

    vendor: str
    name: str = ""
    kind: str
    url: str
    shown: str
    network: NetworkPolicy = NetworkPolicy()
    components: tuple[str, ...] = ()


class Dependent(msgspec.Struct, frozen=True, kw_only=True):
    """An integration that a page speaks of, and the components it depends on (empty: all)."""

    integration: str
    components: tuple[str, ...]


class Depending(Protocol):
    """What must be known of an integration. `status_url` is its manifest's page, filled; empty where none
    speaks of it.
    """

    @property
    def connection(self) -> Connection:
        """As it is configured."""
        ...

    @property
    def manifest(self) -> Manifest:
        """Its vendor's manifest."""
        ...

    @property
    def status_url(self) -> str:
        """The page's address."""
        ...


def covers(page: StatusPage, hosts: Iterable[str]) -> bool:
    """Whether a page speaks of an integration whose requests go to these hosts or URLs."""
    if not page.covers:
        return True
    names = [httpx.URL(host if "://" in host else f"https://{host}").host for host in hosts]
    return any(_is_covered(name, page.covers) for name in names)


def dependents(
    integrations: Iterable[Depending], settings: StatusPageSettings
) -> dict[Page, tuple[Dependent, ...]]:
    """The pages to read now, with the integrations that depend on each; none while reading is off."""
    if not settings.enabled:
        return {}
    found: dict[tuple[str, str, str], list[Dependent]] = {}
    networks: dict[str, NetworkPolicy] = {}
    names: dict[str, str] = {}
    for one in integrations:
        vendor = one.connection.vendor
        place = _place(one, settings.vendors.get(vendor, _AS_DECLARED))
        if place is not None:
            networks.setdefault(vendor, one.connection.network)
            names[vendor] = one.manifest.vendor.name
            found.setdefault((vendor, *place), []).append(_dependent(one))
    return {
        Page(
            vendor=vendor,
            name=names[vendor],
            kind=kind,
            url=address(kind, url),
            shown=url,
            network=networks[vendor],
            components=tuple(sorted({name for each in given for name in each.components})),
        ): tuple(given)
        for (vendor, kind, url), given in found.items()
    }


class Pages:
    """The pages to read now, as `dependents` says; looked for anew only when integrations or settings are
    others.
    """

    def __init__(
        self,
        integrations: Callable[[], Iterable[Depending]],
        settings: Callable[[], StatusPageSettings],
    ) -> None:
        self._integrations = integrations
        self._settings = settings
        self._asked: tuple[tuple[Depending, ...], StatusPageSettings] | None = None
        self._found: Mapping[Page, tuple[Dependent, ...]] = {}

    def __call__(self) -> Mapping[Page, tuple[Dependent, ...]]:
        """Those of now."""
        asked = tuple(self._integrations()), self._settings()
        # Ten thousand integrations that are the same objects are equal within 0.1 ms.
        if asked != self._asked:
            self._asked, self._found = asked, dependents(*asked)
        return self._found


def _is_covered(host: str, covered: Iterable[str]) -> bool:
    return any(host == one or (one.startswith(".") and host.endswith(one)) for one in covered)


def _place(one: Depending, chosen: VendorPageSettings) -> tuple[str, str] | None:
    """The kind and address of the page that speaks of an integration."""
    declared = one.manifest.status_page
    kind = chosen.kind or (declared.kind if declared is not None else "none")
    url = chosen.url or one.status_url
    return (kind, url) if chosen.enabled and kind != "none" and url else None


def _dependent(one: Depending) -> Dependent:
    declared = one.manifest.status_page
    usual = declared.components if declared is not None else ()
    return Dependent(integration=one.connection.id, components=one.connection.status_components or usual)
