"""Stores units as fast as it can and prints the number of each one that was acknowledged, until killed."""

import itertools
import os
import sys
from pathlib import Path

import anyio

from app.storage.storage import open_storage
from integrations.clock import SystemClock
from integrations.signals import OperatorAction


async def main() -> None:
    storage = open_storage(None, state_dir=Path(sys.argv[1]), clock=SystemClock())
    await storage.start()
    numbers = itertools.count(int(sys.argv[2]))

    async def write() -> None:
        for number in numbers:
            await storage.operators.record(
                OperatorAction(at=float(number), actor="a", action="pause", integration="i")
            )
            os.write(1, f"{number}\n".encode())

    async with anyio.create_task_group() as group:
        for _ in range(16):
            group.start_soon(write)


anyio.run(main)
