"""What types cannot say of alerting: names that lead nowhere, circles, things given twice."""

import re
from collections.abc import Collection, Iterator, Sequence
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec

from app.configuration.checks import value_at
from app.configuration.entries import secret_hook
from integrations.connection import NetworkPolicy
from integrations.credentials.secret import Secret
from integrations.execution.guarded import BadAddressError, read_url
from integrations.manifest import source
from integrations.manifest.decoding import decode
from integrations.manifest.source import Document, Problem, SourceError, nearest
from monitors.alerts.receivers import Directory, Receiver
from monitors.alerts.settings import AlertSettings
from monitors.alerts.settings import check as check_names
from monitors.alerts.watchdog import HEARTBEAT
from monitors.dependencies import Dependency, DependencyError, DependencyGraph

T = TypeVar("T")

_PART = re.compile(r"[^.\[\]]+")


def check_alerting(document: Document) -> Iterator[Problem]:
    """All that is wrong with `alerts`, types apart."""
    root = document.value if isinstance(document.value, dict) else {}
    integrations = _texts(root.get("integrations"), "id")
    yield from _alerts(document)
    yield from _dependencies(document, integrations)
    yield from _slos(document, integrations)
    yield from _heartbeats(document, integrations)


def networked(receivers: Sequence[Receiver], document: Document, below: NetworkPolicy) -> Iterator[Receiver]:
    """The receivers, each with the network of all calls below its own, key by key."""
    for index, receiver in enumerate(receivers):
        given = value_at(document.value, ("alerts", "receivers", index, "network"))
        own = given if isinstance(given, dict) else {}
        chosen = {name: getattr(receiver.network, name) for name in own}
        yield msgspec.structs.replace(receiver, network=msgspec.structs.replace(below, **chosen))


def _alerts(document: Document) -> Iterator[Problem]:
    settings = _decoded(document, (), AlertSettings)
    if settings is None:
        return
    for key, message in check_names(settings):
        yield document.problem(("alerts", *_path(key)), found="", expected=message)
    yield from _fallbacks(document, settings.receivers)
    yield from _addresses(document, settings.receivers)
    yield from _watchdog(document, settings)
    if settings.receivers and settings.route is None:
        yield document.problem(
            ("alerts",),
            found="receivers without a route, so that nobody would be told",
            expected="`route` with the receiver of all alerts that no other route takes",
        )
    if settings.external_url and not _is_web_address(settings.external_url):
        yield document.problem(
            ("alerts", "external_url"), found="no such URL", expected="where people reach Dialtone: https://…"
        )


def _watchdog(document: Document, settings: AlertSettings) -> Iterator[Problem]:
    names = [receiver.name for receiver in settings.receivers]
    if HEARTBEAT in names:
        path = ("alerts", "receivers", names.index(HEARTBEAT), "name")
        yield document.problem(path, found=HEARTBEAT, expected="another name: this one is Dialtone's own")
    last = settings.watchdog.last_resort
    if last and last not in names:
        yield document.problem(
            ("alerts", "watchdog", "last_resort"),
            found=repr(last[:80]),
            expected="the name of a receiver",
            nearest=nearest(last, names),
        )


def _fallbacks(document: Document, receivers: Sequence[Receiver]) -> Iterator[Problem]:
    names = [receiver.name for receiver in receivers]
    is_known = True
    for index, receiver in enumerate(receivers):
        if receiver.fallback and receiver.fallback not in names:
            is_known = False
            yield document.problem(
                ("alerts", "receivers", index, "fallback"),
                found=repr(receiver.fallback[:80]),
                expected="the name of another receiver",
                nearest=nearest(receiver.fallback, names),
            )
    if is_known and len(set(names)) == len(names):
        try:
            Directory(receivers)
        except ValueError as error:
            yield document.problem(("alerts", "receivers"), found="", expected=str(error))


def _addresses(document: Document, receivers: Sequence[Receiver]) -> Iterator[Problem]:
    """Addresses that no message could ever be sent to; what they hold is not shown."""
    for index, receiver in enumerate(receivers):
        for path, url in _urls(receiver):
            where: source.Path = ("alerts", "receivers", index, *path)
            if not url or value_at(document.value, where) is None:
                continue
            try:
                read = read_url(url, allow_http=True)
            except BadAddressError as error:
                yield document.problem(where, found="", expected=str(error))
                continue
            if read.scheme == "http" and not (receiver.allow_http or receiver.allow_networks):
                expected = "https://, or the key allow_networks with its private network, or allow_http: true"
                yield document.problem(where, found="a URL without TLS", expected=expected)


def _urls(receiver: Receiver) -> Iterator[tuple[source.Path, str]]:
    for key in ("url", "api_url"):
        value = getattr(receiver, key, None)
        if value is not None:
            yield (key,), value.reveal() if isinstance(value, Secret) else str(value)
    for place, each in enumerate(getattr(receiver, "urls", ())):
        yield ("urls", place), each.reveal()


def _dependencies(document: Document, integrations: Sequence[str]) -> Iterator[Problem]:
    dependencies = _decoded(document, ("dependencies",), tuple[Dependency, ...])
    try:
        DependencyGraph(dependencies or (), known=set(integrations))
    except DependencyError as error:
        yield document.problem(("alerts", "dependencies", error.index), found="", expected=str(error))


def _slos(document: Document, integrations: Collection[str]) -> Iterator[Problem]:
    yield from _doubled(document, "slos", "name")
    for index, item in enumerate(_items(document, "slos")):
        named = item.get("integrations") if isinstance(item, dict) else None
        for place, name in enumerate(named if isinstance(named, list) else ()):
            if isinstance(name, str) and name not in integrations:
                yield document.problem(
                    ("alerts", "slos", index, "integrations", place),
                    found=repr(name[:80]),
                    expected="the id of an integration",
                    nearest=nearest(name, integrations),
                )


def _heartbeats(document: Document, integrations: Collection[str]) -> Iterator[Problem]:
    yield from _doubled(document, "heartbeats", "id")
    for index, item in enumerate(_items(document, "heartbeats")):
        name = item.get("id") if isinstance(item, dict) else None
        if isinstance(name, str) and name in integrations:
            yield document.problem(
                ("alerts", "heartbeats", index, "id"),
                found=f"{name}, an integration",
                expected="an id of its own",
            )


def _doubled(document: Document, section: str, key: str) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, item in enumerate(_items(document, section)):
        name = item.get(key) if isinstance(item, dict) else None
        if isinstance(name, str) and name in seen:
            expected = f"each {key} once"
            yield document.problem(
                ("alerts", section, index, key), found=f"{name[:80]} again", expected=expected
            )
        if isinstance(name, str):
            seen.add(name)


def _decoded(document: Document, section: source.Path, type_: type[T]) -> T | None:
    """A section, or None when it is not there, or so wrong that its types tell it."""
    value = value_at(document.value, ("alerts", *section))
    if value is None:
        return None
    try:
        return decode(Document(name=document.name, value=value, lines={}), type_, hook=secret_hook)
    except SourceError:
        return None


def _items(document: Document, section: str) -> Sequence[object]:
    value = value_at(document.value, ("alerts", section))
    return value if isinstance(value, list) else ()


def _texts(items: object, key: str) -> list[str]:
    found = (item.get(key) for item in items if isinstance(item, dict)) if isinstance(items, list) else ()
    return [text for text in found if isinstance(text, str)]


def _path(key: str) -> source.Path:
    return tuple(int(part) if part.isdigit() else part for part in _PART.findall(key))


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)
