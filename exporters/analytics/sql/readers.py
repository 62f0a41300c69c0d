"""The pool of reader processes: started when needed, kept for the next question, killed when they hang."""

import contextlib
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from subprocess import DEVNULL, PIPE
from typing import TypeVar

import anyio
import anyio.to_thread
import msgspec
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream

from exporters.analytics.sql.frames import HEAD, LARGEST, Question, Reply, packed
from exporters.analytics.sql.limits import KILL_AFTER
from integrations.clock import Clock

_START_SECONDS = 10.0
_END_SECONDS = 5.0
_MODULE = "exporters.analytics.sql.process"
_SLACK = 1 << 20

T = TypeVar("T")


class ReaderLost(RuntimeError):  # noqa: N818 - the name says what happened
    """A reader ended without an answer, or had to be killed; `is_late` says that its time was over."""

    def __init__(self, message: str, *, is_late: bool = False) -> None:
        super().__init__(message)
        self.is_late = is_late


class NoReader(ReaderLost):
    """No process became free in time."""


class ReaderProcess:
    """One process, which answers one question at a time. Files that it was asked for lie in `directory`."""

    def __init__(self, process: Process, directory: Path, *, clock: Clock) -> None:
        if process.stdin is None or process.stdout is None:
            raise ValueError("a reader needs its stdin and stdout")
        self.pid = process.pid
        self.idle_since = clock.monotonic()
        self.directory = directory
        self._process = process
        self._clock = clock
        self._stdin = process.stdin
        self._stdout = BufferedByteReceiveStream(process.stdout)

    @classmethod
    async def start(
        cls,
        directory: Path,
        *,
        memory: int,
        written: int,
        clock: Clock,
        space: int | None = None,
        python: str = sys.executable,
    ) -> "ReaderProcess":
        """Start one. It inherits nothing of the environment, where secrets may be.

        Raises:
            ReaderLost: when it does not come up.
        """
        own = await anyio.to_thread.run_sync(_made_within, directory)
        command = [python, "-I", "-m", _MODULE, str(own), str(memory), str(written)]
        command += [] if space is None else [str(space)]
        try:
            process = await anyio.open_process(
                command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env={}, cwd="/"
            )
        except BaseException:
            _remove(own)
            raise
        reader = cls(process, own, clock=clock)
        try:
            with anyio.fail_after(_START_SECONDS):
                await reader._receive(Reply)
        except (TimeoutError, anyio.IncompleteRead, anyio.EndOfStream) as error:
            await reader.kill()
            raise ReaderLost("a reader process did not start; see analytics.sql_memory_bytes") from error
        except BaseException:
            await reader.kill()
            raise
        return reader

    async def ask(self, question: Question) -> tuple[Reply, bytes]:
        """Return its answer.

        Raises:
            ReaderLost: when it has ended, or goes on after its time; kill it then.
        """
        try:
            with anyio.fail_after(question.seconds + KILL_AFTER):
                await self._stdin.send(packed(question))
                reply = await self._receive(Reply)
                if reply.size > question.max_bytes + _SLACK:
                    raise ReaderLost("a reader's answer is larger than it may be")
                body = await self._stdout.receive_exactly(reply.size)
        except TimeoutError as error:
            message = f"the query took longer than {question.seconds:g} s and was killed; narrow it"
            raise ReaderLost(message, is_late=True) from error
        except (
            anyio.IncompleteRead,
            anyio.EndOfStream,
            anyio.BrokenResourceError,
            msgspec.DecodeError,
        ) as error:
            message = (
                "the query ended its reader process: it needs more memory, or a deeper stack, than it may use"
            )
            raise ReaderLost(message) from error
        self.idle_since = self._clock.monotonic()
        return reply, body

    async def kill(self) -> None:
        """End it at once, and remove what it made."""
        with anyio.CancelScope(shield=True), anyio.move_on_after(_END_SECONDS):
            # Not Process.kill, which would reap a process that has just died before asyncio can.
            if self._process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self.pid, signal.SIGKILL)
            await self._process.aclose()
            await anyio.to_thread.run_sync(_remove, self.directory)

    async def _receive(self, shape: type[T]) -> T:
        (length,) = HEAD.unpack(await self._stdout.receive_exactly(HEAD.size))
        if length > LARGEST:
            raise ReaderLost("a reader speaks nonsense")
        return msgspec.json.decode(await self._stdout.receive_exactly(length), type=shape)


class ReaderPool:
    """At most `size` processes; who asks while all are busy waits in turn."""

    def __init__(
        self,
        directory: Path,
        *,
        size: int,
        memory: int,
        written: int,
        clock: Clock,
        space: int | None = None,
    ) -> None:
        self._directory = directory
        self._memory = memory
        self._space = space
        self._written = written
        self._clock = clock
        self._turns = anyio.Semaphore(size)
        self._idle: list[ReaderProcess] = []
        self._is_swept = False

    @contextlib.asynccontextmanager
    async def reader(self, patience: float) -> AsyncIterator[ReaderProcess]:
        """Lend a process; wait for one up to `patience` seconds. It is killed when the use of it fails or is
        cancelled, and another takes its place.

        Raises:
            NoReader: when none becomes free in time.
            ReaderLost: when none can be started.
        """
        try:
            with anyio.fail_after(patience):
                await self._turns.acquire()
        except TimeoutError as error:
            raise NoReader(f"no reader became free within {patience:g} s; try again in a moment") from error
        try:
            reader = self._idle.pop() if self._idle else await self._start()
            try:
                yield reader
            except BaseException:
                await reader.kill()
                raise
            self._idle.append(reader)
        finally:
            self._turns.release()

    async def reap(self, idle_seconds: float) -> None:
        """End the processes that nobody has needed for so long."""
        now = self._clock.monotonic()
        old = [reader for reader in self._idle if now - reader.idle_since >= idle_seconds]
        self._idle = [reader for reader in self._idle if reader not in old]
        for reader in old:
            await reader.kill()

    async def aclose(self) -> None:
        """End all that are idle; the others end with their questions."""
        await self.reap(0.0)

    async def _start(self) -> ReaderProcess:
        try:
            if not self._is_swept:
                self._is_swept = True
                await anyio.to_thread.run_sync(_remove, self._directory)
            return await ReaderProcess.start(
                self._directory,
                memory=self._memory,
                written=self._written,
                clock=self._clock,
                space=self._space,
            )
        except OSError as error:
            raise ReaderLost(f"a reader process cannot be started: {type(error).__name__}") from error


def _made_within(directory: Path) -> Path:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix="reader-", dir=directory))


def _remove(directory: Path) -> None:
    shutil.rmtree(directory, ignore_errors=True)
