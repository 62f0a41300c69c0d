"""LiveView: hands the signals of now to any number of readers, and waits for none of them.

Every reader has a place in one ring and reads from it at its own pace; publishing only appends. A reader that
falls so far behind that the ring has lost what it should read next is dropped, and told.
"""

import asyncio
from collections.abc import Iterable
from types import TracebackType
from typing import Self

import anyio
import anyio.lowlevel
import msgspec

from app.live.ring import CAPACITY, MAX_BYTES, Ring
from app.live.selection import Selection
from integrations.clock import Clock
from integrations.samples import Sample
from integrations.signals import Signal

MAX_READERS = 64
HEARTBEAT = 15.0
PACE = 0.05
RETRY_MS = 2_000
_SCANNED = 256
_CHUNK_BYTES = 64 * 1024


class TooManyReadersError(RuntimeError):
    """As many look already as may."""


class ViewClosedError(RuntimeError):
    """Dialtone is stopping."""


class LiveView:
    """A subscriber to the bus. Subscribe it before every subscriber that publishes by itself: what those
    publish in answer to a signal must come after that signal.

    A reader wakes at most every 50 ms, so that many signals cost it one write.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        capacity: int = CAPACITY,
        max_bytes: int = MAX_BYTES,
        max_readers: int = MAX_READERS,
    ) -> None:
        self.ring = Ring(f"{int(clock.time() * 1000):x}", capacity=capacity, max_bytes=max_bytes)
        self.clock = clock
        self.is_closed = False
        self.events = 0
        self._max_readers = max_readers
        self._readers: set[Reader] = set()
        self._dropped = 0
        self._news = anyio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def on_signal(self, signal: Signal) -> None:
        """Keep a signal, and see that readers who wait are woken after the publisher has gone on."""
        self.ring.append(signal)
        if self._loop is not None:
            self._loop.call_soon(self._wake)
            self._loop = None

    def open(self, selection: Selection, *, after: str = "") -> "Reader":
        """Return a reader from now on, or from behind the id `after`; the caller closes it.

        Raises:
            TooManyReadersError, ViewClosedError: it cannot be opened.
        """
        if self.is_closed:
            raise ViewClosedError("Dialtone is stopping; ask again when it is back.")
        if len(self._readers) >= self._max_readers:
            raise TooManyReadersError(
                f"{self._max_readers} clients read the live view already, which is as many as may; "
                "end one, or ask again later."
            )
        reader = Reader(self, selection, after=after)
        self._readers.add(reader)
        return reader

    def leave(self, reader: "Reader", *, dropped: bool) -> None:
        """Forget a reader."""
        self._readers.discard(reader)
        self._dropped += dropped

    async def news(self) -> None:
        """Wait for the next signal, or for the end."""
        self._loop = asyncio.get_running_loop()
        await self._news.wait()

    def close(self) -> None:
        """Take leave of every reader, and take no more."""
        self.is_closed = True
        self._wake()

    def samples(self) -> Iterable[Sample]:
        """Who looks, who was dropped, and what was handed out."""
        yield Sample("dialtone_live_readers", (), len(self._readers))
        yield Sample("dialtone_live_readers_dropped_total", (), self._dropped)
        yield Sample("dialtone_live_events_total", (), self.events)

    def _wake(self) -> None:
        self._news.set()
        self._news = anyio.Event()


class Reader:
    """One reader's place in the live view: a context manager that gives the place back.

    What it reads are server-sent events (WHATWG HTML §9.2), ready to be sent. Besides the signals: `gap` when
    signals between the wanted id and the next event are lost, `dropped` and `bye` when the stream ends.
    """

    def __init__(self, view: LiveView, selection: Selection, *, after: str) -> None:
        self._view = view
        self._ring = view.ring
        self._selection = selection
        self._is_done = False
        self._opening = f"retry: {RETRY_MS}\n".encode()
        self._next = self._begin(after)
        self._opening += self._mark()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def last_id(self) -> str:
        """The id to resume by: of the last signal that was read, or passed over by the filters."""
        return self._ring.identify(self._next - 1)

    async def read(self) -> bytes:
        """Return what is to be sent next; nothing at the end. A heartbeat where there is no news for 15 s.

        Others have their turn before each chunk, also where a server takes all at once.
        """
        await anyio.lowlevel.checkpoint()
        with anyio.move_on_after(HEARTBEAT):
            while not self._is_done:
                if chunk := self.take():
                    return chunk
                await self._advance()
            return b""
        return self._mark()

    def take(self) -> bytes:
        """Return what there is to be sent now, at most about 64 KiB, without waiting."""
        if opening := self._opening:
            self._opening = b""
            return opening
        if self._is_done:
            return b""
        if self._next < self._ring.first:
            return self._drop()
        chunk = self._scan()
        if chunk or self._next < self._ring.end or not self._view.is_closed:
            return chunk
        return self._end("bye", {"reason": "Dialtone is stopping"})

    def give_up(self) -> None:
        """Count the reader as dropped: it takes nothing, not even that word."""
        if not self._is_done:
            self._is_done = True
            self._view.leave(self, dropped=True)

    def close(self) -> None:
        """Give the place back."""
        self._is_done = True
        self._view.leave(self, dropped=False)

    async def _advance(self) -> None:
        """Go on after others had their turn; when all is read, when there is more."""
        if self._is_done or self._next < self._ring.end:
            await anyio.lowlevel.checkpoint()
            return
        await self._view.news()
        if not self._view.is_closed:
            await self._view.clock.sleep(PACE)

    def _begin(self, after: str) -> int:
        """Return the first number to read; tells of what is lost before it."""
        if not after:
            return self._ring.end
        last = self._ring.number(after)
        if last is None:
            self._tell_gap(None)
            return self._ring.first
        missed = self._ring.first - last - 1
        if missed > 0:
            self._tell_gap(missed)
        return max(last + 1, self._ring.first)

    def _tell_gap(self, missed: int | None) -> None:
        place = self._ring.identify(self._ring.first - 1)
        self._opening += _event("gap", {"missed": missed}, identity=place)

    def _scan(self) -> bytes:
        chunk: list[bytes] = []
        size = 0
        end = min(self._ring.end, self._next + _SCANNED)
        while self._next < end and size < _CHUNK_BYTES:
            if self._selection.matches(self._ring.signal(self._next)):
                event = self._ring.event(self._next)
                chunk.append(event)
                size += len(event)
            self._next += 1
        self._view.events += len(chunk)
        return b"".join(chunk)

    def _drop(self) -> bytes:
        missed = self._ring.first - self._next
        reason = "too slow: signals were lost before they were read"
        return self._end("dropped", {"missed": missed, "last": self.last_id, "reason": reason}, dropped=True)

    def _end(self, name: str, data: dict[str, object], *, dropped: bool = False) -> bytes:
        self._is_done = True
        self._view.leave(self, dropped=dropped)
        return _event(name, data, identity=self.last_id)

    def _mark(self) -> bytes:
        """A comment that keeps the connection, with the id to resume by, which dispatches no event."""
        return f":\nid: {self.last_id}\n\n".encode()


def _event(name: str, data: dict[str, object], *, identity: str) -> bytes:
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (identity.encode(), name.encode(), msgspec.json.encode(data))
