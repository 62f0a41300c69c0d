"""Fetches status pages through the executor: one line a vendor, beside those of its integrations.

Such a line has a breaker of its own and draws on no quota of the vendor's API. A page that has not changed
since is not sent again (RFC 9110, 13: If-None-Match, If-Modified-Since).
"""

import secrets
from collections.abc import Collection
from typing import Literal, Protocol

import httpx
import msgspec

from integrations.clock import Clock
from integrations.execution.call import Answer, Call, LineSpec, Verdict
from integrations.execution.outcome import Effect, FailureKind, Origin
from integrations.execution.policy import Policy
from integrations.execution.transport import Reply
from integrations.manifest.hosts import Origins
from integrations.status_pages.dependents import Page
from integrations.status_pages.formats import read_page
from integrations.status_pages.reading import PageReading, UnreadablePageError

CAPABILITY = "status"
ACTION = "status_page"
POLICY = Policy(deadline=20.0, timeout=10.0, connect=5.0, concurrency=2, queue=4, max_body=4 * 1024 * 1024)

_NOT_MODIFIED = 304


class Lines(Protocol):
    """The executor: opens, closes and uses lines."""

    def open_line(self, spec: LineSpec, /) -> None:
        """Make a line callable, or change it."""
        ...

    async def close_line(self, integration: str, /) -> None:
        """Close a line."""
        ...

    async def execute(self, call: Call, /) -> Answer:
        """Make a call; a third party's failure is an Outcome."""
        ...


class Fetched(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one reading. `reading` is what the page says now, also when it is unchanged; None when it
    could not be had, and `detail` says why.
    """

    result: Literal["read", "unchanged", "failed", "unreadable"]
    reading: PageReading | None = None
    detail: str = ""


class _Kept(msgspec.Struct, frozen=True, kw_only=True):
    """The last good reading of a page, and what proves that it is still the newest."""

    reading: PageReading
    validators: dict[str, str]


def line_of(vendor: str) -> str:
    """The name of the line that a vendor's page is read over; no integration can have it."""
    return f"status-page:{vendor}"


class StatusPageFetcher:
    """Reads pages, and keeps what is needed to ask only for what is new."""

    def __init__(self, *, lines: Lines, clock: Clock) -> None:
        self._lines = lines
        self._clock = clock
        self._open: dict[str, LineSpec] = {}
        self._kept: dict[Page, _Kept] = {}

    async def fetch(self, page: Page) -> Fetched:
        """Read a page now. Whatever its server does is a result.

        Raises:
            OSError: when the network's CA file cannot be read.
            ValueError: when the network's proxy cannot be used.
        """
        self._open_line(page)
        answer = await self._lines.execute(self._call(page))
        reply, kept = answer.reply, self._kept.get(page)
        if not answer.outcome.ok or reply is None:
            return Fetched(result="failed", detail=answer.outcome.detail or "it was not asked")
        if reply.status == _NOT_MODIFIED and kept is not None:
            return Fetched(result="unchanged", reading=kept.reading)
        return self._read(page, reply)

    async def keep(self, pages: Collection[Page]) -> None:
        """Forget all other pages, and close the lines of vendors that have none left."""
        self._kept = {page: kept for page, kept in self._kept.items() if page in pages}
        vendors = {page.vendor for page in pages}
        for vendor in [vendor for vendor in self._open if vendor not in vendors]:
            del self._open[vendor]
            await self._lines.close_line(line_of(vendor))

    def _read(self, page: Page, reply: Reply) -> Fetched:
        self._kept.pop(page, None)
        try:
            reading = read_page(page.kind, reply.body, components=page.components, now=self._clock.time())
        except UnreadablePageError as error:
            return Fetched(result="unreadable", detail=str(error))
        if validators := _validators(reply):
            self._kept[page] = _Kept(reading=reading, validators=validators)
        return Fetched(result="read", reading=reading)

    def _open_line(self, page: Page) -> None:
        spec = LineSpec(
            integration=line_of(page.vendor),
            vendor=page.vendor,
            policy=POLICY,
            network=page.network,
            capabilities=(CAPABILITY,),
        )
        if self._open.get(page.vendor) != spec:
            self._lines.open_line(spec)
            self._open[page.vendor] = spec

    def _call(self, page: Page) -> Call:
        kept = self._kept.get(page)
        headers = {"accept": "application/json, application/rss+xml;q=0.9, */*;q=0.1"}
        headers |= kept.validators if kept is not None else {}
        # The page's own host is all its requests may go to, whatever its address was made from.
        url = Origins([page.url]).check(httpx.URL(page.url))
        return Call(
            integration=line_of(page.vendor),
            action=ACTION,
            capability=CAPABILITY,
            effect=Effect.READ,
            idempotent=True,
            prepare=lambda: httpx.Request("GET", url, headers=headers),
            classify=_classify,
            run_id=secrets.token_hex(8),
            origin=Origin.STATUS,
            max_attempts=1,
        )


def _classify(reply: Reply) -> Verdict:
    """What an answer means to the line's breaker; a page that was moved is a fault of the configuration."""
    if reply.status in (200, _NOT_MODIFIED):
        return Verdict()
    detail = f"the status page answered {reply.status}"
    if reply.status == 429:
        return Verdict(kind=FailureKind.THROTTLED, detail=detail)
    if reply.status >= 500:
        return Verdict(kind=FailureKind.SERVER_ERROR, detail=detail)
    return Verdict(kind=FailureKind.CLIENT_ERROR, detail=detail)


def _validators(reply: Reply) -> dict[str, str]:
    """The headers that ask for a page only if it has changed since this answer."""
    pairs = (("etag", "if-none-match"), ("last-modified", "if-modified-since"))
    return {asked: reply.headers[told] for told, asked in pairs if reply.headers.get(told)}
