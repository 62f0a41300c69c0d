"""Watches vendors' status pages: reads each when it is due, and tells what it says to those it speaks of.

What a page says never decides a verdict; it is shown with it. A page is read every five minutes, and every
minute while something is wrong with an integration that depends on it.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from random import Random
from typing import Protocol

import anyio
import msgspec
import structlog

from integrations.clock import Clock
from integrations.samples import Sample
from integrations.signals import Indicator, VendorNotice
from integrations.status_pages.dependents import Dependent, Page
from integrations.status_pages.fetch import Fetched
from integrations.status_pages.reading import PageReading, Part, Said, Trouble, select, worst
from integrations.status_pages.settings import StatusPageSettings
from monitors.report import VendorWord
from monitors.vendor_words import lag

TICK = 5.0
"""Seconds between two looks at which pages are due."""

SPREAD = 10.0
"""Seconds over which first readings are spread."""

JITTER = 0.1
STALE_AFTER = 3
"""Intervals after which a reading that could not be renewed is no longer told."""

log = structlog.get_logger("dialtone.status_pages")


class Verdict(Protocol):
    """How one integration is judged, and who is told what its vendor says."""

    @property
    def is_troubled(self) -> bool:
        """Whether it is in a bad state, or seems to be on the way there."""
        ...

    @property
    def bad_since(self) -> float | None:
        """Since when it is in a bad state, as UTC seconds; None while it is in none."""
        ...

    def hear(self, word: VendorWord | None, /) -> None:
        """Take the vendor's word, or that there is none."""
        ...


class Fetcher(Protocol):
    """Who reads pages."""

    async def fetch(self, page: Page, /) -> Fetched:
        """Read a page now."""
        ...

    async def keep(self, pages: Collection[Page], /) -> None:
        """Forget all other pages."""
        ...


class GroupStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What a page says to the integrations that depend on the same components (empty: all).

    `unknown` are components asked for that the page does not have: a name to be corrected.
    """

    depends_on: tuple[str, ...]
    integrations: tuple[str, ...]
    indicator: Indicator
    components: tuple[str, ...]
    title: str
    url: str
    started_at: float | None
    announced_at: float | None
    unknown: tuple[str, ...]


class PageStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One status page: when it was read last (UTC seconds), why it could not be (empty: it could), and what
    it says: `troubles` are all that it has open, `parts` its components that are not operational.
    """

    url: str
    kind: str
    read_at: float | None
    error: str
    groups: tuple[GroupStatus, ...]
    troubles: tuple[Trouble, ...]
    parts: tuple[Part, ...]


class VendorStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What a vendor says of itself. `indicator` is the worst of what its integrations depend on, None while
    nothing is known.
    """

    vendor: str
    indicator: Indicator | None
    pages: tuple[PageStatus, ...]


class _Watched:
    """One page that is watched. Times are monotonic, but `read_at`."""

    def __init__(self, page: Page, *, due: float) -> None:
        self.page = page
        self.due = due
        self.begun: float | None = None
        self.is_busy = False
        self.read_at: float | None = None
        self.fresh_until = 0.0
        self.reading: PageReading | None = None
        self.error = ""
        self.groups: dict[tuple[str, ...], tuple[str, ...]] = {}
        self.said: dict[tuple[str, ...], Said] = {}


class VendorWatch:
    """Reads the pages that `pages` names, and publishes a VendorNotice at each change.

    Called on the event loop. `pages` gives the same mapping as long as nothing changes, `settings` are those
    of now. What has changed by a restart is told again.
    """

    def __init__(
        self,
        *,
        pages: Callable[[], Mapping[Page, tuple[Dependent, ...]]],
        settings: Callable[[], StatusPageSettings],
        fetcher: Fetcher,
        verdicts: Callable[[str], Verdict | None],
        clock: Clock,
        publish: Callable[[VendorNotice], None],
        random: Random | None = None,
    ) -> None:
        self._pages = pages
        self._settings = settings
        self._fetcher = fetcher
        self._verdicts = verdicts
        self._clock = clock
        self._publish = publish
        self._random = random or Random()  # noqa: S311 - it spreads readings, it guards nothing
        self._watched: dict[Page, _Watched] = {}
        self._followed: Mapping[Page, tuple[Dependent, ...]] = {}
        self._reads: dict[tuple[str, str], int] = {}

    async def run(self) -> None:
        """Read pages when they are due, until cancelled."""
        async with anyio.create_task_group() as group:
            while True:
                await self._follow()
                for watched in self._due():
                    watched.is_busy = True
                    group.start_soon(self._read, watched)
                await self._clock.sleep(TICK)

    def status(self, vendor: str) -> VendorStatus:
        """What a vendor says of itself, as far as its pages are read."""
        watched = [one for one in self._watched.values() if one.page.vendor == vendor]
        known = [said.indicator for one in watched if self._is_fresh(one) for said in one.said.values()]
        return VendorStatus(
            vendor=vendor,
            indicator=worst(known) if known else None,
            pages=tuple(map(_page_status, watched)),
        )

    def samples(self) -> Iterable[Sample]:
        """What vendors say, how readings went, and who knew first."""
        for (vendor, result), count in self._reads.items():
            yield Sample("dialtone_status_page_reads_total", (vendor, result), count)
        for vendor in dict.fromkeys(page.vendor for page in self._watched):
            now = self.status(vendor).indicator
            if now is not None:
                for each in Indicator:
                    yield Sample("dialtone_vendor_status", (vendor, each.value), float(each is now))
        for one in self._watched.values():
            yield from self._lags(one)

    def _lags(self, one: _Watched) -> Iterable[Sample]:
        for depends_on, said in one.said.items():
            for integration in one.groups.get(depends_on, ()):
                word = _word(said, one.read_at or 0.0)
                seconds = lag(word, bad_since=self._bad_since(integration))
                if seconds is not None:
                    yield Sample(
                        "dialtone_vendor_notice_lag_seconds", (integration, one.page.vendor), seconds
                    )

    async def _follow(self) -> None:
        """Let the pages follow the configuration; whoever depends on one that was read is told at once."""
        pages, now = self._pages(), self._clock.monotonic()
        if pages is self._followed:
            return
        self._followed = pages
        gone = [page for page in self._watched if page not in pages]
        left = {integration for page in gone for integration in _integrations(self._watched.pop(page))}
        for page, dependents in pages.items():
            if page not in self._watched:
                due = now + self._random.uniform(0, min(SPREAD, self._settings().urgent_interval))
                self._watched[page] = _Watched(page, due=due)
            left |= self._regroup(self._watched[page], dependents)
        still = {integration for one in self._watched.values() for integration in _integrations(one)}
        for integration in left - still:
            self._hear(integration, None)
        if gone:
            await self._fetcher.keep(tuple(self._watched))

    def _regroup(self, watched: _Watched, dependents: Iterable[Dependent]) -> set[str]:
        """Take who depends on a page now; return those who did before."""
        groups: dict[tuple[str, ...], list[str]] = {}
        for one in dependents:
            groups.setdefault(one.components, []).append(one.integration)
        given = {components: tuple(integrations) for components, integrations in groups.items()}
        before = set(_integrations(watched))
        if given != watched.groups:
            watched.groups = given
            watched.said = {key: said for key, said in watched.said.items() if key in given}
            self._tell(watched)
        return before

    def _due(self) -> list[_Watched]:
        now, settings = self._clock.monotonic(), self._settings()
        due = []
        for watched in self._watched.values():
            if watched.reading is not None and not self._is_fresh(watched):
                self._forget(watched)
            if watched.begun is not None:
                interval = settings.urgent_interval if self._is_urgent(watched) else settings.interval
                watched.due = watched.begun + interval * self._random.uniform(1 - JITTER, 1)
            if watched.due <= now and not watched.is_busy:
                due.append(watched)
        return due

    def _is_urgent(self, watched: _Watched) -> bool:
        verdicts = map(self._verdicts, _integrations(watched))
        return any(verdict is not None and verdict.is_troubled for verdict in verdicts)

    def _bad_since(self, integration: str) -> float | None:
        verdict = self._verdicts(integration)
        return verdict.bad_since if verdict is not None else None

    def _hear(self, integration: str, word: VendorWord | None) -> None:
        verdict = self._verdicts(integration)
        if verdict is not None:
            verdict.hear(word)

    async def _read(self, watched: _Watched) -> None:
        watched.begun = self._clock.monotonic()
        try:
            fetched = await self._fetcher.fetch(watched.page)
        except Exception as error:  # noqa: BLE001 - one page's fault must not stop the reading of the others
            fetched = Fetched(result="failed", detail=type(error).__name__)
        finally:
            watched.is_busy = False
        key = (watched.page.vendor, fetched.result)
        self._reads[key] = self._reads.get(key, 0) + 1
        self._note(watched, fetched.detail)
        if fetched.reading is not None and watched is self._watched.get(watched.page):
            watched.reading, watched.read_at = fetched.reading, self._clock.time()
            watched.fresh_until = self._clock.monotonic() + STALE_AFTER * self._settings().interval
            self._tell(watched)

    def _note(self, watched: _Watched, error: str) -> None:
        """Log when a page begins to fail, and when it works again."""
        if error and not watched.error:
            log.warning("status page cannot be read", vendor=watched.page.vendor, reason=error)
        elif watched.error and not error:
            log.info("status page can be read again", vendor=watched.page.vendor)
        watched.error = error

    def _tell(self, watched: _Watched) -> None:
        """Tell what the page says to all who depend on it, and publish what has changed."""
        if watched.reading is None or watched.read_at is None:
            return
        for depends_on, integrations in watched.groups.items():
            said = select(watched.reading, depends_on)
            before = watched.said.get(depends_on, Said())
            if said.unknown and (depends_on not in watched.said or said.unknown != before.unknown):
                log.warning(
                    "status page has no such components; correct status_components",
                    vendor=watched.page.vendor,
                    unknown=said.unknown,
                    integrations=integrations,
                )
            watched.said[depends_on] = said
            # A page that knows none of the names says nothing of them, least of all that they are well.
            word = (
                None
                if len(said.unknown) == len(depends_on) > 0
                else _word(said, watched.read_at, watched.page.name)
            )
            for integration in integrations:
                self._hear(integration, word)
            if _is_change(before, said):
                self._publish(self._notice(watched, before=before, said=said, integrations=integrations))

    def _notice(
        self, watched: _Watched, *, before: Said, said: Said, integrations: tuple[str, ...]
    ) -> VendorNotice:
        since = [self._bad_since(one) for one in integrations]
        first = min((each for each in since if each is not None), default=None)
        told = said if said.indicator is not Indicator.OPERATIONAL else before
        return VendorNotice(
            at=self._clock.time(),
            vendor=watched.page.vendor,
            kind="status",
            integrations=integrations,
            indicator=said.indicator,
            before=before.indicator,
            components=told.components,
            title=told.title,
            url=told.url or watched.page.shown,
            started_at=told.started_at,
            announced_at=told.announced_at,
            lag=lag(_word(said, 0.0), bad_since=first),
            source=watched.page.kind,
        )

    def _forget(self, watched: _Watched) -> None:
        """Tell nobody any longer what may have changed long ago."""
        watched.reading, watched.said = None, {}
        for integration in _integrations(watched):
            self._hear(integration, None)

    def _is_fresh(self, watched: _Watched) -> bool:
        return watched.reading is not None and self._clock.monotonic() <= watched.fresh_until


def _is_change(before: Said, said: Said) -> bool:
    return (before.indicator, before.title, before.components) != (
        said.indicator,
        said.title,
        said.components,
    )


def _integrations(watched: _Watched) -> Iterable[str]:
    return (integration for group in watched.groups.values() for integration in group)


def _word(said: Said, read_at: float, name: str = "") -> VendorWord:
    return VendorWord(
        indicator=said.indicator,
        read_at=read_at,
        name=name,
        components=said.components,
        title=said.title,
        url=said.url,
        started_at=said.started_at,
        announced_at=said.announced_at,
    )


def _page_status(watched: _Watched) -> PageStatus:
    reading = watched.reading or PageReading()
    return PageStatus(
        url=watched.page.shown,
        kind=watched.page.kind,
        read_at=watched.read_at,
        error=watched.error,
        groups=tuple(
            GroupStatus(
                depends_on=depends_on,
                integrations=watched.groups.get(depends_on, ()),
                indicator=said.indicator,
                components=said.components,
                title=said.title,
                url=said.url,
                started_at=said.started_at,
                announced_at=said.announced_at,
                unknown=said.unknown,
            )
            for depends_on, said in watched.said.items()
        ),
        troubles=reading.troubles,
        parts=tuple(part for part in reading.parts if part.indicator is not Indicator.OPERATIONAL),
    )
