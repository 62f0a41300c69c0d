"""What a vendor is about to end: by its answers' headers, and by what the manifest knows.

Read are Deprecation (RFC 9745, and the drafts before it: a date or `true`), Sunset (RFC 8594), the Link to
more about either, and headers that the manifest names.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import MappingProxyType

import httpx
import msgspec

from integrations.manifest.schema import Manifest
from integrations.samples import Sample
from integrations.signals import VendorNotice

MOST = 500
"""Endings of one integration that are remembered; what is beyond is not told."""

MOST_TEXT = 200
_STRUCTURED = re.compile(r"@(\d{1,11})")
_LINKS = frozenset({"deprecation", "sunset"})


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is to end: an action, or the vendor's API as a whole (empty). `at` is when, as UTC
    seconds, None where no day is told; `source` says where it is known from: header or manifest.
    """

    action: str
    what: str
    source: str
    at: float | None = None
    url: str = ""


_NOTHING: Mapping[tuple[str, float | None], Ending] = MappingProxyType({})


class Endings:
    """The endings of one integration, each told once per action and day. `tell` publishes."""

    __slots__ = ("_declared", "_integration", "_known", "_now", "_own", "_tell", "_vendor")

    def __init__(
        self,
        integration: str,
        manifest: Manifest,
        *,
        now: Callable[[], float],
        tell: Callable[[VendorNotice], None],
    ) -> None:
        self._integration = integration
        self._vendor = manifest.id
        self._own = tuple((one.header.lower(), one.means) for one in manifest.deprecation_headers)
        self._now = now
        self._tell = tell
        # Replaced as a whole, so that the many that end nothing share what is empty.
        self._known: Mapping[tuple[str, float | None], Ending] = _NOTHING
        self._declared = tuple(_declared(manifest))

    def begin(self) -> None:
        """Tell what the manifest knows, unless it was told."""
        for ending in self._declared:
            self._take(ending)

    def see(self, action: str, headers: Mapping[str, str]) -> None:
        """Look at an answer's headers. Costs two look-ups where they say nothing."""
        if "deprecation" in headers or "sunset" in headers or any(name in headers for name, _ in self._own):
            self._take(self._read(action, headers))

    def all(self) -> tuple[Ending, ...]:
        """What is known to end, the soonest first."""
        return tuple(
            sorted(self._known.values(), key=lambda one: (one.at is None, one.at or 0.0, one.action))
        )

    def adopt(self, before: "Endings") -> None:
        """Go on from what was told of the same vendor."""
        if told := before.all():
            self._known = {**self._known, **{(one.action, one.at): one for one in told}}

    def samples(self) -> Iterable[Sample]:
        """When each action ends that has a day; of several days the first."""
        soonest: dict[str, float] = {}
        for one in self._known.values():
            if one.at is not None:
                soonest[one.action] = min(one.at, soonest.get(one.action, one.at))
        for action, at in soonest.items():
            labels = (self._integration, self._vendor, action)
            yield Sample("dialtone_deprecation_sunset_timestamp_seconds", labels, at)

    def _take(self, ending: Ending) -> None:
        key = (ending.action, ending.at)
        if key in self._known or len(self._known) >= MOST:
            return
        self._known = {**self._known, key: ending}
        self._tell(
            VendorNotice(
                at=self._now(),
                vendor=self._vendor,
                kind="deprecation",
                integrations=(self._integration,),
                title=ending.what,
                url=ending.url,
                action=ending.action,
                sunset_at=ending.at,
                source=ending.source,
            )
        )

    def _read(self, action: str, headers: Mapping[str, str]) -> Ending:
        ends = [_moment(headers.get("sunset", ""))]
        reasons = []
        for name, means in self._own:
            value = headers.get(name, "")
            if means == "sunset":
                ends.append(_moment(value))
            elif value:
                reasons.append(_line(value))
        return Ending(
            action=action,
            what=" ".join(reasons) or _words(headers.get("deprecation", "")),
            at=next((one for one in ends if one is not None), None),
            url=_link(headers.get("link", "")),
            source="header",
        )


def declares_endings(manifest: Manifest) -> bool:
    """Whether the manifest knows of something that is to end."""
    return any(_declared(manifest))


def _declared(manifest: Manifest) -> Iterable[Ending]:
    vendor = manifest.vendor
    if vendor.lifecycle == "deprecated" or vendor.sunset:
        yield Ending(
            action="",
            what=f"{vendor.name} is {vendor.lifecycle}"
            if vendor.lifecycle != "active"
            else f"{vendor.name} ends",
            at=_day(vendor.sunset),
            url=vendor.docs,
            source="manifest",
        )
    for one in manifest.deprecations:
        for action in one.actions or ("",):
            yield Ending(action=action, what=one.what, at=_day(one.sunset), url=one.docs, source="manifest")


def _day(text: str) -> float | None:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None


def _moment(text: str) -> float | None:
    """UTC seconds of an HTTP date, a structured date (`@1688169599`) or an ISO 8601 one."""
    found = _STRUCTURED.fullmatch(text.strip())
    if found:
        return float(found[1])
    for parse in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            at = parse(text.strip())
            return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            continue
    return None


def _words(deprecation: str) -> str:
    since = _moment(deprecation)
    if since is None:
        return "its answers say that it is deprecated" if deprecation else "its answers name the day it ends"
    return f"its answers say that it is deprecated since {datetime.fromtimestamp(since, UTC):%Y-%m-%d}"


def _line(text: str) -> str:
    shown = "".join(letter for letter in text if letter.isprintable()).strip()
    return shown if len(shown) <= MOST_TEXT else shown[: MOST_TEXT - 1] + "…"


def _link(header: str) -> str:
    """The address in a Link header (RFC 8288) that tells more, without its query, which may hold anything."""
    if not header:
        return ""
    for one in httpx.Response(200, headers={"link": header[:2_000]}).links.values():
        rels = set(one.get("rel", "").split())
        address = one.get("url", "")
        if rels & _LINKS and address.startswith(("https://", "http://")):
            return address.partition("?")[0][:MOST_TEXT]
    return ""
