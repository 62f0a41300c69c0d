"""Damages logs and fills disks under processes that are killed, over one directory each."""

import random
import time
from pathlib import Path

from tests.crash.analytics_rounds import Cradle, Report, cradle
from tests.crash.disks import Disk, disk

ANSWERS_WITHIN = 5.0
DISK = 128 << 20
NEVER = 1e6


def flip_rounds(folder: Path, *, flips: int, seed: int) -> tuple[Report, int]:
    """Turn one bit of the log over after each death; return how many times there was a log to damage, too."""
    chance, flipped = random.Random(seed), 0
    with cradle(folder) as lives:
        while flipped < flips:
            lives.live(chance.uniform(0.4, 1.4), checkpoint_seconds=chance.choice((0.4, NEVER, NEVER)))
            flipped += _flip(lives.folder / "hot.duckdb.wal", chance)
        return lives.end(), flipped


def full_rounds(folder: Path, *, fills: int, seed: int, floor: int) -> tuple[Report, list[float], str]:
    """Fill the disk under each life. Half of them are killed while it is full, and half of those are followed
    by one that starts before there is room; the others must find their way back by themselves. Return also
    the seconds from when there was room until queries were answered, and what the disk is.
    """
    chance, waits = random.Random(seed), []
    with (
        disk(folder.parent / f"{folder.name}-disk", size=DISK) as small,
        cradle(folder, disk=small.path, disk_floor=floor) as lives,
    ):
        for number in range(fills):
            with lives.life() as pid:
                lives.answers_after(time.monotonic(), within=30)
                time.sleep(chance.uniform(0.0, 1.5))
                small.fill(pid, left=chance.choice((0, 0, 4_096, 1 << 16, 1 << 20)))
                time.sleep(chance.uniform(0.0, 2.5))
                if number % 2:
                    waits.append(_answered_with_room(lives, small, pid))
                    time.sleep(chance.uniform(0.0, 1.0))
            if number % 4 == 0:
                with lives.life() as pid:
                    time.sleep(chance.uniform(0.2, 1.0))
                    waits.append(_answered_with_room(lives, small, pid))
            small.free(pid)
        return lives.end(), waits, small.name


def _answered_with_room(lives: Cradle, small: Disk, pid: int) -> float:
    small.free(pid)
    return lives.answers_after(time.monotonic(), within=60.0)


def _flip(log: Path, chance: random.Random) -> bool:
    """Turn over one bit of a file; whether it has any."""
    content = bytearray(log.read_bytes()) if log.exists() else bytearray()
    if not content:
        return False
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    log.write_bytes(content)
    return True
