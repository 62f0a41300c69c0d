"""The repositories on a real PostgreSQL, which is started here; needs initdb and `dialtone[postgres]`."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import anyio
import msgspec
import pytest
import sqlalchemy as sa

from app.storage import signal_log
from app.storage.errors import StorageUnavailableError
from app.storage.postgresql import POOL_SIZE, PostgreSQLUnits
from app.storage.storage import Storage, open_storage
from integrations.clock import SystemClock
from integrations.credentials.secret import Secret
from integrations.execution.status import SavedLine, SavedQuota
from integrations.signals import Evidence, Health, HealthChange, OperatorAction
from monitors.alerts.alert import Alert
from monitors.alerts.consequences import NOTHING, Consequences
from monitors.alerts.standing import Phase, Standing
from monitors.incident import Incident
from monitors.report import SavedHealth

pytest.importorskip("psycopg")

HOMES = ("/usr/lib/postgresql/17/bin", "/usr/lib/postgresql/16/bin", "/usr/lib/postgresql/15/bin")


class PostgreSQL:
    """A server of its own on a unix socket; runs as the user `postgres` where we are root."""

    def __init__(self, folder: Path, binaries: Path) -> None:
        self.folder = folder
        self._binaries = binaries
        self._data = folder / "data"

    def run(self, program: str, *arguments: str) -> None:
        command: Sequence[str] = [str(self._binaries / program), *arguments]
        user = "postgres" if os.geteuid() == 0 else None
        subprocess.run(
            command, check=True, user=user, cwd=self.folder,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def make(self) -> None:
        self.run("initdb", "-D", str(self._data), "-U", "dialtone", "-A", "trust", "--no-sync")

    def start(self) -> None:
        options = f"-c listen_addresses='' -c unix_socket_directories={self.folder}"
        self.run("pg_ctl", "-D", str(self._data), "-w", "-o", options, "start")

    def stop(self) -> None:
        self.run("pg_ctl", "-D", str(self._data), "-m", "immediate", "stop")

    @property
    def url(self) -> str:
        return f"postgresql://dialtone@/postgres?host={self.folder}"


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    found = shutil.which("initdb", path=os.pathsep.join((*HOMES, os.environ["PATH"])))
    if found is None:
        pytest.skip("initdb is not installed")
    # Not below pytest's own folder, which the user `postgres` may not enter.
    with tempfile.TemporaryDirectory() as folder:
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres")
        server = PostgreSQL(Path(folder), Path(found).resolve().parent)
        server.make()
        server.start()
        yield server
        server.stop()


@pytest.fixture
async def storage(server: PostgreSQL, tmp_path: Path) -> AsyncIterator[Storage]:
    storage = open_storage(Secret(server.url), state_dir=tmp_path, clock=SystemClock())
    await storage.start()
    yield storage
    await storage.aclose()


def change(at: float) -> HealthChange:
    return HealthChange(
        at=at, integration="a", vendor="http", capability="", before=Health.UP, after=Health.DOWN,
        evidence=Evidence.CHECK, reason="timeout", since=at,
    )  # fmt: skip


def action(at: float) -> OperatorAction:
    return OperatorAction(at=at, actor="oncall", action="pause", integration="a")


async def test_everything_comes_back_as_it_was(storage: Storage) -> None:
    line = SavedLine(integration="a", quotas=(SavedQuota(bucket="core", remaining=1.5),))
    health = SavedHealth(integration="a", capabilities=(), state=Health.DOWN, since=1.0)
    for _ in range(2):
        await storage.execution.save_lines([line, SavedLine(integration="b")])
        await storage.health.save_health([health], [change(1.0), change(2.0)], NOTHING)
    await storage.operators.record(action(3.0))

    assert list(await storage.execution.load_lines()) == [line, SavedLine(integration="b")]
    assert list(await storage.health.load_health()) == [health]
    assert [each.at for each in await storage.signals.recent_changes("a", 3)] == [2.0, 1.0, 2.0]
    assert list(await storage.operators.recent(9)) == [action(3.0)]
    numbers = [number for number, _ in await storage.signals.signals_after(0, 9)]
    assert len(numbers) == 5
    assert await storage.signals.trim(copied=numbers[1], before=10.0) == 2
    assert storage.healthy() is None


async def test_incidents_and_alerts_are_stored_with_their_change(storage: Storage) -> None:
    alert = Alert(labels={"alertname": "IntegrationDown"}, annotations={}, starts_at=1.0)
    row = Standing(alert=alert, rule="IntegrationDown", subjects=("health:a",), phase=Phase.FIRING)
    opened = Incident(
        id="inc-1", integration="a", vendor="http", capability="", state=Health.DOWN,
        evidence=Evidence.CHECK, reason="timeout", began_at=1.0, opened_at=1.0,
    )  # fmt: skip
    resolved = msgspec.structs.replace(opened, resolved_at=5.0, version=2)
    both = Consequences(incidents=(opened,), standing=(row,), groups=())
    for _ in range(2):
        await storage.health.save_health([], [change(1.0)], both)
    assert await storage.incidents.load() == ([opened], [row])

    ended = msgspec.structs.replace(row, phase=Phase.ENDED)
    await storage.health.save_health([], [], Consequences(incidents=(resolved,), standing=(ended,)))
    assert await storage.incidents.load() == ([resolved], [])
    assert list(await storage.incidents.incidents(integration="a", before=9.0)) == [resolved]
    assert await storage.incidents.forget(before=6.0) == 1
    assert await storage.incidents.incident("inc-1") is None


async def test_a_cursor_never_passes_a_number_that_is_committed_later(storage: Storage) -> None:
    """Sixteen writers at once; a reader that follows by cursor sees every row exactly once."""
    start = [number for number, _ in await storage.signals.signals_after(0, 10_000)]
    seen: list[int] = []
    done = anyio.Event()

    async def write() -> None:
        for number in range(20):
            await storage.operators.record(action(float(number)))

    async def read() -> None:
        cursor = max(start, default=0)
        while True:
            is_last = done.is_set()
            rows = await storage.signals.signals_after(cursor, 50)
            seen.extend(number for number, _ in rows)
            cursor = rows[-1][0] if rows else cursor
            if is_last and not rows:
                return

    async with anyio.create_task_group() as readers:
        readers.start_soon(read)
        async with anyio.create_task_group() as writers:
            for _ in range(16):
                writers.start_soon(write)
        done.set()

    assert len(seen) == len(set(seen)) == 320


async def test_a_unit_that_raises_leaves_nothing(server: PostgreSQL) -> None:
    units = PostgreSQLUnits(server.url, clock=SystemClock())
    await units.start()
    before = await units.run(
        lambda connection: connection.scalar(sa.select(sa.func.max(signal_log.signal_log.c.id)))
    )

    def failing(connection: sa.Connection) -> None:
        signal_log.append(connection, [action(1.0)])
        raise KeyError("the unit's own mistake")

    with pytest.raises(KeyError):
        await units.run(failing)

    after = await units.run(
        lambda connection: connection.scalar(sa.select(sa.func.max(signal_log.signal_log.c.id)))
    )
    assert after == before
    await units.aclose()


async def test_connections_that_leaving_callers_still_use_are_waited_for(server: PostgreSQL) -> None:
    units = PostgreSQLUnits(server.url, clock=SystemClock(), deadline=15)
    await units.start()

    with anyio.move_on_after(0.5):
        async with anyio.create_task_group() as group:
            for _ in range(POOL_SIZE):
                group.start_soon(
                    units.run, lambda connection: connection.scalar(sa.text("SELECT pg_sleep(7)"))
                )

    assert await units.run(lambda connection: connection.scalar(sa.text("SELECT 1"))) == 1
    assert units._engine is not None
    with anyio.fail_after(5):
        while not units._engine.pool.status().endswith("out connections: 0"):  # noqa: ASYNC110 - threads end
            await anyio.sleep(0.05)
    await units.aclose()


async def test_an_outage_is_told_and_a_unit_is_stored_when_the_server_is_back(server: PostgreSQL) -> None:
    units = PostgreSQLUnits(server.url, clock=SystemClock(), deadline=15)
    await units.start()
    server.stop()
    outcome: list[str] = []

    async def store() -> None:
        await units.run(lambda connection: signal_log.append(connection, [action(99.0)]))
        outcome.append("stored")

    async with anyio.create_task_group() as group:
        group.start_soon(store)
        with anyio.fail_after(10):
            while units.healthy() is None:  # noqa: ASYNC110 - a server goes away for real
                await anyio.sleep(0.01)
        assert outcome == []
        server.start()

    assert outcome == ["stored"]
    assert units.healthy() is None
    await units.aclose()


async def test_recovery_is_noticed_without_a_caller(server: PostgreSQL) -> None:
    units = PostgreSQLUnits(server.url, clock=SystemClock(), deadline=0.5)
    await units.start()
    server.stop()
    with pytest.raises(StorageUnavailableError, match=r"not stored within 0\.5 s"):
        await units.run(lambda connection: signal_log.append(connection, [action(1.0)]))
    assert units.healthy() is not None

    server.start()

    with anyio.fail_after(10):
        while units.healthy() is not None:  # noqa: ASYNC110 - a server comes back for real
            await anyio.sleep(0.01)
    await units.aclose()


async def test_without_a_server_the_start_is_refused(tmp_path: Path) -> None:
    units = PostgreSQLUnits(f"postgresql://dialtone@/postgres?host={tmp_path}", clock=SystemClock())

    with pytest.raises(StorageUnavailableError, match="cannot use the database"):
        await units.start()
