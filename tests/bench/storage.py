"""Durable units a second: one caller after another's commit, and many at once; beside a bare SQLite."""

import os
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import anyio

from app.storage.storage import Storage, open_storage
from integrations.clock import SystemClock
from integrations.signals import Evidence, Health, HealthChange
from monitors.alerts.consequences import NOTHING
from monitors.report import SavedHealth

SECONDS = 5.0


def state(number: int) -> tuple[list[SavedHealth], list[HealthChange]]:
    """A confirmed change as the monitor stores it: two rows in two tables."""
    name = f"integration-{number % 200}"
    change = HealthChange(
        at=float(number),
        integration=name,
        vendor="github",
        capability="",
        before=Health.UP,
        after=Health.DOWN,
        evidence=Evidence.CHECK,
        reason="no answer within 10 s",
        since=float(number),
    )
    return [SavedHealth(integration=name, capabilities=(), state=Health.DOWN, since=float(number))], [change]


async def measure(storage: Storage, callers: int) -> list[float]:
    """Seconds from the call to the confirmed commit, of every unit within the time."""
    waits: list[float] = []
    until = time.monotonic() + SECONDS

    async def call(first: int) -> None:
        number = first
        while time.monotonic() < until:
            started = time.monotonic()
            await storage.health.save_health(*state(number), NOTHING)
            waits.append(time.monotonic() - started)
            number += callers

    async with anyio.create_task_group() as group:
        for first in range(callers):
            group.start_soon(call, first)
    return waits


def bare(folder: Path) -> list[float]:
    """The same rows by the standard library's sqlite3, one transaction a unit, without a thread."""
    connection = sqlite3.connect(folder / "bare.sqlite", isolation_level=None)
    for setting in ("locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {setting}")
    connection.execute("CREATE TABLE state (name TEXT PRIMARY KEY, body BLOB)")
    connection.execute("CREATE TABLE log (id INTEGER PRIMARY KEY AUTOINCREMENT, at REAL, body BLOB)")
    waits: list[float] = []
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        started = time.monotonic()
        connection.execute("BEGIN")
        connection.execute("INSERT OR REPLACE INTO state VALUES (?, ?)", (f"i{len(waits) % 200}", b"x" * 120))
        connection.execute("INSERT INTO log (at, body) VALUES (?, ?)", (1.0, b"x" * 250))
        connection.execute("COMMIT")
        waits.append(time.monotonic() - started)
    connection.close()
    return waits


def sync(folder: Path) -> list[float]:
    """What the disk itself takes: 4 KiB appended and fdatasync."""
    handle = os.open(folder / "sync", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    waits: list[float] = []
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        started = time.monotonic()
        os.write(handle, b"x" * 4096)
        os.fdatasync(handle)
        waits.append(time.monotonic() - started)
    os.close(handle)
    return waits


def show(name: str, waits: list[float]) -> None:
    """One line of figures."""
    percentiles = statistics.quantiles(waits, n=100)
    print(
        f"{name:<44} {len(waits) / SECONDS:>8.0f} units/s   "
        f"p50 {percentiles[49] * 1000:>7.2f} ms   p99 {percentiles[98] * 1000:>7.2f} ms"
    )


async def dialtone(folder: Path) -> None:
    """Dialtone's storage with 1, 32 and 256 callers."""
    storage = open_storage(None, state_dir=folder, clock=SystemClock())
    await storage.start()
    for callers in (1, 32, 256):
        before = {sample.metric: sample.value for sample in storage.samples()}
        waits = await measure(storage, callers)
        after = {sample.metric: sample.value for sample in storage.samples()}
        commits = after["dialtone_storage_commits_total"] - before["dialtone_storage_commits_total"]
        show(f"dialtone, {callers} at once, {len(waits) / commits:.1f} a commit", waits)
    await storage.aclose()


def main() -> None:
    """Measure in a temporary folder of the working directory's disk, or of TMPDIR."""
    peers: tuple[tuple[str, Callable[[Path], list[float]]], ...] = (
        ("disk: 4 KiB and fdatasync", sync),
        ("sqlite3 bare, WAL, FULL, one transaction each", bare),
    )
    with tempfile.TemporaryDirectory() as name:
        for title, peer in peers:
            show(title, peer(Path(name)))
        anyio.run(dialtone, Path(name))


if __name__ == "__main__":
    main()
