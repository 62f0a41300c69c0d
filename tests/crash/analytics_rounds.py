"""Kills analytics processes, again and again over one directory, and holds what each finds against what those
before it had acknowledged.
"""

import contextlib
import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import msgspec
from msgspec.structs import replace

from tests.crash.analytics_child import REQUEST_EVERY, Life, Verdict
from tests.crash.analytics_notes import Range, missing, notes
from tests.crash.nursery import Nursery, nursery

RATE = 5_000
PATIENCE, EARLY = 30.0, 0.2
DAYS_A_SECOND = 0.5
"""How quickly days pass, so that there is something to seal."""


class Report(msgspec.Struct, kw_only=True):
    """What all lives came to. `seconds` until each that lived long enough answered; `unacknowledged` are rows
    that were published in each life and are not there, for which nothing was promised.
    """

    kills: int = 0
    early: int = 0
    acknowledged: int = 0
    lost: int = 0
    doubled: int = 0
    seconds: list[float] = []
    unacknowledged: list[int] = []
    set_aside: int = 0
    sealed: int = 0

    def __str__(self) -> str:
        return (
            f"{self.kills} kills ({self.early} before an answer), {self.acknowledged:,} acknowledged rows: "
            f"{self.lost} lost, {self.doubled} doubled; published and not acknowledged: "
            f"median {median(self.unacknowledged) / RATE * 1e3:.0f}, at most "
            f"{max(self.unacknowledged) / RATE * 1e3:.0f} ms worth; answers again after at most "
            f"{max(self.seconds):.2f} s; {self.sealed} sealed files, "
            f"{self.set_aside} files set aside"
        )


class Cradle:
    """Bears lives over one directory, one after another, and judges by what the next says."""

    def __init__(self, folder: Path, born: Nursery, *, disk: Path | None = None, disk_floor: int = 0) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = (disk or folder) / "analytics"
        self.report = Report()
        self._born = born
        self._notes = folder / "notes"
        self._life = Life(
            folder=str(self.folder),
            notes=str(self._notes),
            verdict=str(folder / "verdict"),
            rate=RATE,
            born=time.monotonic(),
            speed=DAYS_A_SECOND * 86_400,
            disk_floor=disk_floor,
        )
        self._published = 0
        self._found: tuple[Range, ...] = ()

    @contextmanager
    def life(self, **life: float) -> Iterator[int]:
        """Bear one, and give its process; kill it at the end, and judge what it had found."""
        Path(self._life.verdict).unlink(missing_ok=True)
        pid = self._born.bear(replace(self._life, **life))
        try:
            yield pid
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            status = self._born.said()
        assert status == signal.SIGKILL, f"it ended by itself: {self._log()}"
        self.report.kills += 1
        self._judge()

    def live(self, seconds: float, **life: float) -> None:
        """Let one live for so long."""
        with self.life(**life):
            time.sleep(seconds)

    def answers_after(self, since: float, *, within: float) -> float:
        """Return how many seconds after `since` (monotonic) a query was answered.

        Raises:
            AssertionError: when none is in time.
        """
        with notes(self._notes) as told:
            while told.answered < since:
                assert time.monotonic() < since + within, f"no answer within {within:g} s: {self._log()}"
                time.sleep(0.01)
            return told.answered - since

    def end(self) -> Report:
        """Let one life say what is there at the very end."""
        Path(self._life.verdict).unlink(missing_ok=True)
        self._born.bear(replace(self._life, rate=0))
        status = self._born.said()
        assert status == 0, f"the last life ended with {status}: {self._log()}"
        self._judge()
        with notes(self._notes) as told:
            self.report.acknowledged = sum(last - first + 1 for first, last in told.acknowledged())
        self.report.set_aside = sum(1 for _ in self.folder.glob("*.damaged-*"))
        return self.report

    def _judge(self) -> None:
        verdict = Path(self._life.verdict)
        if not verdict.exists():
            self.report.early += 1
            return
        said = msgspec.json.decode(verdict.read_bytes(), type=Verdict)
        with notes(self._notes) as told:
            promised = [(first, min(last, self._published)) for first, last in told.acknowledged()]
            promised = [one for one in promised if one[0] <= one[1]]
            published = told.published
        self._compare(said, promised)
        self._published, self._found = published, said.calls

    def _compare(self, said: Verdict, promised: list[Range]) -> None:
        """Hold a verdict against what the lives before it promised, and against what was there once."""
        report, wanted = self.report, [_tenth(one) for one in promised]
        report.lost += missing(promised, said.calls) + missing(self._found, said.calls)
        report.lost += missing([one for one in wanted if one[0] <= one[1]], said.requests)
        for found, rows in (
            (said.calls, said.call_rows),
            (said.requests, said.request_rows),
            (said.copied, said.copied_rows),
        ):
            report.doubled += rows - sum(last - first + 1 for first, last in found)
        # What is copied by a cursor has no gaps.
        assert len(said.copied) <= 1, f"gaps in what is copied: {said.copied}"
        assert not said.copied or said.copied[0][0] == 1
        report.seconds.append(said.seconds)
        there = sum(last - first + 1 for first, last in said.calls)
        report.unacknowledged.append(self._published - there - sum(report.unacknowledged))
        report.sealed = said.sealed

    def _log(self) -> str:
        return Path(f"{self._life.verdict}.log").read_text(encoding="utf-8")[-2_000:]


@contextmanager
def cradle(folder: Path, *, disk: Path | None = None, disk_floor: int = 0) -> Iterator[Cradle]:
    """Have lives over a folder until the end; what they keep is on `disk`, if there is one."""
    with nursery("tests.crash.analytics_child") as born:
        yield Cradle(folder, born, disk=disk, disk_floor=disk_floor)


def kill_rounds(folder: Path, *, rounds: int, seed: int, longest: float = 2.0) -> Report:
    """Let lives publish and die: most up to `longest` seconds after a first answer, some before one."""
    chance = random.Random(seed)
    with cradle(folder) as lives:
        for _ in range(rounds):
            if chance.random() < EARLY:
                lives.live(chance.uniform(0.0, 0.3))
                continue
            with lives.life():
                lives.answers_after(time.monotonic(), within=PATIENCE)
                time.sleep(chance.uniform(0.0, longest))
        return lives.end()


def _tenth(numbers: Range) -> Range:
    return -(-numbers[0] // REQUEST_EVERY), numbers[1] // REQUEST_EVERY
