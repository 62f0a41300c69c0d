"""/metrics: what a Prometheus server reads, as text 0.0.4, OpenMetrics 1.0 or protobuf, rendered off the
event loop. Protobuf is offered where the table keeps native histograms.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial
from typing import NamedTuple, TypeVar

import anyio
import anyio.to_thread
import msgspec
from prometheus_client.registry import Collector

from exporters.copying import slices, turn
from exporters.process import process_registry
from exporters.prometheus.exposition import Exposition
from exporters.prometheus.negotiation import CONTENT_TYPES, Format, accepts_gzip, choose_format
from exporters.prometheus.selecting import Selection
from exporters.table import MetricTable
from exporters.told import Told
from integrations.clock import Clock
from integrations.samples import Sample

Done = TypeVar("Done")

DEADLINE = 10.0
"""Seconds a scrape may take; Prometheus' own default time-out."""
AT_ONCE = 2
"""Renderings at the same time: a small one need not wait for a large one, and each takes memory. Any two
clients may name other metrics.
"""


class ScrapeTimeoutError(Exception):
    """A scrape did not end within its deadline; the message is for the client, with 503."""


class Scrape(msgspec.Struct, frozen=True, kw_only=True):
    """An answer to a scrape, in pieces; `content_encoding` is None for a body as it is."""

    pieces: tuple[bytes, ...]
    content_type: str
    content_encoding: str | None = None

    @property
    def body(self) -> bytes:
        """All pieces, copied."""
        return b"".join(self.pieces)


class _Wanted(NamedTuple):
    """What a scrape asks for: scrapes that ask for the same can share an answer."""

    format: Format
    is_gzip: bool
    names: frozenset[str]


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
        self._renderings: dict[_Wanted, _Rendering] = {}
        self._scrapes = dict.fromkeys(Format, 0)
        self._timeouts = 0
        self._duration: float | None = None
        self._threads = anyio.CapacityLimiter(1)
        self._turns = anyio.Semaphore(AT_ONCE)
        table.add_source(self)

    async def scrape(self, *, accept: str, accept_encoding: str, names: Collection[str] = ()) -> Scrape:
        """Answer one scrape by its Accept and Accept-Encoding headers (empty when there is none); `names` are
        the metrics or series that it wants, without any all of them.

        Raises:
            ScrapeTimeoutError: it took longer than the deadline.
        """
        wanted = _Wanted(
            choose_format(accept, protobuf=self._table.is_native),
            is_gzip=accepts_gzip(accept_encoding),
            names=frozenset(names),
        )
        try:
            with anyio.fail_after(self._deadline):
                return await self._shared(wanted)
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

    async def _shared(self, wanted: _Wanted) -> Scrape:
        while True:
            rendering = self._renderings.get(wanted)
            if rendering is None:
                return await self._lead(wanted)
            await rendering.done.wait()
            if rendering.scrape is not None:
                return rendering.scrape

    async def _lead(self, wanted: _Wanted) -> Scrape:
        rendering = self._renderings[wanted] = _Rendering()
        try:
            async with self._turns:
                rendering.scrape = await self._render(wanted)
            return rendering.scrape
        finally:
            del self._renderings[wanted]
            rendering.done.set()

    async def _render(self, wanted: _Wanted) -> Scrape:
        began = self._clock.monotonic()
        selection = Selection(wanted.names)
        exposition = Exposition(wanted.format, compress=wanted.is_gzip, selection=selection)
        async with Told() as told:
            for readings in slices(self._table, clock=self._clock, told=told, chosen=selection.chosen):
                steps = exposition.add(readings)
                while not await self._on_thread(partial(self._take_turn, steps, began)):
                    pass
        pieces = await self._on_thread(partial(exposition.end, selection.of(self._process)))
        self._duration = self._clock.monotonic() - began
        self._scrapes[wanted.format] += 1
        return Scrape(
            pieces=pieces,
            content_type=CONTENT_TYPES[wanted.format],
            content_encoding="gzip" if wanted.is_gzip else None,
        )

    def _take_turn(self, steps: Iterator[None], began: float) -> bool:
        """Write for a while; return whether all is written. The rest waits until the loop has been through
        all that is ready: a thread that computes on takes the interpreter from it at each read and write.
        """
        at = self._clock.monotonic()
        ends = at + turn(at - began)
        return all(self._clock.monotonic() < ends for _ in steps)

    async def _on_thread(self, work: Callable[[], Done]) -> Done:
        return await anyio.to_thread.run_sync(work, abandon_on_cancel=True, limiter=self._threads)
