"""Kills delivering processes, again and again over one outbox, before a receiver that records everything."""

import os
import random
import signal
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec.structs import replace

from tests.crash.nursery import Nursery, nursery
from tests.crash.outbox_child import POINTS, Life
from tests.fakes.receiver_server import Received, ReceiverServer, Reply

LONGEST_LIFE = 30.0


class Recorder:
    """Records all requests in order, and fails some of them."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        self._lock = threading.Lock()
        self.taken: list[tuple[str, str, str, int]] = []
        self.bodies: dict[str, bytes] = {}
        self.changed: list[str] = []

    def take(self, request: Received) -> Reply:
        """Answer 204 to most, 503 or nothing to some; what is answered 204 counts as taken."""
        chance = self._rng.random()
        if chance < 0.02:
            return 503, 0.0
        if chance < 0.03:
            return 0, 0.0
        message = request.headers["webhook-id"]
        data = msgspec.json.decode(request.body)["data"]
        with self._lock:
            if self.bodies.setdefault(message, request.body) != request.body:
                self.changed.append(message)
            self.taken.append((message, request.path, data["group_key"], data["sequence"]))
        return 204, 0.0 if chance < 0.9 else self._rng.uniform(0.0, 0.05)


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What all lives came to."""

    kills: int
    points: dict[str, int]
    confirmed: int
    received: int
    duplicates: int
    most_duplicates: int
    lost: tuple[str, ...]
    changed: tuple[str, ...]
    out_of_order: tuple[str, ...]


def kill_rounds(folder: Path, *, rounds: int, seed: int, pace: float) -> Report:
    """Let processes live and die, then let the last one deliver what is left."""
    rng, recorder = random.Random(seed), Recorder(seed)
    points: Counter[str] = Counter()
    doubles: list[int] = []
    with ReceiverServer(recorder.take) as server, nursery("tests.crash.outbox_child") as born:
        for number in range(rounds):
            before = len(recorder.taken) - len(recorder.bodies)
            life = replace(_life(rng, number, folder=folder, port=server.port), pace=pace)
            _live_and_die(born, life, after=rng.uniform(0.2, 0.7), recorder=recorder)
            points[life.point or "at random"] += 1
            doubles.append(len(recorder.taken) - len(recorder.bodies) - before)
        last = Life(folder=str(folder), port=server.port, seed=rounds + 1, writes=False)
        born.bear(last)
        assert born.said() == 0, (folder / "child.log").read_text()[-2000:]
    confirmed = _confirmed(folder)
    return Report(
        kills=rounds,
        points=dict(points),
        confirmed=len(confirmed),
        received=len(recorder.bodies),
        duplicates=len(recorder.taken) - len(recorder.bodies),
        most_duplicates=max(doubles),
        lost=tuple(sorted(confirmed - set(recorder.bodies))),
        changed=tuple(recorder.changed),
        out_of_order=tuple(_out_of_order(recorder)),
    )


def _life(rng: random.Random, number: int, *, folder: Path, port: int) -> Life:
    point = rng.choice([*POINTS, *[""] * len(POINTS)])
    return Life(
        folder=str(folder),
        port=port,
        seed=number + 1,
        point=point,
        after=rng.randrange(1, 20),
        jump=rng.choice([0.0, 0.0, 3600.0, -3600.0]),
        trouble=rng.choice(["", "", "full", "read-only"]),
    )


def _live_and_die(born: Nursery, life: Life, *, after: float, recorder: Recorder) -> None:
    """Until it kills itself at its point, or is killed some time after it delivers."""
    before, pid = len(recorder.taken), born.bear(life)
    ends = time.monotonic() + LONGEST_LIFE
    waits = 0.0
    while _is_alive(pid):
        assert time.monotonic() < ends, "the child neither delivers nor dies"
        time.sleep(0.005)
        if len(recorder.taken) > before:
            waits += 0.005
        if waits >= after * (4 if life.point else 1):
            os.kill(pid, signal.SIGKILL)
            break
    assert born.said() == signal.SIGKILL, "the child ended by itself"


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _confirmed(folder: Path) -> set[str]:
    """What was confirmed; a last line that the kill cut short was not."""
    return {line for line in (folder / "confirmed").read_text().split("\n") if len(line) == 36}


def _out_of_order(recorder: Recorder) -> Iterator[str]:
    newest: dict[tuple[str, str], int] = defaultdict(int)
    for message, receiver, subject, sequence in recorder.taken:
        if sequence < newest[receiver, subject]:
            yield f"{message}: {subject} at {receiver} went from {newest[receiver, subject]} to {sequence}"
        newest[receiver, subject] = max(newest[receiver, subject], sequence)
