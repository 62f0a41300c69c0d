"""/metrics: what a Prometheus server reads, as text 0.0.4, OpenMetrics 1.0 or protobuf, rendered off the
event loop. Protobuf is offered where the table keeps native histograms.
"""

from collections.abc import Iterable

import anyio
import anyio.to_thread
import msgspec
from prometheus_client.registry import Collector

from exporters.copying import copied
from exporters.exposition import render
from exporters.negotiation import CONTENT_TYPES, Format, accepts_gzip, choose_format
from exporters.process import process_registry
from exporters.table import MetricTable
from integrations.clock import Clock
from integrations.samples import Sample

DEADLINE = 10.0
"""Seconds a scrape may take; Prometheus' own default time-out."""


class ScrapeTimeoutError(Exception):
    """A scrape did not end within its deadline; the message is for the client, with 503."""


class Scrape(msgspec.Struct, frozen=True, kw_only=True):
    """An answer to a scrape; `content_encoding` is None for a body as it is."""

    body: bytes
    content_type: str
    content_encoding: str | None = None


class _Rendering:
    """One rendering in the making, and those who wait for it. `scrape` stays None when its maker was
    cancelled.
    """

    def __init__(self) -> None:
        self.done = anyio.Event()
        self.scrape: Scrape | None = None


class PrometheusExporter:
    """Answers scrapes of a table. Scrapes at the same time that want the same share one rendering.

    `process` is what is exposed after the table, by default the process, garbage collector and platform.
    """

    def __init__(
        self,
        table: MetricTable,
        *,
        clock: Clock,
        process: Collector | None = None,
        deadline: float = DEADLINE,
    ) -> None:
        self._table = table
        self._clock = clock
        self._process = process_registry() if process is None else process
        self._deadline = deadline
        self._renderings: dict[tuple[Format, bool], _Rendering] = {}
        self._scrapes = dict.fromkeys(Format, 0)
        self._timeouts = 0
        self._duration: float | None = None
        self._threads = anyio.CapacityLimiter(1)
        table.add_source(self)

    async def scrape(self, *, accept: str, accept_encoding: str) -> Scrape:
        """Answer one scrape by its Accept and Accept-Encoding headers (empty when there is none).

        Raises:
            ScrapeTimeoutError: it took longer than the deadline.
        """
        wanted = choose_format(accept, protobuf=self._table.is_native)
        compress = accepts_gzip(accept_encoding)
        try:
            with anyio.fail_after(self._deadline):
                return await self._shared(wanted, compress=compress)
        except TimeoutError as error:
            self._timeouts += 1
            raise ScrapeTimeoutError(
                f"the metrics were not ready within {self._deadline:g} s; ask again, less often"
            ) from error

    def samples(self) -> Iterable[Sample]:
        """How long the last rendering took, how many there were, and how many scrapes were given up."""
        if self._duration is not None:
            yield Sample("dialtone_scrape_duration_seconds", (), self._duration)
        for name, count in self._scrapes.items():
            yield Sample("dialtone_scrapes_total", (name.value,), count)
        yield Sample("dialtone_scrapes_timed_out_total", (), self._timeouts)

    async def _shared(self, wanted: Format, *, compress: bool) -> Scrape:
        while True:
            rendering = self._renderings.get((wanted, compress))
            if rendering is None:
                return await self._lead(wanted, compress=compress)
            await rendering.done.wait()
            if rendering.scrape is not None:
                return rendering.scrape

    async def _lead(self, wanted: Format, *, compress: bool) -> Scrape:
        rendering = self._renderings[wanted, compress] = _Rendering()
        try:
            rendering.scrape = await self._render(wanted, compress=compress)
            return rendering.scrape
        finally:
            del self._renderings[wanted, compress]
            rendering.done.set()

    async def _render(self, wanted: Format, *, compress: bool) -> Scrape:
        began = self._clock.monotonic()
        readings = await copied(self._table, clock=self._clock)
        body = await anyio.to_thread.run_sync(
            lambda: render(readings, self._process, wanted, compress=compress),
            abandon_on_cancel=True,
            limiter=self._threads,
        )
        self._duration = self._clock.monotonic() - began
        self._scrapes[wanted] += 1
        return Scrape(
            body=body, content_type=CONTENT_TYPES[wanted], content_encoding="gzip" if compress else None
        )
