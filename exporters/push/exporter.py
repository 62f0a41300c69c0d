"""A push exporter: windows in, requests out; what an intake has not taken waits in the spool.

Two tasks: one encodes windows and keeps them, so that the other may wait for an intake as long as it likes.
Nobody waits for either: a window that cannot be kept is merged into the next. Beside windows of metrics it
carries whatever can be cut, encoded and merged so: events too.
"""

import random
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence, Sized
from enum import StrEnum
from typing import Generic, NamedTuple, Protocol, Self, TypeVar

import anyio
import anyio.to_thread
import msgspec
import structlog

from exporters.push.batchfile import Batch
from exporters.push.spool import Kept, Spool
from integrations.clock import Clock
from integrations.credentials.secret import Secret
from integrations.execution.outcome import FailureKind
from integrations.samples import Sample

SEND_TIMEOUT = 30.0
FIRST_WAIT, LONGEST_WAIT = 1.0, 16.0
KEY_REFUSED = frozenset({401, 403})
LONGEST_ASKED = 3_600.0
"""Seconds that an intake's Retry-After is honoured at most."""

T = TypeVar("T")


class Cut(Protocol):
    """What is kept and sent together, such as a window of metrics; drops are counted in its `points`."""

    @property
    def points(self) -> Sized:
        """What it holds."""
        ...

    def followed_by(self, later: Self, /) -> Self:
        """Both as one."""
        ...


CutT = TypeVar("CutT", bound=Cut)
CutT_contra = TypeVar("CutT_contra", bound=Cut, contravariant=True)

log = structlog.get_logger("dialtone.exporters")


class Address(NamedTuple):
    """Where a batch goes, and with which headers beside its own: the key is among them."""

    url: str
    headers: Mapping[str, str]
    method: str = "POST"


class Reply(NamedTuple):
    """What came of one request: a status with the beginning of the body, or why there is none.
    `retry_after` is how many seconds the intake asks to wait; `kind` is that of a failure on the way.
    """

    status: int | None
    body: bytes = b""
    retry_after: float | None = None
    failure: str = ""
    kind: FailureKind | None = None


class Action(StrEnum):
    """What to do with a batch after a reply."""

    TAKEN = "taken"
    RETRY = "retry"
    SPLIT = "split"
    REFUSED = "refused"


class Verdict(NamedTuple):
    """What a reply means. `after` is how many seconds the intake asks to wait; `reason` is for a person.
    `lost` is how many points of a batch that was taken the intake left out.
    """

    action: Action
    reason: str = ""
    after: float | None = None
    lost: int = 0


class Intake(Protocol[CutT_contra]):
    """One vendor's way of taking windows. Pure: `encode` and `split` run on a thread."""

    name: str
    keep: float
    """Seconds after which the intake refuses a point for its age."""

    @property
    def secrets(self) -> Sequence[Secret]:
        """What it authenticates with."""
        ...

    def encode(self, window: CutT_contra, /) -> Sequence[Batch]:
        """The requests that carry a window, none of them over the intake's limits."""
        ...

    def split(self, batch: Batch) -> Sequence[Batch]:
        """A batch the intake found too large, as smaller ones; none when it cannot be made smaller."""
        ...

    def address(self, batch: Batch) -> Address:
        """Where a batch goes."""
        ...

    def judge(self, reply: Reply) -> Verdict:
        """What a reply means."""
        ...


Send = Callable[[Address, Batch], Awaitable[Reply]]
"""Makes one POST and never raises for what the network does."""


class ExporterStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How an exporter is. `oldest` is when the oldest waiting window ended (UTC seconds)."""

    name: str
    ok: bool
    reason: str
    batches: int
    bytes: int
    oldest: float | None
    dropped: Mapping[str, int]


class PushExporter(Generic[CutT]):
    """Keeps and sends the windows of one intake, from `run`; `finish` sends the rest."""

    def __init__(
        self, intake: Intake[CutT], *, spool: Spool, send: Send, clock: Clock, random: random.Random
    ) -> None:
        self._intake = intake
        self._spool = spool
        self._send = send
        self._clock = clock
        self._random = random
        self._threads = anyio.CapacityLimiter(1)
        self._turn = anyio.Lock()
        self._keeping = anyio.Lock()
        self._running: anyio.CancelScope | None = None
        self._pending: CutT | None = None
        self._wake_keeping = anyio.Event()
        self._wake_sending = anyio.Event()
        self._failed_in_a_row = 0
        self._trouble = ""
        self._requests: dict[str, int] = {}
        self._exported = 0
        self._last_success: float | None = None

    @property
    def name(self) -> str:
        """The intake's."""
        return self._intake.name

    @property
    def is_keeping(self) -> bool:
        """Whether what was taken is not safe in the spool yet."""
        return self._pending is not None

    def take(self, window: CutT) -> None:
        """Take a window, without waiting."""
        self._pending = window if self._pending is None else self._pending.followed_by(window)
        self._wake_keeping.set()

    def lose(self, reason: str, points: int) -> None:
        """Count what had to be given up before it could be taken."""
        self._spool.count(reason, points)

    async def run(self) -> None:
        """Keep and send until cancelled, or until all is finished."""
        with anyio.CancelScope() as self._running:
            await self._on_thread(self._spool.open)
            async with anyio.create_task_group() as group:
                group.start_soon(self._keep_forever)
                group.start_soon(self._send_forever)

    async def finish(self, *, within: float) -> None:
        """Keep what is pending, send what waits for at most so many seconds, and end; the rest stays on disk.
        What no disk takes is tried until then, and lost.
        """
        await self._on_thread(self._spool.open)
        await self._keep()
        with anyio.move_on_after(within):
            while (wait := await self._send_first()) is None or self._spool.held:
                await self._clock.sleep(min(wait or 0.0, FIRST_WAIT))
        if self._running is not None:
            self._running.cancel()
        if not await self._keep() or self._spool.held:
            await self._on_thread(self._give_up)

    def status(self) -> ExporterStatus:
        """How it is."""
        return ExporterStatus(
            name=self.name,
            ok=not self._reason,
            reason=self._reason,
            batches=len(self._spool),
            bytes=self._spool.bytes,
            oldest=self._spool.oldest,
            dropped=dict(self._spool.dropped),
        )

    @property
    def _reason(self) -> str:
        """What is wrong, of the intake before the disk."""
        disk = self._spool.trouble
        return self._trouble or (f"the spool cannot be written: {disk}" if disk else "")

    def samples(self) -> Iterable[Sample]:
        """What was exported and dropped, how requests ended, and what waits."""
        yield Sample("dialtone_exporter_points_total", (self.name,), self._exported)
        for reason, points in list(self._spool.dropped.items()):
            yield Sample("dialtone_exporter_points_dropped_total", (self.name, reason), points)
        for result, count in self._requests.items():
            yield Sample("dialtone_exporter_requests_total", (self.name, result), count)
        yield Sample("dialtone_exporter_up", (self.name,), float(not self._trouble))
        if self._last_success is not None:
            yield Sample("dialtone_exporter_last_success_timestamp_seconds", (self.name,), self._last_success)
        yield Sample("dialtone_exporter_points_waiting", (self.name,), self._spool.points)
        yield Sample("dialtone_exporter_spool_bytes", (self.name,), self._spool.bytes)
        yield Sample("dialtone_exporter_spool_batches", (self.name,), len(self._spool))
        oldest = self._spool.oldest
        age = 0.0 if oldest is None else max(0.0, self._clock.time() - oldest)
        yield Sample("dialtone_exporter_oldest_age_seconds", (self.name,), age)

    def _give_up(self) -> None:
        """Tell what is lost, because the process ends, no disk takes it, and neither does the intake."""
        points = self._spool.give_up_held()
        if self._pending is not None:
            points += len(self._pending.points)
            self._spool.count("unwritten", len(self._pending.points))
            self._pending = None
        log.error(
            "points are lost: the disk refuses them, and so does the intake",
            exporter=self.name,
            points=points,
        )

    async def _keep_forever(self) -> None:
        while True:
            await self._wake_keeping.wait()
            self._wake_keeping = anyio.Event()
            while not await self._keep():
                await self._clock.sleep(LONGEST_WAIT)

    async def _keep(self) -> bool:
        """Encode and keep what is pending; return whether it is safe now. One at a time, so that what another
        one is at is not taken for safe.
        """
        async with self._keeping:
            return await self._keep_pending()

    async def _keep_pending(self) -> bool:
        window, self._pending = self._pending, None
        if window is None:
            return True
        try:
            with anyio.CancelScope(shield=True):
                await self._on_thread(lambda: self._spool.append(self._encoded(window)))
        except OSError:
            self._pending = window if self._pending is None else window.followed_by(self._pending)
            return False
        self._wake_sending.set()
        return True

    def _encoded(self, window: CutT) -> Sequence[Batch]:
        """The window's requests; one that cannot be encoded is a fault of ours, and is counted as dropped."""
        try:
            return self._intake.encode(window)
        except Exception:
            log.exception("a window cannot be encoded and is left out", exporter=self.name)
            self._spool.count("unencodable", len(window.points))
            return ()

    async def _send_forever(self) -> None:
        while True:
            wait = await self._send_first()
            if wait is None:
                continue
            if wait > 0:
                await self._clock.sleep(wait)
                continue
            await self._wake_sending.wait()
            self._wake_sending = anyio.Event()

    async def _send_first(self) -> float | None:
        """Send the oldest batch. Returns None when the next may follow at once, 0 when nothing waits, else
        the seconds to wait before the same one is tried again. One at a time, so that none is sent twice.
        """
        async with self._turn:
            return await self._send_oldest()

    async def _send_oldest(self) -> float | None:
        kept = await self._on_thread(self._spool.first)
        if kept is None:
            return 0.0
        with anyio.move_on_after(SEND_TIMEOUT) as limit:
            reply = await self._send(self._intake.address(kept.batch), kept.batch)
        if limit.cancelled_caught:
            reply = Reply(None, failure=f"no answer within {SEND_TIMEOUT:g} s")
        verdict = self._intake.judge(reply)
        if reply.status in KEY_REFUSED and await self._reread():
            verdict = Verdict(Action.RETRY, "the key was refused, and was read anew from its file")
        self._requests[verdict.action.value] = self._requests.get(verdict.action.value, 0) + 1
        return await self._settle(kept, verdict)

    async def _reread(self) -> bool:
        """Read the keys anew from their files; return whether one is another now."""
        try:
            return any([await secret.reread() for secret in self._intake.secrets])
        except OSError as error:
            self._tell(f"the key is refused, and its file cannot be read: {error.strerror}")
            return False

    async def _settle(self, kept: Kept, verdict: Verdict) -> float | None:
        if verdict.action is Action.RETRY:
            self._failed_in_a_row += 1
            self._tell(verdict.reason)
            return self._back_off(verdict.after)
        if verdict.action is Action.TAKEN:
            self._recover(verdict)
            self._exported += kept.batch.points - verdict.lost
            with anyio.CancelScope(shield=True):
                await self._on_thread(lambda: self._spool.remove(kept))
            return None
        if verdict.action is Action.SPLIT:
            try:
                if await self._split(kept):
                    return None
            except OSError as error:
                self._failed_in_a_row += 1
                self._tell(f"the parts of what is too large cannot be written: {error.strerror or error}")
                return self._back_off(None)
        self._tell(verdict.reason)
        reason = "too_large" if verdict.action is Action.SPLIT else "refused"
        await self._on_thread(lambda: self._spool.drop(kept, reason))
        return None

    async def _split(self, kept: Kept) -> bool:
        parts = await self._on_thread(lambda: self._intake.split(kept.batch))
        if not parts:
            return False
        await self._on_thread(lambda: self._spool.replace(kept, parts))
        return True

    def _back_off(self, asked: float | None) -> float:
        """Doubling from 1 s to 16 s, between half and all of it; at least what the intake asks for."""
        doublings = min(self._failed_in_a_row - 1, 10)
        wait = min(LONGEST_WAIT, FIRST_WAIT * 2.0**doublings) * self._random.uniform(0.5, 1.0)
        return max(wait, min(asked or 0.0, LONGEST_ASKED))

    def _tell(self, reason: str) -> None:
        if reason != self._trouble:
            log.error("exporting fails", exporter=self.name, reason=reason)
        self._trouble = reason

    def _recover(self, verdict: Verdict) -> None:
        self._failed_in_a_row = 0
        if verdict.lost:
            self._spool.count("rejected", verdict.lost)
            self._tell(verdict.reason)
            return
        if self._trouble:
            log.info("exporting works again", exporter=self.name)
        self._trouble = ""
        self._last_success = self._clock.time()

    async def _on_thread(self, work: Callable[[], T]) -> T:
        return await anyio.to_thread.run_sync(work, limiter=self._threads)
