"""The storage thread: the one that touches SQLite. A caller resumes after the commit that holds its unit."""

import contextlib
import queue
import threading
from asyncio import AbstractEventLoop, get_running_loop
from collections.abc import Callable, Iterable, Sequence

import anyio
import sqlalchemy as sa

from app.storage.errors import StorageBusyError, StorageUnavailableError
from app.storage.group import Entry, GroupCommit
from app.storage.units import T, Unit
from integrations.clock import Clock
from integrations.samples import Sample

GROUP_SECONDS = 0.002
GROUP_UNITS = 256
QUEUE_UNITS = 10_000
DEADLINE = 10.0
DRAIN_SECONDS = 10.0


class SQLiteUnits:
    """Runs units on the storage thread.

    `open_connection` is called on that thread, once. `deadline` is how long a caller waits for its commit,
    `queue_units` how many may wait before further ones are refused; `group_seconds` is how long a group waits
    for more, when the one before it was more than one.
    """

    def __init__(
        self,
        open_connection: Callable[[], sa.Connection],
        *,
        clock: Clock,
        deadline: float = DEADLINE,
        queue_units: int = QUEUE_UNITS,
        group_seconds: float = GROUP_SECONDS,
    ) -> None:
        self._open = open_connection
        self._clock = clock
        self._deadline = deadline
        self._limit = queue_units
        self._window = group_seconds
        self._queue: queue.SimpleQueue[Entry[object] | None] = queue.SimpleQueue()
        self._halt = threading.Event()
        self._commits: GroupCommit | None = None
        self._accepting = self._ended = self._crowded = False
        self._pending = self._refused = 0

    async def start(self) -> None:
        """Open the database on the thread.

        Raises:
            StorageError: what `open_connection` raised; nothing runs then.
        """
        loop, opened, self._stopped = get_running_loop(), anyio.Event(), anyio.Event()
        failures: list[Exception] = []
        threading.Thread(target=self._run, args=(loop, opened, failures), name="storage", daemon=True).start()
        with anyio.CancelScope(shield=True):
            await opened.wait()
        if failures:
            raise failures[0]
        self._accepting = True

    async def run(self, unit: Unit[T]) -> T:
        """Return the unit's result after its commit; a cancelled caller's unit is still stored.

        Raises:
            StorageBusyError: when `queue_units` wait already.
            StorageUnavailableError: after the deadline; the unit is withdrawn unless its commit is under way.
        """
        self._admit()
        entry = Entry(unit)
        self._pending += 1
        self._queue.put(entry)  # type: ignore[arg-type]  # the thread does not look into the result
        with anyio.move_on_after(self._deadline):
            await entry.done.wait()
        if entry.done.is_set():
            return entry.answer()
        entry.abandoned = True
        raise StorageUnavailableError(
            f"not stored within {self._deadline:g} s: {self.healthy() or 'the disk is slow'}"
        )

    async def aclose(self, *, drain: float = DRAIN_SECONDS) -> None:
        """Store what waits, for `drain` seconds at most, and close the file; later units are refused."""
        if not self._accepting:
            return
        self._accepting = False
        self._queue.put(None)
        with anyio.CancelScope(shield=True):
            for limit in (drain, 1.0):
                with anyio.move_on_after(limit):
                    await self._stopped.wait()
                self._halt.set()

    def healthy(self) -> str | None:
        """Why nothing can be stored at present; None when all is well."""
        return "storage is not open" if self._commits is None else self._commits.reason

    def samples(self) -> Iterable[Sample]:
        """Whether it stores, how often and how fast, and what waits."""
        commits = self._commits
        yield Sample("dialtone_storage_up", (), float(self.healthy() is None))
        yield Sample("dialtone_storage_commits_total", (), commits.commits if commits else 0)
        yield Sample("dialtone_storage_commit_duration_seconds", (), commits.duration if commits else 0.0)
        yield Sample("dialtone_queue_depth", ("storage",), self._pending)
        yield Sample("dialtone_queue_dropped_total", ("storage", "full"), self._refused)

    def _admit(self) -> None:
        if not self._accepting:
            raise StorageUnavailableError("storage is not open")
        if self._pending >= self._limit:
            self._refused += 1
            raise StorageBusyError(f"{self._pending} units wait to be stored already; try again later")

    def _deliver(self, entries: Sequence[Entry[object]]) -> None:
        """Let the callers resume; on the event loop."""
        self._pending -= len(entries)
        for entry in entries:
            entry.done.set()

    # What follows runs on the thread.

    def _run(self, loop: AbstractEventLoop, opened: anyio.Event, failures: list[Exception]) -> None:
        def tell(callback: Callable[..., object], *arguments: object) -> None:
            with contextlib.suppress(RuntimeError):  # The loop is closed: nobody waits any more.
                loop.call_soon_threadsafe(callback, *arguments)

        try:
            commits = self._commits = GroupCommit(self._open(), self._clock)
        except Exception as error:  # noqa: BLE001 - whatever it is, start() raises it
            failures.append(error)
            tell(opened.set)
            return
        tell(opened.set)
        try:
            self._serve(commits, lambda entries: tell(self._deliver, entries))
        finally:
            self._commits = None
            commits.close()
            tell(self._stopped.set)

    def _serve(self, commits: GroupCommit, deliver: Callable[[Sequence[Entry[object]]], None]) -> None:
        again: list[Entry[object]] = []
        while again or not self._ended:
            group = self._collect(again, commits)
            live = [entry for entry in group if not entry.abandoned]
            if self._halt.is_set():
                deliver(self._given_up(group, commits))
                return
            again = commits.store(live) if live else []
            if not live and commits.reason is not None:
                commits.probe()
            kept = set(map(id, again))
            deliver([entry for entry in group if id(entry) not in kept])

    def _collect(self, again: list[Entry[object]], commits: GroupCommit) -> list[Entry[object]]:
        """Take what waits: after a pause when storing fails, else when the first one comes."""
        group = list(again)
        if group:
            self._halt.wait(commits.wait)
        elif first := self._take(None if commits.reason is None else commits.wait):
            group.append(first)
        # A lone caller would only wait for itself; who comes in numbers comes again together.
        until = self._clock.monotonic() + (self._window if self._crowded else 0.0)
        while group and len(group) < GROUP_UNITS:
            entry = self._take(max(until - self._clock.monotonic(), 0.0))
            if entry is None:
                break
            group.append(entry)
        self._crowded = len(group) > 1
        return group

    def _take(self, timeout: float | None) -> Entry[object] | None:
        """The next entry; None when there is none in time, or no more will come."""
        if self._ended:
            return None
        try:
            entry = self._queue.get(timeout != 0.0, timeout or None)
        except queue.Empty:
            return None
        self._ended = entry is None
        return entry

    def _given_up(self, group: list[Entry[object]], commits: GroupCommit) -> list[Entry[object]]:
        while entry := self._take(0.0):
            group.append(entry)
        for entry in group:
            entry.error = StorageUnavailableError(f"closed before it was stored: {commits.reason}")
        return group
