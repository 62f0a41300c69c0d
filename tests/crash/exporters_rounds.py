"""Kills exporting processes, again and again over the same spools, before intakes that misbehave."""

import os
import random
import signal
import time
from pathlib import Path

import msgspec

from exporters.settings import Temporality
from tests.crash.exporters_child import ALL, DATADOG_KEY, NEWRELIC_KEY, OTLP_KEY, SHARED, Life
from tests.crash.nursery import Nursery, nursery
from tests.fakes.all_intakes import AllIntakes, DatadogStore
from tests.fakes.newrelic_intake import NewRelicIntake
from tests.fakes.otlp_intake import CUMULATIVE, DELTA, OTLPIntake
from tests.fakes.receiver_server import ReceiverServer

CALLS = "dialtone.calls"
LONGEST = 2.4
"""Seconds that a life lasts at most; a window is cut each second."""
RATE = 400


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """What one life counted: in all, until its last cut of a window, and until the cut before that."""

    name: str
    counted: int
    last_cut: int
    cut_before: int


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What all lives came to. `lost` are the calls of each life that an intake was never told of."""

    kills: int
    counted: int
    told: dict[str, float]
    lost: dict[str, list[int]]
    requests: int
    troubles: dict[str, int]
    faults: list[str]
    wrong: list[str]


def kill_rounds(
    folder: Path, *, rounds: int, seed: int, temporality: Temporality = Temporality.DELTA
) -> Report:
    """Let processes count and die; then let the last one send what is left."""
    chance = random.Random(seed)
    shared = folder.parent / "notes"
    world = _world(temporality, seed)
    folder.mkdir()
    with ReceiverServer(world.take) as server, nursery("tests.crash.exporters_child") as born:
        life = Life(
            name="", folder=str(folder), shared=str(shared), port=server.port, rate=RATE,
            temporality=temporality,
        )  # fmt: skip
        lives = [
            _live_and_die(
                born,
                msgspec.structs.replace(life, name=f"life-{number}"),
                after=chance.uniform(0.0, LONGEST),
            )
            for number in range(rounds)
        ]
        world.is_troubled = False
        shared.write_bytes(bytes(SHARED.size))
        born.bear(msgspec.structs.replace(life, name="last", rate=0))
        assert born.said() == 0, (folder / "child.log").read_text()[-2000:]
    return _report(world, lives)


def _world(temporality: Temporality, seed: int) -> AllIntakes:
    taken = DELTA if temporality is Temporality.DELTA else CUMULATIVE
    newrelic = NewRelicIntake(key=NEWRELIC_KEY, now=time.time)
    newrelic.knows_ids = True
    return AllIntakes(
        otlp=OTLPIntake(key=OTLP_KEY, temporality=taken),
        datadog=DatadogStore(DATADOG_KEY),
        newrelic=newrelic,
        seed=seed,
    )


def _live_and_die(born: Nursery, life: Life, *, after: float) -> Round:
    shared = Path(life.shared)
    shared.write_bytes(bytes(SHARED.size))
    pid = born.bear(life)
    ends = time.monotonic() + 30
    while not SHARED.unpack(shared.read_bytes())[0]:
        assert time.monotonic() < ends, "the child counts nothing"
        time.sleep(0.002)
    time.sleep(after)
    os.kill(pid, signal.SIGKILL)
    assert born.said() == signal.SIGKILL, "the child ended by itself"
    counted, last_cut, cut_before = SHARED.unpack(shared.read_bytes())
    return Round(name=life.name, counted=counted, last_cut=last_cut, cut_before=cut_before)


def _report(world: AllIntakes, lives: list[Round]) -> Report:
    told = {life.name: world.totals(CALLS, integration=life.name) for life in lives}
    return Report(
        kills=len(lives),
        counted=sum(life.counted for life in lives),
        told=world.totals(CALLS, integration=ALL),
        lost={
            intake: [life.counted - int(told[life.name][intake]) for life in lives]
            for intake in ("otlp", "datadog", "newrelic")
        },
        requests=world.requests,
        troubles=world.troubles,
        faults=world.faults(),
        wrong=[
            f"{intake} was told of {calls} calls of {life}"
            for life in lives
            for intake, calls in told[life.name].items()
            if calls not in {life.last_cut, life.cut_before}
        ],
    )
