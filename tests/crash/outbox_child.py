"""Processes to be killed: each puts messages into an outbox and delivers them, as fast as it can.

    python -m tests.crash.outbox_child

A line of JSON on stdin (a Life) starts one as a fork of this process, so that a life costs no imports; its
pid is written to stdout. It notes in `confirmed` what was committed, by write(2), which outlives the process.
"""

import os
import random
import signal
import sys
import time
from collections.abc import Collection, Sequence
from pathlib import Path

import anyio
import msgspec

from app.storage.storage import Storage
from integrations.clock import SystemClock
from integrations.signals import Signal
from monitors.alerts.exchange import Exchange
from monitors.alerts.formats.drawing import Letter
from monitors.alerts.outbox import Crowd, Delivery, Finished, Outbox
from monitors.alerts.schedule import Sent
from monitors.alerts.sending import Sender
from tests.fakes.delivering import Delivering, delivering, local, told

RECEIVERS = 12
SUBJECTS = 3
WRITERS = 8
POINTS = (
    "before enqueue",
    "after enqueue",
    "before claim",
    "after claim",
    "before send",
    "after send",
    "before finish",
    "after finish",
)


class Life(msgspec.Struct, frozen=True, kw_only=True):
    """One life: where, against which receiver, dying at the `after`-th time of a point (empty: by another's
    hand), with the wall clock jumping by `jump` seconds and the disk failing by `trouble` for a while. Its
    writers pause for `pace` seconds; `writes` false: it only delivers what is there.
    """

    folder: str
    port: int
    seed: int
    point: str = ""
    after: int = 1
    jump: float = 0.0
    trouble: str = ""
    writes: bool = True
    pace: float = 0.02


class JumpingClock(SystemClock):
    """The system's clocks, of which the wall clock can be set."""

    def __init__(self) -> None:
        self.jump = 0.0

    def time(self) -> float:  # type: ignore[override]  # the system's is a function
        return time.time() + self.jump


class Death:
    """Ends the process at a named point."""

    def __init__(self, life: Life) -> None:
        self._point, self._left = life.point, life.after

    def at(self, point: str) -> None:
        if point == self._point:
            self._left -= 1
            if self._left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)


class MortalOutbox:
    """An outbox that passes the points around claiming and finishing."""

    def __init__(self, inner: Outbox, death: Death) -> None:
        self._inner, self._death = inner, death

    async def claim(self, *, now: float, lease: float, limit: int, crowd: Crowd) -> Sequence[Delivery]:
        self._death.at("before claim")
        claimed = await self._inner.claim(now=now, lease=lease, limit=limit, crowd=crowd)
        if claimed:
            self._death.at("after claim")
        return claimed

    async def finish(self, finished: Finished) -> None:
        if finished.deliveries:
            self._death.at("before finish")
        await self._inner.finish(finished)
        if finished.deliveries:
            self._death.at("after finish")

    async def next_due(self) -> float | None:
        return await self._inner.next_due()

    async def overdue(self, now: float, receivers: Collection[str]) -> Sequence[Delivery]:
        return await self._inner.overdue(now, receivers)


class MortalSender:
    """A sender that passes the points around sending."""

    def __init__(self, inner: Sender, death: Death) -> None:
        self._inner, self._death = inner, death

    async def send(self, letter: Letter) -> Sent:
        self._death.at("before send")
        sent = await self._inner.send(letter)
        self._death.at("after send")
        return sent

    async def converse(self, letter: Letter) -> tuple[Sent, tuple[Exchange, ...]]:
        return await self._inner.converse(letter)

    def repeat_after(self, letter: Letter) -> float | None:
        return self._inner.repeat_after(letter)

    async def aclose(self) -> None:
        await self._inner.aclose()


class Writer:
    """Puts messages in, and notes those of which the commit returned."""

    def __init__(self, life: Life, running: Delivering, clock: JumpingClock, death: Death) -> None:
        self._running, self._clock, self._death = running, clock, death
        self._rng = random.Random(life.seed)
        self._confirmed = os.open(f"{life.folder}/confirmed", os.O_APPEND | os.O_CREAT | os.O_WRONLY)
        self._start = life.seed * 1_000_000
        self._pace = life.pace
        self.refused = 0

    async def write(self, number: int) -> None:
        """Put messages of its own subjects in, in order, until the end."""
        sequence = self._start
        while True:
            sequence += 1
            some = [
                told(
                    f"r{self._rng.randrange(RECEIVERS)}",
                    subject=f"w{number}-{subject}",
                    sequence=sequence,
                    at=self._clock.time(),
                )
                for subject in range(SUBJECTS)
            ]
            self._death.at("before enqueue")
            try:
                await self._running.put(some)
            except Exception:  # noqa: BLE001 - storage refuses while it fails: nothing was confirmed
                self.refused += 1
                await anyio.sleep(0.02)
                continue
            self._death.at("after enqueue")
            os.write(self._confirmed, b"".join(one.id.encode() + b"\n" for one in some))
            await anyio.sleep(self._pace)


async def live(life: Life) -> None:
    clock, death = JumpingClock(), Death(life)
    receivers = [local(f"r{n}", f"http://127.0.0.1:{life.port}/r{n}", timeout=2.0) for n in range(RECEIVERS)]

    def publish(_: Signal) -> None:
        """Nobody listens."""

    async with delivering(
        Path(life.folder), receivers, clock=clock, publish=publish,
        outbox=lambda inner: MortalOutbox(inner, death), sender=lambda inner: MortalSender(inner, death),
    ) as running:  # fmt: skip
        writer = Writer(life, running, clock, death)
        async with anyio.create_task_group() as group:
            for number in range(WRITERS if life.writes else 0):
                group.start_soon(writer.write, number)
            group.start_soon(upset, life, running.storage, clock)
            if not life.writes:
                await until_empty(running.storage)
                group.cancel_scope.cancel()


async def upset(life: Life, storage: Storage, clock: JumpingClock) -> None:
    """Let the clock jump and the disk fail for a while, soon after the start."""
    await anyio.sleep(0.1)
    clock.jump += life.jump
    if life.trouble:
        pages = await storage._units.run(lambda c: c.exec_driver_sql("PRAGMA page_count").scalar_one())
        await _pragma(
            storage, *{"full": ("max_page_count", pages), "read-only": ("query_only", 1)}[life.trouble]
        )
        await anyio.sleep(0.3)
        await _pragma(
            storage, *{"full": ("max_page_count", 2**30), "read-only": ("query_only", 0)}[life.trouble]
        )


async def _pragma(storage: Storage, name: str, value: int) -> None:
    await storage._units.run(lambda c: c.exec_driver_sql(f"PRAGMA {name} = {value}").close())


async def until_empty(storage: Storage) -> None:
    while any(one.waiting for one in await storage.outbox_keeping.backlog()):  # noqa: ASYNC110 - nobody tells
        await anyio.sleep(0.05)


def main() -> None:
    for line in sys.stdin:
        life = msgspec.json.decode(line, type=Life)
        pid = os.fork()
        if pid == 0:
            sys.stdin.close()
            log = os.open(f"{life.folder}/child.log", os.O_APPEND | os.O_CREAT | os.O_WRONLY)
            os.dup2(log, 1)
            os.dup2(log, 2)
            anyio.run(live, life)
            os._exit(0)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(f"{status}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
